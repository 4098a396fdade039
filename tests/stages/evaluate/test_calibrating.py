"""Statements beside gold: what is right, what counts neither way, and whose boxes lie closely."""

from collections.abc import Mapping, Sequence

import pytest

from shards.finding import Box, Finding, Mask, PhraseGrounding
from shards.record import Record
from stages.calibrate.consensus import Consensus, Sighting
from stages.evaluate.calibrating import CalibratedKind, Overlaps, calibrated_by_gold
from stages.evaluate.calibrating_remarks import Spoken
from stages.fuse.ledger import statements
from stages.fuse.settings import FuseSettings
from tests.stages.evaluate.records import record, thing
from tests.stages.fuse.builders import annotator, found

DOG: Box = (10.0, 10.0, 50.0, 50.0)
SHIFTED: Box = (18.0, 10.0, 58.0, 50.0)  # IoU 0.67 with DOG
NOTHING: Box = (60.0, 60.0, 70.0, 70.0)
CROWD: Box = (55.0, 55.0, 100.0, 100.0)


def consensus(gold: Record, said: Mapping[str, Sequence[Finding]]) -> Consensus:
    stated = [each for name, given in said.items() for each in statements(annotator(name), given, (100, 100))]
    known = calibrated_by_gold([Spoken(stated, gold, place % 2) for place in range(60)], FuseSettings(), "object")
    assert isinstance(known, Consensus)
    return known


def test_a_statement_in_a_dont_care_area_of_its_label_is_neither_right_nor_wrong() -> None:
    said = {"detector": [found("dog", 0.9, DOG), found("dog", 0.2, NOTHING), found("cat", 0.2, NOTHING)]}
    plain = consensus(record("a", thing("dog", DOG)), said).voices["detector"]
    assert (plain.count, plain.right) == (180, 60)
    crowded = consensus(record("a", thing("dog", DOG), thing("dog", CROWD, score=0.0)), said).voices["detector"]
    assert (crowded.count, crowded.right) == (120, 60)  # the cat in the crowd of dogs is wrong


def test_doubles_that_the_round_will_drop_are_no_mistakes() -> None:
    """The second dog would be suppressed by the first, the third lies too far away for that."""
    doubles = [
        found("dog", 0.9, DOG),
        found("dog", 0.6, (12.0, 10.0, 52.0, 50.0)),
        found("dog", 0.3, (30.0, 10.0, 70.0, 50.0)),
    ]
    stated = statements(annotator("detector"), [*doubles, found("cat", 0.2, NOTHING)], (100, 100))
    images = [Spoken(stated, record("a", thing("dog", DOG)), place % 2) for place in range(60)]

    def heard(overlaps: Overlaps) -> tuple[int, float, float]:
        known = calibrated_by_gold(images, FuseSettings(within_annotator=False), "object", overlaps)
        assert isinstance(known, Consensus)
        voice = known.voices["detector"]
        return voice.count, voice.right, known.probability(Sighting("dog", {"detector": 0.6}))

    assert heard(Overlaps(None, None))[:2] == (240, 60)
    assert heard(Overlaps(0.7, None))[:2] == (180, 60)
    assert heard(Overlaps(0.7, None))[2] > heard(Overlaps(None, None))[2]


def test_boxes_weigh_by_how_closely_their_annotator_draws() -> None:
    said = {
        "detector": [found("dog", 0.9, (11.0, 10.0, 50.0, 50.0)), found("dog", 0.2, NOTHING)],
        "yolo": [found("dog", 0.9, SHIFTED), found("dog", 0.2, NOTHING)],
    }
    known = consensus(record("a", thing("dog", DOG)), said)
    assert known.voices["detector"].exactness == 1.0
    expected = (60 * 0.0006 + 20 * 0.056) / (60 * 0.111 + 20 * 0.056)  # squared misses, and 20 as both miss
    assert known.voices["yolo"].exactness == pytest.approx(expected, abs=0.001)
    share = known.mass("yolo", "dog", 0.9) / known.mass("detector", "dog", 0.9)
    assert share == pytest.approx(expected, abs=0.01)


ROUND_DOG = [[10.0, 10.0, 50.0, 10.0, 50.0, 50.0, 10.0, 50.0]]
CORNER = [[10.0, 10.0, 20.0, 10.0, 20.0, 20.0, 10.0, 20.0]]


def pointing(phrase: str, score: float, box: Box) -> PhraseGrounding:
    return PhraseGrounding(phrase, score, about="captioner/0", box=box, span=(0, len(phrase)))


def remarks(kind: CalibratedKind, gold: Record, *others: tuple[str, Finding]) -> Consensus:
    """Sixty images of which the others say the same, and a detector sees the dog."""
    said: dict[str, list[Finding]] = {"detector": [found("dog", 0.9, DOG)]}
    for name, finding in others:
        said.setdefault(name, []).append(finding)
    stated = [each for name, given in said.items() for each in statements(annotator(name), given, (100, 100))]
    known = calibrated_by_gold([Spoken(stated, gold, place % 2) for place in range(60)], FuseSettings(), kind)
    assert isinstance(known, Consensus)
    return known


def test_a_phrase_that_a_detector_bears_out_is_more_probable() -> None:
    known = remarks(
        "phrase",
        record("a", thing("dog", DOG), thing("cat", CROWD, score=0.0)),
        ("given", found("dog", None, DOG)),  # no witness: other images come with nothing
        ("grounder", pointing("a red dog", 0.5, SHIFTED)),
        ("grounder", pointing("a blue dog", 0.5, NOTHING)),
        ("grounder", pointing("the grass", 0.9, NOTHING)),  # gold has no label for it
        ("grounder", pointing("a cat", 0.9, NOTHING)),  # in a crowd of cats
    )
    assert {name: (voice.count, voice.right) for name, voice in known.voices.items()} == {
        "grounder": (120, 60), "detector/object": (60, 60)
    }  # fmt: skip
    lone, borne_out = Sighting("", {"grounder": 0.5}), Sighting("", {"grounder": 0.5, "detector/object": 0.9})
    assert known.probability(borne_out) > 0.9 > 0.1 > known.probability(lone)


def test_a_mask_is_right_by_the_gold_object_on_which_its_box_lies() -> None:
    known = remarks(
        "mask",
        record("a", thing("dog", DOG, polygons=ROUND_DOG)),
        ("detector", found("cat", 0.3, NOTHING)),
        ("sam", Mask(score=0.9, about="detector/0", polygons=ROUND_DOG)),
        ("sam", Mask(score=0.3, about="detector/0", polygons=CORNER)),
        ("sam", Mask(score=0.9, about="detector/1", polygons=CORNER)),  # nothing is there: the box's mistake
    )
    assert (known.voices["sam"].count, known.voices["sam"].right) == (120, 60)
    assert known.probability(Sighting("", {"sam": 0.9})) > 0.8 > 0.2 > known.probability(Sighting("", {"sam": 0.3}))
