"""Own filters on a whole shard: what they drop, what goes with it, and what the index says."""

import pytest

from filters.custom import CustomFilter
from filters.settings import FilterSettings
from shards.finding import Finding
from shards.images import ImageRow
from shards.raw import RawRow
from stages.fuse.ledger import Voter
from stages.fuse.settings import FuseSettings
from stages.round import ImageOutcome, RoundPlan, build_shard, round_fingerprint
from tests.stages.fuse.builders import DOG, FAR, WordCounter, caption, found, match, phrase, verdicts, word

VOTERS = [("detector", "detector"), ("reader", "reader"), ("caption", "captioner"), ("grounder", "grounder")]
SAID = {
    "detector": [found("dog", 0.9, DOG), found("cat", 0.8, FAR)],
    "reader": [word("STOP", 0.9, (200.0, 10.0, 260.0, 30.0))],
    "caption": [caption("a dog and a cat here")],
    "grounder": [phrase("a dog", (0, 5), DOG), phrase("a cat", (10, 15), FAR)],
    "matcher": [match("detector/1", "phrase", "cat", 0.7)],
}


def outcome(*custom: CustomFilter, empty: str = "keep", said: dict[str, list[Finding]] = SAID) -> ImageOutcome:
    """What becomes of one image about which all this was said."""
    voters = tuple(Voter(name, role, "f") for name, role in [*VOTERS, ("matcher", "matcher")])
    fuse = FuseSettings.model_validate({"empty_images": empty})
    plan = RoundPlan(0, voters, fuse, FilterSettings(custom=list(custom)))
    row = ImageRow("k", "k.jpg", sha256="00", width=640, height=480, ext="jpg")
    columns = {each.name: {"k": RawRow("k", findings=said.get(each.name, []))} for each in voters}
    [built] = build_shard([row], columns, plan, {}, WordCounter())
    return built


def no(word: str, on: str) -> CustomFilter:
    return CustomFilter.model_validate({"factory": "tests.filters.own:NoWord", "on": on, "options": {"word": word}})


def where(built: ImageOutcome) -> dict[str, str]:
    return verdicts(built.rows[1:])


def test_without_an_own_filter_all_of_it_is_kept() -> None:
    assert where(outcome()) == {
        "detector/0": "r0", "detector/1": "r1", "reader/0": "r2", "caption/0": "t0", "grounder/0": "g0",
        "grounder/1": "g1", "matcher/0": "r1",
    }  # fmt: skip


def test_a_region_goes_with_its_texts_and_its_phrases_stay_untied() -> None:
    built = outcome(no("cat", "region"))
    assert built.record is not None
    assert [region.id for region in built.record.regions] == ["r0", "r2"]
    assert [[box.region_id for box in each.boxes] for each in built.record.groundings] == [["r0"], [None]]
    changed = {"detector/1": "no_word", "matcher/0": "fuse.target_dropped"}
    assert where(built) == where(outcome()) | changed
    [row] = [row for row in built.rows if row.ref == "detector/1"]
    assert (row.kept, row.id, row.value, row.threshold) == (False, "", 1.0, 0.0)


def test_a_text_takes_its_phrases_and_their_votes() -> None:
    built = outcome(no("a dog and a cat here", "text"))
    assert built.record is not None
    assert (built.record.texts, built.record.groundings) == ([], [])
    assert {vote.source.annotator for region in built.record.regions for vote in region.votes} == {"detector", "reader"}
    gone = {"caption/0": "no_word", "grounder/0": "fuse.text_dropped", "grounder/1": "fuse.text_dropped"}
    assert where(built) == where(outcome()) | gone


def test_phrases_behind_a_dropped_one_move_up() -> None:
    built = outcome(no("a dog", "phrase"))
    assert built.record is not None
    assert [each.phrase for each in built.record.groundings] == ["a cat"]
    assert where(built) == where(outcome()) | {"grounder/0": "no_word", "grounder/1": "g0"}


def test_read_text_is_judged_apart_from_objects() -> None:
    assert where(outcome(no("STOP", "ocr")))["reader/0"] == "no_word"
    assert where(outcome(no("STOP", "region")))["reader/0"] == "r2"


def test_an_image_goes_with_everything_and_an_empty_one_as_the_settings_say() -> None:
    gone = outcome(no("k", "image"))
    assert (gone.status, gone.reason, gone.record) == ("dropped", "no_word", None)
    assert set(where(gone).values()) == {"no_word"}
    assert (gone.rows[0].rule, gone.rows[0].value) == ("no_word", 1.0)
    only_dog = {"detector": [found("dog", 0.9, DOG)]}
    assert outcome(no("dog", "region"), said=only_dog).status == "kept"
    empty = outcome(no("dog", "region"), said=only_dog, empty="drop")
    assert (empty.status, empty.reason) == ("dropped", "fuse.empty_image")


def test_one_after_the_other() -> None:
    built = outcome(no("a dog", "phrase"), no("cat", "region"), no("a cat", "phrase"))
    assert built.record is not None
    assert (built.record.groundings, [region.id for region in built.record.regions]) == ([], ["r0", "r2"])
    assert where(built)["grounder/1"] == "no_word"


@pytest.mark.parametrize("options", [{"word": "cat"}, {"word": "dog", "version": 2}])
def test_another_filter_is_another_round(options: dict[str, object]) -> None:
    def fingerprint(*custom: CustomFilter) -> str:
        return round_fingerprint(RoundPlan(0, (), FuseSettings(), FilterSettings(custom=list(custom))), WordCounter())

    other = no("dog", "region").model_copy(update={"options": options})
    assert len({fingerprint(), fingerprint(no("dog", "region")), fingerprint(other)}) == 3
