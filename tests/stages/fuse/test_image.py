"""One image from findings to record, through all steps, and nothing lost on the way."""

import math

import pytest

from filters.confidence import AnnotatorScores
from filters.phrase import PhraseSettings
from filters.region import RegionSettings
from filters.settings import FilterSettings
from shards.finding import (
    Box,
    Caption,
    Detection,
    Finding,
    Mask,
    OcrLine,
)
from stages.fuse.settings import ConsensusRule, ConsensusSettings, FuseSettings
from tests.stages.fuse.builders import DOG, FAR, NEAR_DOG, build, caption, found, match, phrase, verdicts, word

TEXT = "a dog chases a ball"


def test_a_whole_image() -> None:
    record, rows = build(
        {
            "detector": [found("dog", 0.9, DOG), found("cat", 0.1, FAR)],
            "yolo": [found("Dog", 0.6, NEAR_DOG)],
            "caption": [caption(TEXT)],
            "grounder": [phrase("a dog", (0, 5), DOG), phrase("a ball", (13, 19), FAR)],
            "crops": [caption("a brown dog", "detector/0")],
            "clip": [match("detector/0", "brief", "a brown dog", 0.8), match("detector/0", "phrase", "dog", 0.6)],
            "reader": [word("BEWARE", 0.95, (20.0, 20.0, 80.0, 40.0))],
            "sam": [Mask(about="grounder/1", polygons=[[300.0, 300.0, 400.0, 300.0, 400.0, 400.0]])],
        }
    )
    assert [(text.id, text.text) for text in record.texts] == [("t0", TEXT)]
    dog, sign = record.regions
    assert (dog.id, dog.kind, dog.text, dog.score) == ("r0", "object", "a brown dog", 0.9)
    assert [(vote.source.ref, vote.label, vote.weight) for vote in dog.votes] == [
        ("detector/0", "dog", 0.6),
        ("yolo/0", "Dog", 0.4),
        ("grounder/0", "a dog", 0.0),
    ]
    assert (sign.id, sign.kind, sign.text) == ("r1", "text", "BEWARE")
    assert [(each.phrase, each.boxes[0].region_id, each.text_id) for each in record.groundings] == [
        ("a dog", "r0", "t0"),
        ("a ball", None, "t0"),
    ]
    assert record.groundings[1].boxes[0].polygons == [[300.0, 300.0, 400.0, 300.0, 400.0, 400.0]]
    assert verdicts(rows) == {
        "detector/0": "r0",
        "detector/1": "region.score",
        "yolo/0": "r0",
        "caption/0": "t0",
        "grounder/0": "g0",
        "grounder/1": "g1",
        "crops/0": "r0",
        "clip/0": "r0",
        "clip/1": "r0",
        "reader/0": "r1",
        "sam/0": "g1",
    }


@pytest.mark.parametrize("about", ["detector/0", "grounder/0"])
def test_a_region_and_the_phrase_on_it_share_the_mask_of_either(about: str) -> None:
    polygons = [[10.0, 10.0, 110.0, 10.0, 110.0, 110.0]]
    record, _ = build(
        {
            "detector": [found("dog", 0.9, DOG)],
            "caption": [caption(TEXT)],
            "grounder": [phrase("a dog", (0, 5), NEAR_DOG)],
            "sam": [Mask(about=about, polygons=polygons)],
        }
    )
    assert record.regions[0].polygons == polygons
    assert record.groundings[0].boxes[0].polygons == polygons


def test_an_image_about_which_nothing_was_said() -> None:
    record, rows = build({})
    assert (record.texts, record.regions, record.groundings, rows) == ([], [], [], [])


def test_confidence_is_the_annotators_own_threshold_and_not_asked_again_of_the_fused_score() -> None:
    filters = FilterSettings(region=RegionSettings(min_score=0.5, annotators={"yolo": AnnotatorScores(min_score=0.2)}))
    record, rows = build({"detector": [found("dog", 0.4, DOG)], "yolo": [found("cat", 0.3, FAR)]}, filters=filters)
    assert [region.text for region in record.regions] == ["cat"]
    dropped = next(row for row in rows if not row.kept)
    assert (dropped.ref, dropped.rule, dropped.value, dropped.threshold) == ("detector/0", "region.score", 0.4, 0.5)


def test_what_was_said_about_a_dropped_box_goes_with_it() -> None:
    _, rows = build(
        {
            "detector": [found("dog", 0.1, DOG)],
            "crops": [caption("a brown dog", "detector/0")],
            "clip": [match("detector/0", "phrase", "dog", 0.6), match("detector/9", "phrase", "dog", 0.6)],
        }
    )
    assert verdicts(rows) == {
        "detector/0": "region.score",
        "crops/0": "fuse.target_dropped",
        "clip/0": "fuse.target_dropped",
        "clip/1": "fuse.no_target",
    }


