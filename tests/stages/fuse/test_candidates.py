"""Which texts a region may have, which it gets, and whose mask."""

from collections.abc import Sequence

import pytest

from shards.finding import GIVEN, Caption, Detection, Finding, Mask, Match, OcrLine, Polygons
from stages.calibrate.consensus import Consensus
from stages.calibrate.voice import Voice
from stages.fuse.boxes import fuse_boxes
from stages.fuse.candidates import Draft, draft
from stages.fuse.ledger import Remark, of_type
from stages.fuse.settings import FuseSettings
from stages.fuse.words import fuse_words
from tests.stages.fuse.builders import DOG, NEAR_DOG, caption, found, match, stated, word

SQUARE: Polygons = [[10.0, 10.0, 110.0, 10.0, 110.0, 110.0, 10.0, 110.0]]
OTHER: Polygons = [[20.0, 20.0, 90.0, 20.0, 90.0, 90.0]]


def drafted(
    settings: FuseSettings = FuseSettings(),  # noqa: B008 (frozen)
    consensus: Consensus | None = None,
    /,
    **findings: Sequence[Finding],
) -> Draft:
    """The only region that `findings` make."""
    everything = stated(findings)
    about: dict[str, list[Remark]] = {}
    remarks: list[Remark] = [*of_type(everything, Caption), *of_type(everything, Match), *of_type(everything, Mask)]
    for each in remarks:
        about.setdefault(each.finding.about, []).append(each)
    words = of_type(everything, OcrLine)
    [cluster] = fuse_boxes(of_type(everything, Detection), settings, [], consensus) + fuse_words(words, settings, [])
    return draft(cluster, about, settings)


def mask(about: str, polygons: Polygons) -> Finding:
    return Mask(score=0.9, about=about, polygons=polygons)


def texts(out: Draft) -> list[tuple[str, str, float | None]]:
    return [(each.kind, each.text, each.similarity) for each in out.candidates]


def unused(out: Draft) -> dict[str, str]:
    return {each.source.ref: verdict.rule for each, verdict in out.unused}


def test_the_most_similar_candidate_is_selected_and_all_similarities_are_kept() -> None:
    out = drafted(
        detector=[found("dog", 0.9, DOG)],
        crops=[caption("a brown dog with a ball", "detector/0")],
        clip=[
            match("detector/0", "chunk", "a ball", 0.55),
            match("detector/0", "brief", "a brown dog with a ball", 0.84),
            match("detector/0", "phrase", "dog", 0.61),
            match("detector/0", "chunk", "a brown dog", 0.79),
        ],
    )
    assert texts(out) == [
        ("phrase", "dog", 0.61),
        ("brief", "a brown dog with a ball", 0.84),
        ("chunk", "a ball", 0.55),
        ("chunk", "a brown dog", 0.79),
    ]
    assert out.selected == 1
    assert [each.source.annotator for each in out.candidates] == ["detector", "crops", "clip", "clip"]
    assert out.unused == []


def test_a_tie_goes_to_the_first_in_the_order_phrase_brief_chunk() -> None:
    out = drafted(
        detector=[found("dog", 0.9, DOG)],
        crops=[caption("a dog", "detector/0")],
        clip=[match("detector/0", "brief", "a dog", 0.6), match("detector/0", "phrase", "dog", 0.6)],
    )
    assert out.selected == 0


def test_without_a_matcher_the_label_is_selected() -> None:
    out = drafted(detector=[found("dog", 0.9, DOG)], crops=[caption("a brown dog", "detector/0")])
    assert texts(out) == [("phrase", "dog", None), ("brief", "a brown dog", None)]
    assert out.selected == 0


def test_a_candidate_that_the_matcher_did_not_see_loses() -> None:
    out = drafted(
        detector=[found("dog", 0.9, DOG)],
        crops=[caption("a brown dog", "detector/0")],
        clip=[match("detector/0", "brief", "a brown dog", 0.01)],
    )
    assert out.selected == 1


def test_a_proposal_is_named_by_the_text_of_its_crop() -> None:
    out = drafted(detector=[found("", 0.9, DOG)], crops=[caption("a brown dog", "detector/0")])
    assert texts(out) == [("brief", "a brown dog", None)]


def test_nothing_that_names_it_leaves_no_candidates() -> None:
    out = drafted(detector=[found("", 0.9, DOG)], crops=[caption("  ", "detector/0")])
    assert out.candidates == []
    assert unused(out) == {"crops/0": "fuse.empty_text"}


def test_a_given_label_stays_selected_unless_the_settings_let_the_matcher_choose() -> None:
    findings = {
        "given": [found("terrier", None, DOG)],
        "detector": [found("terrier", 0.9, NEAR_DOG)],
        "crops": [caption("a brown dog", "given/0")],
        "clip": [match("given/0", "brief", "a brown dog", 0.9), match("given/0", "phrase", "terrier", 0.2)],
    }
    assert drafted(**findings).selected == 0
    assert drafted(FuseSettings(given_label="candidate"), **findings).selected == 1


