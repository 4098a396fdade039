"""Phrases and masks in a round whose calibration knows what they are worth."""

from collections.abc import Mapping

import pytest

from filters.phrase import PhraseSettings
from filters.settings import FilterSettings
from shards.finding import Finding, Mask
from stages.calibrate.consensus import AnnotatorCalibration, Consensus
from stages.calibrate.voice import Voice
from stages.fuse.image import Rules
from stages.fuse.phrases import speaker
from stages.fuse.settings import FuseSettings
from tests.stages.fuse.builders import DOG, FAR, NEAR_DOG, annotator, build, caption, found, phrase, verdicts


def voice(intercept: float, presence: float = 0.0) -> Voice:
    """One whose scores are moved by so many logits."""
    return Voice(100, 50.0, 0.4, 0.6, 1.0, intercept, presence=presence)


def calibration(kind: str, voices: Mapping[str, Voice]) -> AnnotatorCalibration:
    return AnnotatorCalibration(2, "gold", 9, {kind: Consensus("learned", dict(voices))}, {}, "")


PHRASES = calibration("phrase", {"grounder": voice(-3.0), "detector/object": voice(0.0, presence=2.5)})
SAID = {
    "caption": [caption("a dog, a dog and a cat")],
    "grounder": [phrase("a dog", (0, 5), NEAR_DOG), phrase("a dog", (7, 12), FAR)],
    "detector": [found("dog", 0.5, DOG), found("cat", 0.9, FAR)],
}
"""Two phrases of equal score: where one points, the detector sees a dog; where the other does, a cat."""


def test_a_phrase_has_the_probability_that_its_voices_have_together() -> None:
    record, rows = build(SAID, calibration=PHRASES)
    assert verdicts(rows)["grounder/1"] == "phrase.box_score"
    [gone] = [row for row in rows if row.ref == "grounder/1"]
    assert (gone.score, gone.threshold) == (0.8, 0.3)
    assert gone.value == pytest.approx(0.166, abs=0.001)
    [grounding] = record.groundings
    [place] = grounding.boxes
    assert place.score == pytest.approx(0.709, abs=0.001)  # logit 1.386 - 3 + 2.5
    assert place.source.score == 0.8
    [dog] = [region for region in record.regions if region.text == "dog"]
    assert [vote.score for vote in dog.votes] == [0.5, 0.8]  # a vote is what its annotator said


def test_without_a_calibration_a_phrase_keeps_its_score() -> None:
    record, _ = build(SAID)
    assert [place.score for grounding in record.groundings for place in grounding.boxes] == [0.8, 0.8]


def test_what_nobody_knows_and_what_people_say_keeps_its_score() -> None:
    said = {"caption": SAID["caption"], "given": [phrase("a dog", (0, 5), DOG, 0.05)], "grounder": SAID["grounder"]}
    unheard = calibration("phrase", {"given": voice(-9.0)})
    record, _ = build(said, calibration=unheard)
    assert sorted(place.score or 0.0 for each in record.groundings for place in each.boxes) == [0.05, 0.8, 0.8]
    judged, _ = build(said, FuseSettings(given="filter"), calibration=unheard)
    assert [place.score for each in judged.groundings for place in each.boxes] == [0.8, 0.8]


def test_two_grounders_bear_each_other_out() -> None:
    said = {"caption": SAID["caption"], "grounder": [phrase("a dog", (0, 5), DOG)]}
    said["other"] = [phrase("a dog", (0, 5), NEAR_DOG, 0.5)]
    both = calibration("phrase", {"grounder": voice(0.0), "other": voice(0.0, presence=1.0)})
    filters = FilterSettings(phrase=PhraseSettings(nms_iou=None))
    record, _ = build(said, None, filters, both)
    assert [place.score for each in record.groundings for place in each.boxes] == [pytest.approx(0.916, abs=0.001)] * 2


@pytest.mark.parametrize("calibrated", [False, True])
def test_the_likeliest_mask_is_taken(calibrated: bool) -> None:
    said: dict[str, list[Finding]] = {
        "detector": [found("dog", 0.9, DOG)],
        "drawer": [Mask(score=0.9, about="detector/0", polygons=[[0.0] * 6])],
        "sam": [Mask(score=0.5, about="detector/0", polygons=[[1.0] * 6])],
    }
    known = calibration("mask", {"sam": voice(0.0), "drawer": voice(-4.0)})
    record, rows = build(said, calibration=known if calibrated else None)
    [region] = record.regions
    assert region.polygons == ([[1.0] * 6] if calibrated else [[0.0] * 6])
    assert verdicts(rows)["drawer/0" if calibrated else "sam/0"] == "fuse.other_mask"


def test_who_could_not_speak_has_no_voice_of_any_name() -> None:
    rules = Rules(FuseSettings(), FilterSettings(), (annotator("detector"), annotator("grounder")), PHRASES)
    known = rules.without({"detector"}).consensus("phrase")
    assert known is not None
    assert {speaker(name) for name in known.voices} == {"grounder"}