def test_suppression_drops_every_vote_of_the_weaker_region() -> None:
    _, rows = build(
        {"detector": [found("dog", 0.9, DOG), found("cat", 0.5, NEAR_DOG)], "yolo": [found("cat", 0.6, NEAR_DOG)]}
    )
    assert verdicts(rows) == {
        "detector/0": "r0",
        "detector/1": "region.nms_any_label",
        "yolo/0": "region.nms_any_label",
    }


def test_a_region_that_nothing_names_is_dropped() -> None:
    record, rows = build({"detector": [found("", 0.9, DOG)]})
    assert record.regions == []
    assert verdicts(rows) == {"detector/0": "fuse.no_text"}


@pytest.mark.parametrize("box", [(-20.0, 0.0, 0.0, 50.0), (5.0, 5.0, 5.0, 9.0)])
def test_a_box_without_area_in_the_image_is_dropped(box: Box) -> None:
    _, rows = build({"detector": [Detection("dog", 0.9, box=box)]})
    assert verdicts(rows) == {"detector/0": "fuse.no_area"}


@pytest.mark.parametrize("score", [math.nan, 1.5, -0.1, math.inf])
def test_a_score_that_is_none_is_dropped_and_ends_no_round(score: float) -> None:
    _, rows = build({"detector": [found("dog", score, DOG)]})
    assert verdicts(rows) == {"detector/0": "fuse.not_a_score"}


@pytest.mark.parametrize(
    "broken",
    [
        found("dog", 0.9, (math.nan, 0.0, 9.0, 9.0)),
        OcrLine("EXIT", 0.9, box=DOG, quad=(0, 0, 9, 0, 9, 9, 0, math.inf)),
        Detection("dog", 0.9, box=DOG, polygons=[[0.0, 0.0, math.nan, 0.0, 9.0, 9.0]]),
    ],
)
def test_coordinates_that_are_no_numbers_are_dropped(broken: Finding) -> None:
    _, rows = build({"detector": [broken]})
    assert verdicts(rows) == {"detector/0": "fuse.not_finite"}


def test_given_boxes_pass_the_filters_unless_the_settings_say_otherwise() -> None:
    tiny: Box = (10.0, 10.0, 13.0, 13.0)
    findings = {"given": [found("fly", None, tiny), found("dog", None, DOG), found("pet", None, NEAR_DOG)]}
    assert sorted(region.text for region in build(findings)[0].regions) == ["dog", "fly", "pet"]
    filtered, rows = build(findings, FuseSettings(given="filter"))
    assert [region.text for region in filtered.regions] == ["dog"]
    assert verdicts(rows) == {"given/0": "region.min_side", "given/1": "r0", "given/2": "region.nms_any_label"}


def test_a_given_box_suppresses_a_synthetic_one_of_another_label() -> None:
    record, rows = build({"given": [found("dog", None, DOG)], "detector": [found("cat", 0.99, NEAR_DOG)]})
    assert [region.text for region in record.regions] == ["dog"]
    assert verdicts(rows)["detector/0"] == "region.nms_any_label"


# Consensus and late votes


def test_min_votes_counts_annotators_not_boxes() -> None:
    fuse = FuseSettings(consensus=ConsensusSettings(min_votes=2))
    twice = {"detector": [found("dog", 0.9, DOG), found("dog", 0.8, NEAR_DOG)]}
    _, rows = build(twice, fuse.model_copy(update={"within_annotator": True}))
    assert verdicts(rows) == {"detector/0": "fuse.min_votes", "detector/1": "fuse.min_votes"}
    assert (rows[0].value, rows[0].threshold) == (1.0, 2.0)
    record, _ = build({"detector": [found("dog", 0.9, DOG)], "yolo": [found("dog", 0.8, NEAR_DOG)]}, fuse)
    assert len(record.regions) == 1


def test_a_lone_weak_box_is_dropped_and_a_grounded_phrase_promotes_it() -> None:
    fuse = FuseSettings(consensus=ConsensusSettings(lone_box_score=0.7))
    findings = {"detector": [found("dog", 0.5, DOG)], "caption": [caption(TEXT)]}
    _, rows = build(findings, fuse)
    assert verdicts(rows)["detector/0"] == "fuse.lone_box_score"
    record, _ = build({**findings, "grounder": [phrase("a dog", (0, 5), NEAR_DOG)]}, fuse)
    assert [vote.source.annotator for vote in record.regions[0].votes] == ["detector", "grounder"]
    deaf = FuseSettings(consensus=ConsensusSettings(lone_box_score=0.7, late_votes=False))
    record, _ = build({**findings, "grounder": [phrase("a dog", (0, 5), NEAR_DOG)]}, deaf)
    assert record.regions == []


