"""A region is renamed to what the best text about it names, and everything after that sees the new label."""

import pytest
from pydantic import ValidationError

from filters.region import RegionSettings
from filters.settings import FilterSettings
from shards.finding import Box, Finding
from shards.record import Region
from stages.fuse.labels import first_chunk, head_label
from stages.fuse.settings import ConsensusRule, ConsensusSettings, FuseSettings
from tests.stages.fuse.builders import DOG, FAR, NEAR_DOG, build, caption, found, match, verdicts, word

LABELS = ["ball", "balloon", "horse", "person", "traffic light"]
ON = FuseSettings(labels=LABELS)
BALL = "a checkered ball on the grass"


def crop_says(
    text: str, *chunks: str, label: str, likes: tuple[float, float], who: str = "detector", box: Box = DOG
) -> dict[str, list[Finding]]:
    """A box, the text of its crop, and a matcher that likes (label, text)."""
    ref = f"{who}/0"
    return {
        who: [found(label, None if who == "given" else 0.9, box)],
        "crops": [caption(text, ref)],
        "clip": [
            match(ref, "phrase", label, likes[0]),
            match(ref, "brief", text, likes[1]),
            *(match(ref, "chunk", chunk, 0.1) for chunk in chunks),
        ],
    }


MISTAKEN = crop_says(BALL, "a checkered ball", "the grass", label="balloon", likes=(0.66, 0.92))


def region_of(findings: dict[str, list[Finding]], fuse: FuseSettings = ON) -> Region:
    [region] = build(findings, fuse)[0].regions
    return region


def phrases(region: Region) -> list[str]:
    return [each.text for each in region.candidates if each.kind == "phrase"]


def test_a_region_is_renamed_to_the_head_of_the_text_that_the_matcher_likes_best() -> None:
    region = region_of(MISTAKEN)
    assert [(each.kind, each.text, each.similarity, each.source.ref) for each in region.candidates[:3]] == [
        ("phrase", "ball", 0.92, "crops/0"),
        ("phrase", "balloon", 0.66, "detector/0"),
        ("brief", BALL, 0.92, "crops/0"),
    ]
    assert region.text == BALL  # as without the correction, whose similarity is only borrowed
    assert [(vote.label, vote.source.ref, vote.weight) for vote in region.votes] == [("balloon", "detector/0", 1.0)]


@pytest.mark.parametrize(("least", "label"), [(0.92, "ball"), (0.93, "balloon")])
def test_a_text_that_the_matcher_hardly_likes_renames_nothing(least: float, label: str) -> None:
    assert phrases(region_of(MISTAKEN, FuseSettings(labels=LABELS, label_similarity=least)))[0] == label


def test_nothing_is_renamed_by_default() -> None:
    assert phrases(region_of(MISTAKEN, FuseSettings())) == ["balloon"]


@pytest.mark.parametrize("likes", [(0.93, 0.92), (0.92, 0.92)])
def test_a_label_that_the_matcher_likes_as_much_stays(likes: tuple[float, float]) -> None:
    assert phrases(region_of(crop_says(BALL, "a checkered ball", label="balloon", likes=likes))) == ["balloon"]


def test_a_label_that_the_matcher_did_not_see_loses() -> None:
    findings = MISTAKEN | {"clip": MISTAKEN["clip"][1:]}
    assert phrases(region_of(findings)) == ["ball", "balloon"]


def test_without_a_matcher_no_text_is_better() -> None:
    assert phrases(region_of({name: said for name, said in MISTAKEN.items() if name != "clip"})) == ["balloon"]


def test_a_text_about_something_that_is_not_in_the_list_renames_nothing() -> None:
    assert phrases(region_of(MISTAKEN, FuseSettings(labels=["balloon", "grass"]))) == ["balloon"]


@pytest.mark.parametrize("chunks", [("a horse", "a man"), ("a horse", "a man", "a young man riding")])
def test_what_the_text_mentions_besides_is_no_label(chunks: tuple[str, ...]) -> None:
    riding = crop_says("a man riding a horse", *chunks, label="person", likes=(0.3, 0.9))
    assert phrases(region_of(riding)) == ["person"]


