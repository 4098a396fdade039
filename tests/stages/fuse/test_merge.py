"""The loop's own labels beside those of specialists and humans, policy by policy."""

from dataclasses import replace

import pytest

from shards.finding import GIVEN, Caption, Finding, Mask, Match
from shards.rounds import IndexRow
from stages.fuse.image import Rules
from stages.fuse.ledger import Voter
from stages.fuse.settings import FuseSettings, MergeSettings
from tests.stages.fuse.builders import DOG, FAR, NEAR_DOG, build, caption, found, phrase, verdicts, word

SIGN = (20.0, 20.0, 80.0, 40.0)
DOG_TEXT, BROWN_TEXT = "a dog in the grass", "a brown dog in the grass"
MASK = [[10.0, 10.0, 110.0, 10.0, 110.0, 110.0]]


def fuse(**policies: str) -> FuseSettings:
    return FuseSettings(merge=MergeSettings.model_validate(policies))


def text(words: str, score: float | None) -> Finding:
    return Caption(words, score, granularity="brief")


def judged(ref: str, likelihood: float) -> Finding:
    return Match("", likelihood, about=ref, granularity="brief")


def row(rows: list[IndexRow], ref: str) -> IndexRow:
    [one] = [row for row in rows if row.ref == ref]
    return one


@pytest.mark.parametrize(
    ("policy", "kept", "drops"),
    [
        ("keep", ["a dog in the grass"], {"generalist/0": "fuse.merge.keep"}),
        ("replace", ["a brown dog in the grass"], {"caption/0": "fuse.merge.replaced"}),
        ("pick", ["a brown dog in the grass"], {"caption/0": "fuse.merge.pick"}),
        ("union", ["a dog in the grass", "a brown dog in the grass"], {}),
    ],
)
def test_brief_texts(policy: str, kept: list[str], drops: dict[str, str]) -> None:
    said = {"caption": [text("a dog in the grass", 0.6)], "generalist": [text("a brown dog in the grass", 0.9)]}
    record, rows = build(said, fuse(brief=policy))
    assert [each.text for each in record.texts] == kept
    assert {each.merge for each in record.texts} == {policy}
    assert {row.ref: row.rule for row in rows if not row.kept} == drops


def test_what_was_not_picked_says_by_how_much_it_lost() -> None:
    _, rows = build({"caption": [text(DOG_TEXT, 0.9)], "generalist": [text(BROWN_TEXT, 0.25)]}, fuse(brief="pick"))
    lost = row(rows, "generalist/0")
    assert (lost.rule, lost.value, lost.threshold) == ("fuse.merge.pick", 0.25, 0.9)


@pytest.mark.parametrize("score", [0.5, None])
def test_the_originals_win_a_tie_and_a_score_that_is_missing_counts_as_the_settings_say(score: float | None) -> None:
    record, _ = build({"caption": [text(DOG_TEXT, score)], "generalist": [text(BROWN_TEXT, 0.5)]}, fuse())
    assert [each.text for each in record.texts] == [DOG_TEXT]


def test_pick_leaves_several_originals_alone_where_the_model_is_silent() -> None:
    said = {"caption": [text(DOG_TEXT, 0.6)], "blip": [text(BROWN_TEXT, 0.9)], "generalist": [found("dog", 0.9, DOG)]}
    record, _ = build(said, fuse(brief="pick"))
    assert [each.text for each in record.texts] == [DOG_TEXT, BROWN_TEXT]


@pytest.mark.parametrize("policy", ["replace", "pick"])
def test_an_answer_that_its_filter_drops_displaces_nothing(policy: str) -> None:
    endless = text(" ".join(["dog"] * 2000), 0.99)
    record, rows = build({"caption": [text(DOG_TEXT, 0.6)], "generalist": [endless]}, fuse(brief=policy))
    assert [each.text for each in record.texts] == [DOG_TEXT]
    assert row(rows, "generalist/0").rule.startswith("text.")


@pytest.mark.parametrize("policy", ["replace", "pick"])
def test_human_texts_stay(policy: str) -> None:
    record, _ = build({GIVEN: [text(DOG_TEXT, None)], "generalist": [text(BROWN_TEXT, 0.9)]}, fuse(brief=policy))
    assert [each.text for each in record.texts] == [DOG_TEXT, BROWN_TEXT]


def test_a_human_text_is_no_rival_of_the_others() -> None:
    said = {GIVEN: [text(DOG_TEXT, None)], "caption": [text("a wet dog in the grass", 0.3)]}
    record, rows = build({**said, "generalist": [text(BROWN_TEXT, 0.2)]}, fuse(brief="pick"))
    assert [each.text for each in record.texts] == [DOG_TEXT, "a wet dog in the grass"]
    assert row(rows, "generalist/0").rule == "fuse.merge.pick"


def test_human_texts_are_replaced_where_the_settings_judge_them_like_others() -> None:
    settings = FuseSettings(merge=MergeSettings(brief="replace"), given="filter")
    record, _ = build({GIVEN: [text(DOG_TEXT, None)], "generalist": [text(BROWN_TEXT, 0.9)]}, settings)
    assert [each.text for each in record.texts] == [BROWN_TEXT]


