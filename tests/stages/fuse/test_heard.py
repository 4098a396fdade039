"""A model of the loop is heard with what its scores are worth beside the others."""

from dataclasses import replace

import pytest

from shards.finding import GIVEN
from stages.calibrate.platt import PlattScaling
from stages.calibrate.worth import Worth
from stages.fuse.heard import heard
from stages.fuse.ledger import Voter
from tests.stages.fuse.builders import DOG, FAR, annotator, found

WORTH = Worth({"seen": {"object": PlattScaling(1.0, -2.0)}, "lone": {"object": PlattScaling(1.0, -4.0)}})
YOLO = annotator("yolo")
MODEL = Voter("generalist", "generalist", "g1", round=1, worth=WORTH)


@pytest.mark.parametrize("witness", ["yolo", GIVEN])
def test_what_others_saw_is_worth_more(witness: str) -> None:
    said = {witness: [found("cat", 0.9, DOG)], "generalist": [found("dog", 0.9, DOG), found("dog", 0.9, FAR)]}
    got = heard(said, [YOLO, MODEL])
    assert got["generalist"] == [found("dog", 0.5491, DOG), found("dog", 0.1415, FAR)]
    assert got[witness] == said[witness]
    assert said["generalist"][0].score == 0.9


def test_another_model_of_the_loop_is_no_witness() -> None:
    student = Voter("student", "detector", "s1", round=1)
    said = {"student": [found("dog", 0.9, DOG)], "generalist": [found("dog", 0.9, DOG)]}
    [alone] = heard(said, [YOLO, student, MODEL])["generalist"]
    assert alone.score == 0.1415


def test_without_a_worth_everybody_is_heard_as_they_spoke() -> None:
    said = {"generalist": [found("dog", 0.9, DOG)]}
    assert heard(said, [YOLO, replace(MODEL, worth=None)]) is said


def test_another_worth_is_another_content_of_the_same_column() -> None:
    other = replace(MODEL, worth=Worth({**WORTH.lines, "lone": {"object": PlattScaling(1.0, -4.1)}}))
    assert MODEL.fingerprint == other.fingerprint
    assert len({MODEL.content, other.content, replace(MODEL, worth=None).content}) == 3
    assert replace(MODEL, worth=None).content == "g1"