def test_a_dropped_phrase_has_no_vote() -> None:
    fuse = FuseSettings(consensus=ConsensusSettings(lone_box_score=0.7))
    findings = {"detector": [found("dog", 0.5, DOG)], "caption": [caption("a dog")]}  # too short a text
    _, rows = build({**findings, "grounder": [phrase("a dog", (0, 5), NEAR_DOG)]}, fuse)
    assert verdicts(rows) == {
        "detector/0": "fuse.lone_box_score",
        "caption/0": "text.min_tokens",
        "grounder/0": "fuse.text_dropped",
    }


def test_labels_may_have_rules_of_their_own() -> None:
    rule = ConsensusRule(lone_box_score=0.75)
    fuse = FuseSettings(consensus=ConsensusSettings(labels={"Person": rule}), synonyms={"man": "person"})
    record, _ = build({"detector": [found("man", 0.7, DOG), found("dog", 0.7, FAR)]}, fuse)
    assert [region.text for region in record.regions] == ["dog"]


def test_a_box_that_nobody_believes_suppresses_nothing() -> None:
    fuse = FuseSettings(consensus=ConsensusSettings(min_votes=2))
    record, _ = build(
        {
            "detector": [found("cat", 0.95, DOG), found("dog", 0.5, DOG)],
            "yolo": [found("dog", 0.6, NEAR_DOG)],
        },
        fuse,
    )
    assert [region.text for region in record.regions] == ["dog"]


# Groundings


def test_phrases_that_cannot_stand_are_dropped_with_their_reason() -> None:
    whole: Box = (0.0, 0.0, 640.0, 480.0)
    _, rows = build(
        {
            "caption": [caption("it is a dog on the background")],
            "grounder": [
                phrase("a dog", (6, 11), DOG),
                phrase("it", (0, 2), DOG),
                phrase("the background", (15, 29), DOG),
                phrase("a cat", (6, 11), DOG),  # not what stands there
                phrase("a dog", (6, 11), None),
                phrase("a dog", (6, 11), whole),
                phrase("a dog", (6, 11), NEAR_DOG, score=0.7),
                phrase("a dog", (6, 11), FAR, score=0.1),
                phrase("a dog", (6, 11), DOG, about="caption/7"),
                phrase("a dog", (6, 11), (700.0, 0.0, 800.0, 9.0)),
            ],
        }
    )
    assert list(verdicts(rows).values()) == [
        "t0",
        "g0",
        "phrase.pronoun",
        "phrase.abstract",
        "fuse.span_mismatch",
        "fuse.not_found",
        "phrase.box_area",
        "phrase.box_nms",
        "phrase.box_score",
        "fuse.no_target",
        "fuse.no_area",
    ]


def test_a_phrase_in_two_places_is_one_grounding_best_place_first() -> None:
    record, _ = build(
        {
            "caption": [caption(TEXT)],
            "grounder": [phrase("a dog", (0, 5), FAR, 0.5), phrase("a dog", (0, 5), DOG, 0.9)],
        }
    )
    [grounding] = record.groundings
    assert [box.box for box in grounding.boxes] == [DOG, FAR]
    assert grounding.score == 0.9


def test_equal_phrases_at_different_spans_are_different_groundings() -> None:
    record, _ = build(
        {
            "caption": [caption("a dog and a dog")],
            "grounder": [phrase("a dog", (10, 15), FAR), phrase("a dog", (0, 5), DOG)],
        }
    )
    assert [each.span for each in record.groundings] == [(0, 5), (10, 15)]


def test_a_given_phrase_passes_the_filters() -> None:
    whole: Box = (0.0, 0.0, 640.0, 480.0)
    record, _ = build({"given": [caption("it is a dog"), phrase("it", (0, 2), whole, about="given/0")]})
    assert [each.phrase for each in record.groundings] == ["it"]
    strict, _ = build(
        {"given": [caption("it is a dog"), phrase("it", (0, 2), whole, about="given/0")]}, FuseSettings(given="filter")
    )
    assert strict.groundings == []


def test_texts_are_ordered_and_the_same_words_are_one_text() -> None:
    longer = Caption("a dog " * 8, granularity="detailed")
    record, rows = build(
        {"llm": [longer], "caption": [caption(TEXT)], "blip": [caption(f" {TEXT}"), caption("a cat and a ball")]},
        filters=FilterSettings(text={"max_repeats": 10}, phrase=PhraseSettings()),
    )
    assert [(text.id, text.granularity, text.source.annotator) for text in record.texts] == [
        ("t0", "brief", "caption"),
        ("t1", "brief", "blip"),
        ("t2", "detailed", "llm"),
    ]
    assert verdicts(rows)["blip/0"] == "fuse.duplicate_text"
