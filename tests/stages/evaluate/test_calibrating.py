"""Statements beside gold: what is right, what counts neither way, and whose boxes lie closely."""

from collections.abc import Mapping, Sequence

import pytest

from shards.finding import Box, Finding
from shards.record import Record
from stages.calibrate.consensus import Consensus
from stages.evaluate.calibrating import Spoken, calibrated_by_gold
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
