"""One shard of a round: outcomes, conservation, and when a shard is written again."""

import dataclasses
from hashlib import sha256

import pytest
from msgspec.structs import replace

from filters.region import OcrSettings, RegionSettings
from filters.settings import FilterSettings
from shards.finding import Finding
from shards.images import ImageRow, write_images
from shards.layout import shard_name
from shards.raw import RawRow, write_raw
from shards.reviews import Review
from shards.rounds import IndexRow, read_index, read_samples
from shards.store import Store, open_store
from stages.calibrate.consensus import AnnotatorCalibration, Consensus
from stages.calibrate.voice import Voice
from stages.fuse.ledger import ConservationError, Voter
from stages.fuse.settings import FuseSettings
from stages.round import (
    ImageOutcome,
    RoundPlan,
    Skip,
    Skipped,
    build_shard,
    counts,
    read_shard,
    round_fingerprint,
    shard_fingerprint,
    write_shard,
)
from tests.stages.fuse.builders import DOG, FAR, NEAR_DOG, WordCounter, caption, found

SHARD = shard_name(0)
DETECTOR = Voter("detector", "detector", "d1")
CAPTIONER = Voter("caption", "captioner", "c1")
PLAN = RoundPlan(0, (DETECTOR, CAPTIONER), FuseSettings(failed_annotator="drop"), FilterSettings())
PARSER = WordCounter()
NOT_SKIPPED: Skipped = {}


def image(key: str, given: list[Finding] | None = None) -> ImageRow:
    return ImageRow(
        key, f"{key}.jpg", sha256=sha256(key.encode()).hexdigest(), width=640, height=480, ext="jpg", given=given or []
    )


BROKEN = ImageRow("broken", "broken.jpg", status="failed", stage="decode", error="truncated")
ROWS = [image("a", [found("terrier", None, DOG)]), BROKEN, image("b"), image("c")]
SAID = {
    "detector": [
        RawRow("a", findings=[found("terrier", 0.9, NEAR_DOG), found("cat", 0.1, FAR)]),
        RawRow("b", findings=[found("cat", 0.8, FAR)]),
        RawRow("c", "failed", "death: worker died"),
    ],
    "caption": [
        RawRow("a", findings=[caption("a dog in the grass")]),
        RawRow("b", findings=[]),
        RawRow("c", findings=[caption("a dog in the grass")]),
    ],
}


def columns(said: dict[str, list[RawRow]] | None = None) -> dict[str, dict[str, RawRow]]:
    return {name: {row.key: row for row in rows} for name, rows in (said or SAID).items()}


def outcomes(plan: RoundPlan = PLAN, skipped: Skipped = NOT_SKIPPED) -> dict[str, ImageOutcome]:
    return {each.key: each for each in build_shard(ROWS, columns(), plan, skipped, PARSER)}


def image_row(outcome: ImageOutcome) -> IndexRow:
    [row] = [row for row in outcome.rows if row.type == "image"]
    return row


def test_every_image_has_one_outcome_and_every_finding_a_row() -> None:
    found = outcomes(skipped={"b": Skip("near_duplicate", 3.0, 4.0)})
    assert {key: each.status for key, each in found.items()} == {
        "a": "kept",
        "broken": "failed",
        "b": "dropped",
        "c": "failed",
    }
    assert counts(list(found.values())).kept == 1
    assert [len(each.rows) for each in found.values()] == [1 + 4, 1, 1 + 1, 1 + 1]
    assert (image_row(found["b"]).rule, image_row(found["b"]).value, image_row(found["b"]).threshold) == (
        "near_duplicate",
        3.0,
        4.0,
    )
    assert [row.rule for row in found["b"].rows] == ["near_duplicate"] * 2
    assert [row.rule for row in found["c"].rows] == ["image.failed"] * 2


def test_the_reason_of_a_failure_is_where_it_began() -> None:
    found = outcomes()
    assert found["broken"].reason == image_row(found["broken"]).text == "decode: truncated"
    assert found["c"].reason == "detector: death: worker died"
    blocked = columns(
        {"detector": [RawRow("c", "blocked", "needs caption")], "caption": [RawRow("c", "failed", "oom")]}
    )
    [outcome] = build_shard([image("c")], blocked, PLAN, NOT_SKIPPED, PARSER)
    assert outcome.reason == "caption: oom"


def test_given_findings_join_without_a_column() -> None:
    record = outcomes()["a"].record
    assert record is not None
    [region] = record.regions
    assert [vote.source.annotator for vote in region.votes] == ["given", "detector"]
    assert region.box == DOG
    assert [text.text for text in record.texts] == ["a dog in the grass"]