@pytest.mark.parametrize(
    ("likelihoods", "kept", "lost"),
    [
        ((0.5, 0.8), DOG_TEXT, ("generalist/0", "fuse.merge.pick", 0.4, 0.5)),
        ((0.4, 0.8), DOG_TEXT, ("generalist/0", "fuse.merge.pick", 0.4, 0.4)),
        ((0.3, 0.8), BROWN_TEXT, ("caption/0", "fuse.merge.unlikely", 0.3, 0.4)),
    ],
    ids=["likely", "just likely", "unlikely"],
)
def test_a_text_stays_unless_the_model_finds_it_unlikely_beside_its_own(
    likelihoods: tuple[float, float], kept: str, lost: tuple[str, str, float, float]
) -> None:
    judgements = [judged("caption/0", likelihoods[0]), judged("generalist/0", likelihoods[1])]
    said = {"caption": [text(DOG_TEXT, 0.1)], "generalist": [text(BROWN_TEXT, 0.2), *judgements]}
    record, rows = build(said, FuseSettings(likelihood_ratio=0.5))
    assert [each.text for each in record.texts] == [kept]
    [gone] = [each for each in rows if not each.kept and each.type == "text"]
    assert (gone.ref, gone.rule) == lost[:2]
    assert [gone.value, gone.threshold] == pytest.approx(lost[2:])
    fate = {each.ref: each.id or each.rule for each in rows if each.type == "candidate"}
    assert sorted(fate.values()) == ["fuse.target_dropped", "t0"]


def test_of_several_originals_the_source_of_the_likeliest_stays_without_its_unlikely_texts() -> None:
    three = [text(DOG_TEXT, None), text("a boat on the sea", None), text("a dog on grass", None)]
    said = {"caption": three, "blip": [text("a wet dog in the grass", 0.9)]}
    likelihoods = {"caption/0": 0.7, "caption/1": 0.1, "caption/2": 0.5, "blip/0": 0.6, "generalist/0": 0.8}
    judgements = [judged(ref, likelihood) for ref, likelihood in likelihoods.items()]
    record, rows = build(
        {**said, "generalist": [text(BROWN_TEXT, 0.9), *judgements]}, FuseSettings(likelihood_ratio=0.5)
    )
    assert [each.text for each in record.texts] == [DOG_TEXT, "a dog on grass"]
    assert {row.ref: row.rule for row in rows if row.type == "text" and not row.kept} == {
        "caption/1": "fuse.merge.unlikely",
        "blip/0": "fuse.merge.pick",
        "generalist/0": "fuse.merge.pick",
    }


@pytest.mark.parametrize(("likelihood", "kept"), [(0.45, [DOG_TEXT]), (0.1, ["a wet dog in the grass"])])
def test_a_likely_human_text_wins_against_a_likelier_captioner(likelihood: float, kept: list[str]) -> None:
    judgements = [judged(f"{GIVEN}/0", likelihood), judged("blip/0", 0.7), judged("generalist/0", 0.8)]
    said = {GIVEN: [text(DOG_TEXT, None)], "blip": [text("a wet dog in the grass", 0.9)]}
    record, _ = build(
        {**said, "generalist": [text(BROWN_TEXT, 0.9), *judgements]},
        FuseSettings(likelihood_ratio=0.5, given="filter"),
    )
    assert [each.text for each in record.texts] == kept


@pytest.mark.parametrize(
    ("given_ratio", "kept", "lost"),
    [
        (0.5, DOG_TEXT, {"blip/0": "fuse.merge.unlikely", "generalist/0": "fuse.merge.pick"}),
        (0.6, BROWN_TEXT, {"blip/0": "fuse.merge.unlikely", f"{GIVEN}/0": "fuse.merge.unlikely"}),
    ],
)
def test_humans_and_specialists_are_believed_apart(given_ratio: float, kept: str, lost: dict[str, str]) -> None:
    judgements = [judged(f"{GIVEN}/0", 0.45), judged("blip/0", 0.7), judged("generalist/0", 0.8)]
    said = {GIVEN: [text(DOG_TEXT, None)], "blip": [text("a wet dog in the grass", 0.9)]}
    settings = FuseSettings(likelihood_ratio=0.9, given_likelihood_ratio=given_ratio, given="filter")
    record, rows = build({**said, "generalist": [text(BROWN_TEXT, 0.9), *judgements]}, settings)
    assert [each.text for each in record.texts] == [kept]
    assert {each.ref: each.rule for each in rows if each.type == "text" and not each.kept} == lost
    assert row(rows, "blip/0").threshold == pytest.approx(0.72)


