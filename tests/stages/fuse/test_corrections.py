"""People's corrections on one image: they win, they are found again by place and label, and none is lost."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from filters.confidence import AnnotatorScores
from filters.region import RegionSettings
from filters.settings import FilterSettings
from shards.finding import GIVEN, REVIEWER, Box, Caption, Finding, Mask
from shards.images import ImageRow
from shards.record import AnnotationType, Record, Region
from shards.reviews import Action, Review
from shards.rounds import IndexRow
from stages.fuse.image import Rules, build_image
from stages.fuse.settings import FuseSettings, MergeSettings
from tests.stages.fuse.builders import DOG, FAR, NEAR_DOG, SIZE_WH, annotator, caption, found, parsed, phrase, word

TEXT = "a dog chases a ball"
STRICT = FilterSettings(region=RegionSettings(min_score=0.95))


def review(action: Action, on: AnnotationType, text: str = "", box: Box | None = None, **new: Any) -> Review:
    return Review("image", action, on, "ann", "2026-11-26T10:15:00Z", text=text, box=box, **new)


def corrected(
    findings: Mapping[str, Sequence[Finding]],
    *reviews: Review,
    filters: FilterSettings | None = None,
    fuse: FuseSettings | None = None,
) -> tuple[Record, list[IndexRow]]:
    names = [REVIEWER, GIVEN, *(name for name in findings if name != GIVEN)]
    rules = Rules(fuse or FuseSettings(), filters or FilterSettings(), tuple(map(annotator, names)))
    row = ImageRow("image", "image.jpg", sha256="00", width=SIZE_WH[0], height=SIZE_WH[1], ext="jpg", offset=0, size=1)
    texts = {each.text: parsed(each.text) for said in findings.values() for each in said if isinstance(each, Caption)}
    return build_image(row, findings, rules, texts, 0, reviews)


def named(record: Record) -> list[tuple[str, Box]]:
    return [(region.text, region.box) for region in record.regions]


def voters(region: Region) -> list[str]:
    return [vote.source.ref for vote in region.votes]


def fates(rows: list[IndexRow]) -> list[str]:
    return [row.id if row.kept else row.rule for row in rows if row.type == "review"]


def rules(rows: list[IndexRow]) -> dict[str, str]:
    return {row.ref: row.id if row.kept else row.rule for row in rows if row.type != "review"}


DOGS = {"detector": [found("dog", 0.9, DOG)], "yolo": [found("dog", 0.6, NEAR_DOG)]}


def test_an_accepted_region_is_a_human_vote_that_no_threshold_drops() -> None:
    accept = review("accept", "region", "dog", DOG)
    record, rows = corrected(DOGS, accept)
    assert (named(record), voters(record.regions[0])) == ([("dog", DOG)], ["reviewer/0", "detector/0", "yolo/0"])
    assert fates(rows) == ["r0"]
    record, rows = corrected(DOGS, accept, filters=STRICT)
    assert (named(record), voters(record.regions[0])) == ([("dog", DOG)], ["reviewer/0"])
    assert fates(rows) == ["r0"]


def test_a_rejected_region_goes_and_nothing_takes_its_place() -> None:
    double = {**DOGS, "third": [found("dog", 0.5, (30.0, 10.0, 130.0, 110.0))]}
    loose = FuseSettings(box_iou=0.9)
    filters = FilterSettings(region=RegionSettings(nms_iou=0.6))
    plain, _ = corrected(double, filters=filters, fuse=loose)
    assert len(plain.regions) == 1
    record, rows = corrected(
        double, review("reject", "region", "dog", plain.regions[0].box), filters=filters, fuse=loose
    )
    assert record.regions == []
    assert rules(rows) == dict.fromkeys(("detector/0", "yolo/0", "third/0"), "review.reject")
    assert fates(rows) == [""]


def test_a_rejected_human_label_goes_too() -> None:
    record, rows = corrected({GIVEN: [found("dog", None, DOG)]}, review("reject", "region", "dog", DOG))
    assert (record.regions, rules(rows)) == ([], {"given/0": "review.reject"})


def test_what_is_rejected_but_no_longer_there_is_reported() -> None:
    record, rows = corrected(DOGS, review("reject", "region", "dog", FAR))
    assert len(record.regions) == 1
    assert fates(rows) == ["review.no_target"]
    assert fates(corrected(DOGS, review("reject", "region", "cat", DOG))[1]) == ["review.no_target"]


def test_a_neighbour_of_the_same_label_stays() -> None:
    beside = (60.0, 10.0, 160.0, 110.0)  # IoU 1/3
    two = {"detector": [found("dog", 0.9, DOG), found("dog", 0.8, beside)]}
    record, _ = corrected(two, review("reject", "region", "dog", DOG))
    assert named(record) == [("dog", beside)]


def test_a_renamed_region_keeps_votes_and_mask() -> None:
    mask = Mask(about="detector/0", polygons=[[10.0, 10.0, 90.0, 10.0, 90.0, 90.0]])
    record, rows = corrected({**DOGS, "sam": [mask]}, review("relabel", "region", "dog", DOG, new_text="cat"))
    [region] = record.regions
    assert (region.text, region.score, region.polygons) == ("cat", 1.0, mask.polygons)
    assert voters(region) == ["reviewer/0", "detector/0", "yolo/0"]
    assert fates(rows) == ["r0"]


def test_a_moved_region_is_where_it_was_moved_to() -> None:
    there = (200.0, 200.0, 280.0, 280.0)
    record, rows = corrected(DOGS, review("move", "region", "dog", DOG, new_box=there))
    assert named(record) == [("dog", there)]
    assert rules(rows) == {"reviewer/0": "r0", "detector/0": "review.move", "yolo/0": "review.move"}


def test_one_thing_is_corrected_again_by_the_place_and_label_it_was_given() -> None:
    there = (200.0, 200.0, 280.0, 280.0)
    steps = [
        review("relabel", "region", "dog", DOG, new_text="cat"),
        review("relabel", "region", "cat", DOG, new_text="fox"),
        review("move", "region", "fox", DOG, new_box=there),
    ]
    record, rows = corrected(DOGS, *steps)
    assert named(record) == [("fox", there)]
    assert fates(rows) == ["review.superseded", "r0", "r0"]
    record, rows = corrected(DOGS, *steps, review("reject", "region", "fox", there))
    assert record.regions == []
    assert fates(rows) == ["review.superseded"] * 3 + [""]
    back = review("accept", "region", "fox", there)
    assert named(corrected(DOGS, *steps, review("reject", "region", "fox", there), back)[0]) == [("fox", there)]


def test_what_is_added_twice_is_there_once() -> None:
    add = review("add", "region", new_text="ball", new_box=FAR)
    record, rows = corrected({}, add, add)
    assert named(record) == [("ball", FAR)]
    assert fates(rows) == ["review.superseded", "r0"]


def test_the_loop_s_own_model_displaces_no_correction() -> None:
    merge = FuseSettings(merge=MergeSettings(regions="replace", brief="replace"))
    said = {"generalist": [found("cat", 0.9, FAR), caption("a cat")], "caption": [caption(TEXT)]}
    add = review("add", "region", new_text="ball", new_box=DOG)
    accept = review("accept", "text", TEXT, granularity="brief")
    record, _ = corrected(said, add, accept, fuse=merge)
    assert {region.text for region in record.regions} == {"ball", "cat"}
    assert {text.text for text in record.texts} == {TEXT}


def test_texts() -> None:
    said = {"caption": [caption(TEXT)], "grounder": [phrase("a dog", (0, 5), DOG)]}
    record, rows = corrected(said, review("accept", "text", TEXT, granularity="brief"))
    assert ([text.source.ref for text in record.texts], len(record.groundings)) == (["caption/0"], 1)
    record, rows = corrected(said, review("text", "text", TEXT, granularity="brief", new_text="a fox runs"))
    assert [(text.text, text.source.annotator) for text in record.texts] == [("a fox runs", "reviewer")]
    assert rules(rows)["caption/0"] == "review.text"
    record, rows = corrected(said, review("reject", "text", TEXT, granularity="brief"))
    assert (record.texts, rules(rows)["caption/0"], fates(rows)) == ([], "review.reject", [""])
    record, _ = corrected(said, review("add", "text", granularity="detailed", new_text="hi"))
    assert [text.text for text in record.texts] == [TEXT, "hi"]


def test_a_rejected_phrase() -> None:
    said = {"caption": [caption(TEXT)], "grounder": [phrase("a dog", (0, 5), DOG), phrase("a dog", (0, 5), FAR)]}
    record, rows = corrected(said, review("reject", "phrase", "a dog", FAR))
    assert [box.box for box in record.groundings[0].boxes] == [DOG]
    assert rules(rows)["grounder/1"] == "review.reject"


def test_words() -> None:
    sign = (20.0, 20.0, 80.0, 40.0)
    record, rows = corrected(
        {"reader": [word("EXlT", 0.9, sign)]}, review("text", "ocr", "EXlT", sign, new_text="EXIT")
    )
    assert [(region.text, voters(region)) for region in record.regions] == [("EXIT", ["reviewer/0", "reader/0"])]
    assert fates(rows) == ["r0"]


@pytest.mark.parametrize("given", ["keep", "filter"])
def test_a_correction_wins_whatever_becomes_of_human_labels(given: str) -> None:
    fuse = FuseSettings.model_validate({"given": given, "given_label": "candidate", "labels": ["dog", "cat"]})
    filters = FilterSettings(
        region=RegionSettings(min_score=0.95, annotators={"reviewer": AnnotatorScores(min_score=1.0)}, min_area=1e6)
    )
    record, _ = corrected(
        {GIVEN: [found("dog", None, DOG)]}, review("relabel", "region", "dog", DOG, new_text="cat"),
        fuse=fuse, filters=filters,
    )  # fmt: skip
    assert named(record) == [("cat", DOG)]


def test_an_image_without_reviews_is_what_it_was() -> None:
    record, rows = corrected(DOGS)
    assert [row.type for row in rows] == ["region", "region"]
    assert voters(record.regions[0]) == ["detector/0", "yolo/0"]