def test_an_image_without_annotations_is_kept_unless_the_settings_drop_it() -> None:
    none = FilterSettings(region=RegionSettings(deny_labels=["cat", "terrier"]))
    plan = RoundPlan(0, PLAN.annotators, FuseSettings(), none)
    assert outcomes(plan)["b"].status == "kept"
    dropped = outcomes(RoundPlan(0, PLAN.annotators, FuseSettings(empty_images="drop"), none))["b"]
    assert (dropped.status, dropped.reason, dropped.record) == ("dropped", "fuse.empty_image", None)
    assert [row.rule for row in dropped.rows] == ["fuse.empty_image", "region.label"]


def test_an_image_that_a_column_forgot_ends_the_round() -> None:
    forgotten = columns({"detector": SAID["detector"][1:], "caption": SAID["caption"]})
    with pytest.raises(ConservationError, match="'a' is missing from the raw columns of detector"):
        build_shard(ROWS, forgotten, PLAN, NOT_SKIPPED, PARSER)


def test_a_skipped_image_need_not_be_annotated() -> None:
    [outcome] = build_shard([image("z")], columns(), PLAN, {"z": Skip("exact_duplicate")}, PARSER)
    assert (outcome.status, outcome.reason) == ("dropped", "exact_duplicate")


@pytest.mark.parametrize("name", ["given", "detector"])
def test_annotators_have_names_of_their_own(name: str) -> None:
    with pytest.raises(ValueError, match="must have different names, none of them 'given'"):
        RoundPlan(0, (DETECTOR, Voter(name, "reader", "r1")), FuseSettings(), FilterSettings())


def test_trust_in_nobody_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"fuse.trust names \['yolo'\], which are no annotators: use detector, caption"
    ):
        RoundPlan(0, PLAN.annotators, FuseSettings(trust={"yolo": 2.0}), FilterSettings())


# On disk


def corpus(said: dict[str, list[RawRow]] | None = None, url: str = "memory://round") -> Store:
    store = open_store(url)
    write_images(store, SHARD, [(row, None if row.status == "failed" else row.key.encode()) for row in ROWS])
    for annotator in PLAN.annotators:
        write_raw(store, annotator.name, annotator.fingerprint, SHARD, (said or SAID)[annotator.name])
    return store


def test_a_shard_is_written_with_its_originals_and_its_index() -> None:
    store = corpus()
    manifest = write_shard(store, SHARD, PLAN, {"b": Skip("near_duplicate", 3.0, 4.0)}, PARSER)
    assert (manifest.counts.read, manifest.counts.kept, manifest.counts.dropped, manifest.counts.failed) == (4, 1, 1, 2)
    [(record, extension, original)] = read_samples(store, 0, SHARD)
    assert (record.key, extension, original) == ("a", "jpg", b"a")
    index = read_index(store, 0, SHARD)
    assert index.num_rows == 4 + 8 - 2
    assert index.filter(index["kept"]).column("id").to_pylist() == ["", "r0", "r0", "t0"]


def test_writing_twice_gives_the_same_bytes() -> None:
    manifests = [write_shard(corpus(url=f"memory://{name}"), SHARD, PLAN, {}, PARSER) for name in "xy"]
    assert manifests[0].files == manifests[1].files


def test_the_fingerprint_follows_everything_that_goes_in() -> None:
    store = corpus()
    before = shard_fingerprint(store, SHARD, PLAN, {}, PARSER)
    assert write_shard(store, SHARD, PLAN, {}, PARSER).fingerprint == before
    changed = {
        "fuse": RoundPlan(0, PLAN.annotators, FuseSettings(box_iou=0.6), FilterSettings()),
        "filters": RoundPlan(0, PLAN.annotators, FuseSettings(), FilterSettings(region=RegionSettings(min_score=0.4))),
        "annotators": RoundPlan(0, (DETECTOR,), FuseSettings(), FilterSettings()),
        "round": RoundPlan(1, PLAN.annotators, FuseSettings(), FilterSettings()),
    }
    others = {name: shard_fingerprint(store, SHARD, plan, {}, PARSER) for name, plan in changed.items()}
    others["skipped"] = shard_fingerprint(store, SHARD, PLAN, {"b": Skip("near_duplicate", 3.0, 4.0)}, PARSER)
    assert len({before, *others.values()}) == 6
    assert shard_fingerprint(store, SHARD, PLAN, {"elsewhere": Skip("near_duplicate", 3.0, 4.0)}, PARSER) == before


def test_a_column_whose_failures_were_rerun_is_another_input() -> None:
    store = corpus()
    before = shard_fingerprint(store, SHARD, PLAN, {}, PARSER)
    rerun = [*SAID["detector"][:2], RawRow("c", findings=[found("dog", 0.9, DOG)])]
    write_raw(store, "detector", "d1", SHARD, rerun)
    assert shard_fingerprint(store, SHARD, PLAN, {}, PARSER) != before
    assert write_shard(store, SHARD, PLAN, {}, PARSER).counts.failed == 1