def test_scores_decide_where_a_rival_has_no_likelihood() -> None:
    said = {"caption": [text(DOG_TEXT, 0.9)], "blip": [text("a wet dog in the grass", 0.3)]}
    judgements = [judged("caption/0", 0.1), judged("generalist/0", 0.8)]
    record, rows = build({**said, "generalist": [text(BROWN_TEXT, 0.2), *judgements]})
    assert [each.text for each in record.texts] == [DOG_TEXT]
    assert (row(rows, "generalist/0").value, row(rows, "generalist/0").threshold) == (0.2, 0.9)


@pytest.mark.parametrize(("given", "kept"), [("keep", [DOG_TEXT, BROWN_TEXT]), ("filter", [BROWN_TEXT])])
def test_an_unlikely_human_text_stays_unless_the_settings_judge_it_like_others(given: str, kept: list[str]) -> None:
    judgements = [judged(f"{GIVEN}/0", 0.01), judged("generalist/0", 0.8)]
    settings = FuseSettings.model_validate({"given": given})
    record, _ = build({GIVEN: [text(DOG_TEXT, None)], "generalist": [text(BROWN_TEXT, 0.9), *judgements]}, settings)
    assert [each.text for each in record.texts] == kept


@pytest.mark.parametrize(
    ("policy", "kept"),
    [
        ("keep", {"detector/0": "r0", "crops/0": "r0", "generalist/0": "fuse.merge.keep"}),
        ("replace", {"detector/0": "fuse.merge.replaced", "crops/0": "fuse.target_dropped", "generalist/0": "r0"}),
        ("union", {"detector/0": "r0", "crops/0": "r0", "generalist/0": "r0"}),
    ],
)
def test_regions(policy: str, kept: dict[str, str]) -> None:
    said = {
        "detector": [found("dog", 0.6, DOG)],
        "crops": [caption("a brown dog", "detector/0")],
        "generalist": [found("dog", 0.9, NEAR_DOG)],
    }
    record, rows = build(said, fuse(regions=policy))
    assert verdicts(rows) == kept
    assert [region.merge for region in record.regions] == [policy]


@pytest.mark.parametrize(("policy", "label"), [("union", "dog"), ("pick", "wolf")])
def test_pick_gives_a_region_the_label_of_its_best_vote(policy: str, label: str) -> None:
    said = {
        "detector": [found("dog", 0.6, DOG)],
        "yolo": [found("dog", 0.6, NEAR_DOG)],
        "generalist": [found("wolf", 0.9, DOG)],
    }
    settings = FuseSettings(merge=MergeSettings.model_validate({"regions": policy}), agreement="geometry")
    record, _ = build(said, settings)
    assert [region.text for region in record.regions] == [label]


def test_words_are_replaced_only_where_the_model_read_some() -> None:
    settings = fuse(words="replace")
    record, _ = build({"reader": [word("EXIT", 0.9, SIGN)], "generalist": [word("EXLT", 0.5, FAR)]}, settings)
    assert [(region.text, region.merge) for region in record.regions] == [("EXLT", "replace")]
    record, _ = build({"reader": [word("EXIT", 0.9, SIGN)], "generalist": [found("dog", 0.9, DOG)]}, settings)
    assert [(region.kind, region.text) for region in record.regions] == [("object", "dog"), ("text", "EXIT")]


@pytest.mark.parametrize(
    ("policy", "refs"),
    [
        ("keep", ["grounder/0"]),
        ("replace", ["generalist/0"]),
        ("union", ["generalist/0", "grounder/0"]),
        ("pick", ["generalist/0"]),
    ],
)
def test_phrases(policy: str, refs: list[str]) -> None:
    said = {
        "caption": [caption("a dog chases a ball")],
        "grounder": [phrase("a dog", (0, 5), DOG, 0.7)],
        "generalist": [phrase("a dog", (0, 5), FAR, 0.8)],
    }
    record, _ = build(said, fuse(phrases=policy))
    [grounding] = record.groundings
    assert ([box.source.ref for box in grounding.boxes], grounding.merge) == (refs, policy)


@pytest.mark.parametrize(("policy", "polygons"), [("keep", None), ("union", MASK)])
def test_masks(policy: str, polygons: object) -> None:
    said: dict[str, list[Finding]] = {
        "detector": [found("dog", 0.9, DOG)],
        "generalist": [Mask(about="detector/0", polygons=MASK)],
    }
    record, rows = build(said, fuse(masks=policy))
    assert record.regions[0].polygons == polygons
    assert row(rows, "generalist/0").rule == ("fuse.merge.keep" if policy == "keep" else "")


def test_a_round_without_the_loops_model_records_no_policy() -> None:
    record, _ = build({"caption": [caption(DOG_TEXT)], "detector": [found("dog", 0.9, DOG)]}, fuse(brief="replace"))
    assert (record.texts[0].merge, record.regions[0].merge) == ("", "")


def test_a_generalist_of_round_0_is_a_specialist_like_others() -> None:
    learned = Voter("generalist", "generalist", "fp", round=1)
    assert Rules(FuseSettings(), None, (learned,)).generalists == {"generalist"}  # type: ignore[arg-type]
    assert Rules(FuseSettings(), None, (replace(learned, round=0),)).generalists == frozenset()  # type: ignore[arg-type]