def test_a_given_label_that_a_calibration_judges_is_selected_where_it_stands() -> None:
    judged = Consensus("learned", {GIVEN: Voice(9, 8, 0.5, 1.0, 0.0, 2.0), "detector": Voice(9, 8, 0.5, 1.0, 1.0, 0.0)})
    findings = {
        "given": [found("terrier", None, DOG)],
        "detector": [found("terrier", 0.9, NEAR_DOG)],
        "crops": [caption("a brown dog", "given/0")],
        "clip": [match("given/0", "brief", "a brown dog", 0.9), match("given/0", "phrase", "terrier", 0.2)],
    }
    assert drafted(FuseSettings(given="filter"), judged, **findings).selected == 0
    settings = FuseSettings(given="filter", given_label="candidate")
    assert drafted(settings, judged, **findings).selected == 1


def test_synthetic_labels_do_not_become_candidates_of_a_given_region() -> None:
    settings = FuseSettings(agreement="geometry")
    out = drafted(
        settings,
        given=[found("terrier", None, DOG)],
        detector=[found("cat", 0.9, NEAR_DOG)],
        clip=[match("detector/0", "phrase", "cat", 0.99)],
    )
    assert texts(out) == [("phrase", "terrier", None)]
    assert unused(out) == {"clip/0": "fuse.not_a_candidate"}


def test_the_highest_of_several_similarities_counts_and_all_are_used() -> None:
    out = drafted(
        detector=[found("dog", 0.9, DOG)],
        yolo=[found("Dog", 0.8, NEAR_DOG)],
        clip=[match("detector/0", "phrase", "dog", 0.5), match("yolo/0", "phrase", "Dog", 0.7)],
    )
    assert texts(out) == [("phrase", "dog", 0.7)]
    assert [each.source.ref for each in out.used] == ["clip/1", "clip/0"]


def test_similarities_of_a_second_matcher_do_not_compare() -> None:
    out = drafted(
        detector=[found("dog", 0.9, DOG)],
        clip=[match("detector/0", "phrase", "dog", 0.5)],
        siglip=[match("detector/0", "phrase", "dog", 0.9)],
    )
    assert texts(out) == [("phrase", "dog", 0.5)]
    assert unused(out) == {"siglip/0": "fuse.other_matcher"}


def test_the_same_text_twice_is_one_candidate() -> None:
    out = drafted(
        detector=[found("dog", 0.9, DOG)],
        crops=[caption("A dog", "detector/0")],
        blip=[caption("a  dog", "detector/0")],
    )
    assert texts(out) == [("phrase", "dog", None), ("brief", "A dog", None)]
    assert unused(out) == {"blip/0": "fuse.duplicate_candidate"}


def test_a_text_region_has_what_was_read_as_candidates_the_best_first() -> None:
    out = drafted(
        easy=[word("EXlT", 0.5, DOG)],
        reader=[word("EXIT", 0.9, DOG)],
        clip=[match("easy/0", "ocr", "EXlT", 0.9)],
    )
    assert texts(out) == [("ocr", "EXIT", None), ("ocr", "EXlT", 0.9)]
    assert out.selected == 0


def test_the_mask_of_the_best_vote_is_taken() -> None:
    out = drafted(
        detector=[found("dog", 0.6, DOG)],
        yolo=[found("dog", 0.9, NEAR_DOG)],
        sam=[mask("detector/0", OTHER), mask("yolo/0", SQUARE)],
    )
    assert out.polygons == SQUARE
    assert unused(out) == {"sam/0": "fuse.other_mask"}


def test_without_a_mask_of_the_best_vote_the_one_that_lies_best_is_taken() -> None:
    out = drafted(
        FuseSettings(within_annotator=True),
        detector=[found("dog", 0.9, DOG), found("dog", 0.3, (10, 10, 110, 80)), found("dog", 0.3, (10, 10, 110, 100))],
        sam=[mask("detector/0", []), mask("detector/1", OTHER), mask("detector/2", SQUARE)],
    )
    assert out.polygons == SQUARE
    assert unused(out) == {"sam/0": "fuse.empty_mask", "sam/1": "fuse.other_mask"}


@pytest.mark.parametrize(("name", "polygons"), [("given", SQUARE), ("detector", OTHER)])
def test_drawn_polygons_come_before_a_segmenters_only_if_a_human_drew_them(name: str, polygons: Polygons) -> None:
    box = Detection("dog", 0.9, box=DOG, polygons=SQUARE)
    findings: dict[str, Sequence[Finding]] = {name: [box], "sam": [mask(f"{name}/0", OTHER)]}
    out = drafted(**findings)
    assert out.polygons == polygons


def test_a_detectors_own_polygons_are_better_than_none() -> None:
    assert drafted(detector=[Detection("dog", 0.9, box=DOG, polygons=SQUARE)]).polygons == SQUARE
