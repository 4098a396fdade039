"""A calibrated round: a region's score is its probability, and a human's label can lose."""

from collections.abc import Mapping, Sequence

import pytest

from filters.settings import FilterSettings
from shards.finding import GIVEN, Box, Finding
from shards.images import ImageRow
from shards.record import Record
from shards.rounds import IndexRow
from stages.calibrate.consensus import AnnotatorCalibration, Consensus
from stages.calibrate.voice import Voice
from stages.fuse.image import Rules, build_image
from stages.fuse.settings import FuseSettings
from tests.stages.fuse.builders import DOG, FAR, NEAR_DOG, SIZE_WH, annotator, found

BESIDE_DOG: Box = (40.0, 10.0, 140.0, 110.0)  # IoU 0.54 with DOG


def voice(
    weight: float, intercept: float = 0.0, slope: float = 1.0, rival: float = 0.0, presence: float = 0.0
) -> Voice:
    return Voice(100, 50.0, 0.4, 0.6, slope, intercept, weight, presence=presence, rival=rival)


AGREED = Consensus("agreed", {"detector": voice(0.25), "yolo": voice(0.04)})
LEARNED = Consensus(
    "learned",
    {GIVEN: voice(1.0, intercept=2.0, rival=-1.0), "detector": voice(1.0, rival=-5.0)},
    seconded=1.0,
)


def build(
    said: Mapping[str, Sequence[Finding]],
    consensus: Consensus,
    fuse: FuseSettings | None = None,
    filters: FilterSettings | None = None,
) -> tuple[Record, list[IndexRow]]:
    calibration = AnnotatorCalibration(1, "gold", 10, {"object": consensus}, {}, "")
    names = [GIVEN, *(name for name in said if name != GIVEN)]
    rules = Rules(fuse or FuseSettings(), filters or FilterSettings(), tuple(map(annotator, names)), calibration)
    width, height = SIZE_WH
    row = ImageRow(key="dog", uri="dog.jpg", sha256="ab", ext="jpg", width=width, height=height, status="ok")
    return build_image(row, said, rules, {}, 0)


def verdicts_of(rows: Sequence[IndexRow]) -> dict[str, str]:
    return {row.ref: row.rule for row in rows}


def test_a_region_is_as_probable_as_its_votes_say_together() -> None:
    record, _ = build({"detector": [found("dog", 0.6, DOG)], "yolo": [found("dog", 0.9, NEAR_DOG)]}, AGREED)
    [region] = record.regions
    assert region.score == pytest.approx(0.73, abs=0.01)  # (0.25 * logit 0.6 + 0.04 * logit 0.9) / 0.29 + 0.3
    assert [round(vote.weight, 2) for vote in region.votes] == [0.62, 0.38]  # 0.6 * 0.5 and 0.9 * 0.2


def test_a_lone_find_of_the_less_reliable_one_is_less_probable() -> None:
    scores = {}
    for name in ("detector", "yolo"):
        [region] = build({name: [found("dog", 0.6, DOG)]}, AGREED)[0].regions
        scores[name] = region.score
    assert scores["detector"] == pytest.approx(0.53, abs=0.01)
    assert scores["yolo"] == pytest.approx(0.21, abs=0.01)


def test_the_threshold_is_a_probability_and_is_judged_after_fusion() -> None:
    said = {"detector": [found("dog", 0.2, DOG)], "yolo": [found("dog", 0.01, FAR)]}
    record, rows = build(said, AGREED)
    assert [region.text for region in record.regions] == ["dog"]  # 0.2 is less than 0.3, but probable enough
    [dropped] = [row for row in rows if not row.kept]
    assert (dropped.ref, dropped.rule, dropped.threshold) == ("yolo/0", "region.score", 0.01)
    filters = FilterSettings.model_validate({"region": {"min_score": 0.5}})
    assert build(said, AGREED, filters=filters)[0].regions == []


def test_a_threshold_of_an_annotator_is_about_its_scores() -> None:
    filters = FilterSettings.model_validate({"region": {"annotators": {"detector": {"min_score": 0.5}}}})
    _, rows = build({"detector": [found("dog", 0.4, DOG)]}, AGREED, filters=filters)
    assert [(row.rule, row.value, row.threshold) for row in rows] == [("region.score", 0.4, 0.5)]


def test_an_annotator_without_a_voice_is_judged_as_ever() -> None:
    record, rows = build({"other": [found("dog", 0.29, DOG), found("cat", 0.8, FAR)]}, AGREED)
    assert [(region.text, region.score) for region in record.regions] == [("cat", 0.8)]
    assert verdicts_of(rows)["other/0"] == "region.score"


def test_a_human_label_loses_against_strong_evidence_where_that_is_allowed() -> None:
    said = {GIVEN: [found("cat", None, DOG)], "detector": [found("dog", 0.95, NEAR_DOG)]}
    record, rows = build(
        said, LEARNED, FuseSettings(given="filter"), FilterSettings.model_validate({"region": {"min_score": 0.3}})
    )
    assert [region.text for region in record.regions] == ["dog"]
    [overruled] = [row for row in rows if row.source == GIVEN]
    assert (overruled.rule, overruled.threshold) == ("fuse.overruled", 0.3)
    assert overruled.value is not None
    assert overruled.value < 0.1


def test_a_protected_human_label_stays_whatever_is_probable() -> None:
    said = {GIVEN: [found("cat", None, DOG)], "detector": [found("dog", 0.95, NEAR_DOG)]}
    record, _ = build(said, LEARNED, FuseSettings(given="keep"))
    assert ("cat", 1.0) in [(region.text, region.score) for region in record.regions]


def test_boxes_that_join_are_those_of_the_calibration() -> None:
    said = {"detector": [found("dog", 0.9, DOG)], "yolo": [found("dog", 0.9, BESIDE_DOG)]}
    assert len(build(said, AGREED)[0].regions) == 1
    assert len(build(said, AGREED, FuseSettings(box_iou=0.55))[0].regions) == 2
