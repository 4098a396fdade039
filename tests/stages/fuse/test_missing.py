"""Records of images on which an annotator failed: what they hold, what they name, and when a shard is another one."""

from collections.abc import Sequence
from hashlib import sha256

import pytest
from msgspec.structs import replace

from filters.custom import CustomFilter
from filters.settings import FilterSettings
from shards.images import ImageRow, write_images
from shards.layout import shard_name
from shards.raw import RawRow, write_raw
from shards.record import Missing, Record
from shards.rounds import INCOMPLETE, read_index, read_records
from shards.store import Store, open_store
from shards.summaries import read_summary
from stages.calibrate.consensus import AnnotatorCalibration, Consensus
from stages.calibrate.voice import Voice
from stages.fuse.ledger import Voter
from stages.fuse.settings import FuseSettings
from stages.round import ImageOutcome, RoundPlan, build_shard, shard_fingerprint, write_shard
from tests.stages.fuse.builders import DOG, NEAR_DOG, WordCounter, caption, found

SHARD = shard_name(0)
PARSER = WordCounter()
YOLO, DETR, WORDS = Voter("yolo", "detector", "y1"), Voter("detr", "detector", "d1"), Voter("texts", "captioner", "t1")
MASKS = Voter("masks", "segmenter", "m1")
ALL = (YOLO, DETR, WORDS, MASKS)
LATE = RawRow("a", "failed", "timeout: no answer in 60 s")
SAID = {
    "yolo": LATE,
    "detr": RawRow("a", findings=[found("dog", 0.9, DOG)]),
    "texts": RawRow("a", findings=[caption("a dog in the grass")]),
    "masks": RawRow("a", "blocked", "blocked: yolo failed"),
}
ROW = ImageRow("a", "a.jpg", sha256=sha256(b"a").hexdigest(), width=640, height=480, ext="jpg")


def plan(
    policy: str = "keep", voters: Sequence[Voter] = ALL, filters: FilterSettings | None = None, **fuse: object
) -> RoundPlan:
    settings = FuseSettings.model_validate({"failed_annotator": policy, **fuse})
    return RoundPlan(0, tuple(voters), settings, filters or FilterSettings())


def outcome(of: RoundPlan, said: dict[str, RawRow] | None = None) -> ImageOutcome:
    columns = {voter.name: {"a": (said or SAID)[voter.name]} for voter in of.annotators}
    return build_shard([ROW], columns, of, {}, PARSER)[0]


def record_of(of: ImageOutcome) -> Record:
    assert of.record is not None
    return of.record


def test_the_others_part_is_kept_and_the_record_names_who_is_missing() -> None:
    found = outcome(plan())
    record = record_of(found)
    assert [each.text for each in record.texts] == ["a dog in the grass"]
    assert (found.status, len(record.regions)) == ("kept", 1)
    assert record.missing == [
        Missing("yolo", "y1", 0, "detector", "timeout: no answer in 60 s"),
        Missing("masks", "m1", 0, "segmenter", "blocked: yolo failed"),
    ]
    [row] = [row for row in found.rows if row.type == "missing"]
    assert (row.source, row.kept, row.rule, row.value) == ("yolo", False, INCOMPLETE, 2.0)
    assert row.text == "yolo: timeout: no answer in 60 s; masks: blocked: yolo failed"


def test_the_image_is_lost_where_the_settings_say_so_or_nobody_spoke() -> None:
    assert outcome(plan("drop")).reason == "yolo: timeout: no answer in 60 s"
    everybody = dict.fromkeys(SAID, LATE)
    lost = outcome(plan(), everybody)
    assert (lost.status, lost.record, [row.type for row in lost.rows]) == ("failed", None, ["image"])


def test_nobody_is_missing_who_sees_some_images_only() -> None:
    some = replace_voter(YOLO)
    assert [each.annotator for each in record_of(outcome(plan(voters=(some, DETR, MASKS)))).missing or ()] == ["masks"]


def replace_voter(voter: Voter) -> Voter:
    return Voter(voter.name, voter.role, voter.fingerprint, is_partial=True)


def test_the_silence_of_a_missing_detector_counts_against_nothing() -> None:
    """Two detectors of equal weight: a box that only one has loses by the other's silence, unless it was not there."""
    voice = Voice(100, 90.0, 0.8, 0.95, 1.0, 0.0, 1.0)
    consensus = Consensus("agreed", {"yolo": voice, "detr": voice})
    known = AnnotatorCalibration(2, "agreement", 100, {"object": consensus}, {}, "f")
    both = RoundPlan(0, ALL, FuseSettings(), FilterSettings(), known)
    silent = {**SAID, "yolo": RawRow("a"), "masks": RawRow("a")}
    heard = record_of(outcome(both)).regions[0].score
    assert heard == pytest.approx(0.9, abs=0.001)
    assert record_of(outcome(both, silent)).regions[0].score < 0.8 < heard
    mean = plan(score="wbf")
    assert record_of(outcome(mean)).regions[0].score == pytest.approx(0.9)
    assert record_of(outcome(mean, silent)).regions[0].score == pytest.approx(0.45)


def test_a_filter_of_the_users_own_leaves_the_names_in_place() -> None:
    own = CustomFilter(
        factory="filters.examples.small_things:SmallThings", on="region", options={"least_share": 0.9, "crowd": 1}
    )
    record = record_of(outcome(plan(filters=FilterSettings(custom=[own]))))
    assert (record.regions, [each.annotator for each in record.missing or ()]) == ([], ["yolo", "masks"])


# On disk


def corpus(said: dict[str, RawRow], url: str = "memory://missing") -> Store:
    store = open_store(url)
    write_images(store, SHARD, [(ROW, b"a")])
    for voter in ALL:
        write_raw(store, voter.name, voter.fingerprint, SHARD, [said[voter.name]])
    return store


def test_index_and_summary_of_a_shard_say_so() -> None:
    store = corpus(SAID)
    manifest = write_shard(store, SHARD, plan(), {}, PARSER)
    assert isinstance(manifest.tally, dict)
    assert (manifest.counts.kept, manifest.tally["missing"]) == (1, {INCOMPLETE: 1})
    assert read_index(store, 0, SHARD)["type"].to_pylist() == ["image", "missing", "region", "text"]
    assert read_summary(store, 0, manifest)["rules"].to_pylist() == [[INCOMPLETE]]
    assert [len(each.missing or ()) for each in read_records(store, 0, SHARD)] == [2]


def test_a_shard_without_failures_is_what_it_was_whatever_the_setting() -> None:
    said = {**SAID, "yolo": RawRow("a", findings=[found("dog", 0.8, NEAR_DOG)]), "masks": RawRow("a")}
    store = corpus(said)
    keep, drop = (write_shard(store, SHARD, plan(policy), {}, PARSER) for policy in ("keep", "drop"))
    assert keep == drop
    assert b'"missing"' not in store.read("rounds/00/shards/000000.tar")


def test_a_failure_makes_it_another_shard_only_where_it_is_kept_beside_others() -> None:
    store = corpus(SAID)
    keep, drop = (shard_fingerprint(store, SHARD, plan(policy), {}, PARSER) for policy in ("keep", "drop"))
    assert keep != drop
    alone = [shard_fingerprint(store, SHARD, plan(policy, (YOLO,)), {}, PARSER) for policy in ("keep", "drop")]
    assert alone[0] == alone[1]


def test_an_old_record_has_nobody_missing_and_a_new_one_survives_the_file() -> None:
    record = record_of(outcome(plan()))
    assert replace(record, missing=[]).missing == []
    assert not Record("a", "a", "", 1, 1, 0).missing