def test_a_text_whose_chunks_are_unknown_renames_nothing() -> None:
    assert phrases(region_of(crop_says("a ball", "the grass", label="balloon", likes=(0.3, 0.9)))) == ["balloon"]


def test_a_chunk_that_is_liked_best_names_the_label_itself() -> None:
    findings = MISTAKEN | {"clip": [*MISTAKEN["clip"], match("detector/0", "chunk", "two traffic lights", 0.95)]}
    label, old = region_of(findings).candidates[:2]
    assert (label.text, label.similarity, label.source.ref) == ("traffic light", 0.95, "clip/4")
    assert old.text == "balloon"


def test_the_same_label_in_other_words_is_not_renamed() -> None:
    fuse = FuseSettings(labels=LABELS, synonyms={"man": "person"})
    same = crop_says("a man riding a horse", "a man", "a horse", label="Man", likes=(0.3, 0.9))
    assert phrases(region_of(same, fuse)) == ["Man"]


@pytest.mark.parametrize(
    ("chunk", "label"),
    [
        ("a Ball", "ball"),
        ("two small balls", "ball"),
        ("a red balloon", "balloon"),
        ("three traffic-lights", "traffic light"),
        ("the light", None),
        ("a football", None),
        ("a ball game", None),
        ("", None),
    ],
)
def test_a_chunk_names_the_label_with_which_it_ends(chunk: str, label: str | None) -> None:
    assert head_label(chunk, ON) == label


@pytest.mark.parametrize(
    ("chunk", "label"),
    [
        ("a toy car", "Toy_Car"),
        ("a car", "car"),
        ("a pair of glasses", "glasses"),
        ("two glasses", "glasses"),
        ("a glass", "glass"),
        ("an automobile", "car"),
        ("three men", "person"),
        ("a human", "human"),
    ],
)
def test_the_longest_name_counts_and_synonyms_and_plurals_come_after_the_list_itself(chunk: str, label: str) -> None:
    synonyms = {"car": "automobile", "men": "human", "person": "human"}
    fuse = FuseSettings(labels=["glass", "car", "Toy_Car", "glasses", "person", "human"], synonyms=synonyms)
    assert head_label(chunk, fuse) == label


@pytest.mark.parametrize(
    ("text", "chunks", "first"),
    [
        ("A man riding a horse", ["a horse", "a man"], "a man"),
        ("a cart by papa dog", ["a car", "a dog"], None),
        ("a dog house by a dog", ["a dog", "a dog house"], "a dog house"),
        ("a dog", ["a cat"], None),
        ("a dog", [], None),
    ],
)
def test_the_chunk_with_which_a_text_begins(text: str, chunks: list[str], first: str | None) -> None:
    assert first_chunk(text, chunks) == first


def test_a_blank_label_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"labels must not be blank, got \[' _'\]"):
        FuseSettings(labels=["dog", " _"])


def test_a_human_label_is_renamed_only_where_humans_are_filtered_like_others() -> None:
    drawn = crop_says(BALL, "a checkered ball", label="balloon", likes=(0.66, 0.92), who="given")
    kept = region_of(drawn)
    assert (phrases(kept), kept.text) == (["balloon"], "balloon")
    filtered = region_of(drawn, FuseSettings(labels=LABELS, given="filter"))
    assert (phrases(filtered), filtered.text) == (["ball", "balloon"], BALL)
    assert [vote.source.ref for vote in filtered.votes] == ["given/0"]


def test_a_human_label_that_was_not_renamed_stays_the_text() -> None:
    right = crop_says(BALL, "a checkered ball", label="ball", likes=(0.66, 0.92), who="given")
    assert region_of(right, FuseSettings(labels=LABELS, given="filter")).text == "ball"


def test_similarities_of_a_second_matcher_do_not_count() -> None:
    findings = crop_says(BALL, "a checkered ball", label="balloon", likes=(0.8, 0.5))
    findings["siglip"] = [match("detector/0", "brief", BALL, 0.99)]
    assert phrases(region_of(findings)) == ["balloon"]


def test_a_proposal_without_a_class_gets_its_label() -> None:
    proposal = crop_says(BALL, "a checkered ball", label="", likes=(0.0, 0.9))
    assert phrases(region_of(proposal)) == ["ball"]