def test_an_unfinished_column_is_named() -> None:
    store = corpus()
    plan = RoundPlan(0, (*PLAN.annotators, Voter("words", "reader", "w1")), FuseSettings(), FilterSettings())
    with pytest.raises(FileNotFoundError, match="shard 000000 is not finished in raw/words-w1: run `fld annotate`"):
        shard_fingerprint(store, SHARD, plan, {}, PARSER)
    with pytest.raises(FileNotFoundError):
        read_shard(store, SHARD, plan)


@pytest.mark.parametrize(("kinds", "is_same"), [((), True), (("object",), True), (("object", "ocr"), False)])
def test_an_open_threshold_of_words_is_that_of_scores_where_nobody_calibrated_them(
    kinds: tuple[str, ...], is_same: bool
) -> None:
    """So that a round of a release in which 0.5 was the default is the same round."""
    voice = Voice(50, 25.0, 0.4, 0.6, 1.0, 0.0)
    known = {kind: Consensus("learned", {"detector": voice}) for kind in kinds}
    calibration = AnnotatorCalibration(2, "gold", 9, known, {}, "") if kinds else None
    filters = FilterSettings(ocr=OcrSettings(min_score=0.5))
    plans = [dataclasses.replace(PLAN, filters=each, calibration=calibration) for each in (FilterSettings(), filters)]
    before, after = (round_fingerprint(plan, PARSER) for plan in plans)
    assert (before == after) == is_same


def test_sources_name_annotator_fingerprint_and_round() -> None:
    later = replace(SAID["detector"][0], key="a")
    plan = RoundPlan(2, (Voter("detector", "detector", "d2", round=1),), FuseSettings(), FilterSettings())
    [outcome] = build_shard([image("a")], {"detector": {"a": later}}, plan, NOT_SKIPPED, PARSER)
    assert outcome.record is not None
    source = outcome.record.regions[0].votes[0].source
    assert (source.annotator, source.fingerprint, source.round, source.ref) == ("detector", "d2", 1, "detector/0")
    assert outcome.record.round == 2


def review(key: str, who: str = "ann") -> Review:
    return Review(key, "accept", "region", who, "2026-11-26T10:15:00Z", text="cat", box=FAR)


def test_a_review_changes_the_fingerprint_of_its_shard_and_of_no_other() -> None:
    store = corpus(url="memory://reviewed")
    before = shard_fingerprint(store, SHARD, PLAN, {}, PARSER)
    assert shard_fingerprint(store, SHARD, PLAN, {}, PARSER, []) == before
    after = shard_fingerprint(store, SHARD, PLAN, {}, PARSER, [review("a")])
    assert after != before
    assert shard_fingerprint(store, SHARD, PLAN, {}, PARSER, [review("a", "bob")]) == after
    assert write_shard(store, SHARD, PLAN, {}, PARSER, [review("a")]).fingerprint == after


def test_every_review_has_a_row_whatever_became_of_its_image() -> None:
    reviews = [review("a"), review("broken"), review("b"), review("c")]
    found = build_shard(ROWS, columns(), PLAN, {"b": Skip("near_duplicate", 3.0, 4.0)}, PARSER, reviews)
    rows = [row for outcome in found for row in outcome.rows if row.type == "review"]
    assert [(row.key, row.rule) for row in rows] == [
        ("a", ""), ("broken", "image.failed"), ("b", "near_duplicate"), ("c", "image.failed")
    ]  # fmt: skip


def test_a_rejected_image_is_left_out() -> None:
    reject = Review("b", "reject", "image", "ann", "2026-11-26T10:15:00Z")
    dropped = build_shard(ROWS, columns(), PLAN, NOT_SKIPPED, PARSER, [reject])[2]
    assert (dropped.status, dropped.reason, image_row(dropped).rule) == ("dropped", "review.reject", "review.reject")


def test_an_image_about_which_absurdly_much_was_said_is_dropped_with_the_number() -> None:
    fuse = FuseSettings(failed_annotator="drop", max_findings=3)
    assert outcomes(replace_fuse(fuse))["a"].reason == "fuse.max_findings"
    [row] = [row for row in outcomes(replace_fuse(fuse))["a"].rows if row.type == "image"]
    assert (row.kept, row.rule, row.value, row.threshold) == (False, "fuse.max_findings", 4, 3)
    assert outcomes(replace_fuse(fuse))["b"].status == "kept"


def test_the_limit_of_findings_makes_no_round_of_an_older_release_stale() -> None:
    assert "max_findings" not in FuseSettings().facts()
    assert FuseSettings(max_findings=3).facts()["max_findings"] == 3


def replace_fuse(fuse: FuseSettings) -> RoundPlan:
    return RoundPlan(PLAN.number, PLAN.annotators, fuse, PLAN.filters)