def test_a_word_that_was_read_keeps_its_text() -> None:
    sign = {
        "reader": [word("balloon", 0.9, DOG)],
        "crops": [caption(BALL, "reader/0")],
        "clip": [match("reader/0", "brief", BALL, 0.9), match("reader/0", "chunk", "a checkered ball", 0.8)],
    }
    assert region_of(sign).text == "balloon"
    assert phrases(region_of(sign)) == []


def test_two_regions_that_end_with_one_label_are_doubles_and_nothing_is_lost() -> None:
    apart = RegionSettings(nms_iou_any_label=None)
    findings = MISTAKEN | {"yolo": [found("ball", 0.8, NEAR_DOG)]}
    record, rows = build(findings, FuseSettings(), FilterSettings(region=apart))
    assert [phrases(region) for region in record.regions] == [["balloon"], ["ball"]]
    record, rows = build(findings, ON, FilterSettings(region=apart))
    assert [phrases(region) for region in record.regions] == [["ball", "balloon"]]
    assert verdicts(rows) == {
        "detector/0": "r0",
        "yolo/0": "region.nms",
        **dict.fromkeys(["crops/0", "clip/0", "clip/1", "clip/2"], "r0"),
        "clip/3": "r0",
    }


def test_what_was_said_of_a_renamed_double_goes_with_it() -> None:
    stronger = found("ball", 0.95, NEAR_DOG)
    _, rows = build(MISTAKEN | {"yolo": [stronger]}, ON)
    assert verdicts(rows) == {
        "detector/0": "region.nms",
        "yolo/0": "r0",
        **dict.fromkeys(["crops/0", "clip/0", "clip/1", "clip/2", "clip/3"], "fuse.target_dropped"),
    }


def test_label_rules_and_consensus_see_the_new_label() -> None:
    denied = FilterSettings(region=RegionSettings(deny_labels=["ball"]))
    assert verdicts(build(MISTAKEN, ON, denied)[1])["detector/0"] == "region.label"
    rules = ConsensusSettings(labels={"ball": ConsensusRule(min_votes=2)})
    fuse = FuseSettings(labels=LABELS, consensus=rules)
    assert verdicts(build(MISTAKEN, fuse)[1])["detector/0"] == "fuse.min_votes"
    assert verdicts(build(MISTAKEN, FuseSettings(consensus=rules))[1])["detector/0"] == "r0"


def test_every_vote_for_the_old_label_stays_one() -> None:
    findings = MISTAKEN | {"yolo": [found("Balloon", 0.8, NEAR_DOG), found("horse", 0.7, FAR)]}
    record, rows = build(findings, ON)
    ball, horse = record.regions
    assert (phrases(ball), phrases(horse)) == (["ball", "balloon"], ["horse"])
    assert [vote.source.ref for vote in ball.votes] == ["detector/0", "yolo/0"]
    assert (verdicts(rows)["detector/0"], verdicts(rows)["yolo/0"]) == ("r0", "r0")


def test_where_overlap_alone_fuses_the_vote_that_was_right_leads_with_its_own_similarity() -> None:
    findings = MISTAKEN | {"yolo": [found("Ball", 0.5, NEAR_DOG)]}
    findings["clip"] = [*MISTAKEN["clip"], match("yolo/0", "phrase", "Ball", 0.7)]
    region = region_of(findings, FuseSettings(labels=LABELS, agreement="geometry"))
    assert [(each.text, each.similarity, each.source.ref) for each in region.candidates[:2]] == [
        ("Ball", 0.7, "yolo/0"),
        ("balloon", 0.66, "detector/0"),
    ]
    assert (phrases(region), region.text) == (["Ball", "balloon"], BALL)


def test_where_overlap_alone_fuses_a_lighter_label_that_the_matcher_likes_best_leads() -> None:
    findings = MISTAKEN | {"yolo": [found("horse", 0.5, NEAR_DOG)]}
    findings["clip"] = [*MISTAKEN["clip"], match("yolo/0", "phrase", "horse", 0.97)]
    region = region_of(findings, FuseSettings(labels=LABELS, agreement="geometry"))
    assert (phrases(region), region.text) == (["horse", "balloon"], "horse")
