"""When scores are mapped, and what of a finding changes."""

from typing import Any

import msgspec
import numpy as np
import pytest

from shards.finding import Caption, Detection, Finding, OcrLine
from stages.calibrate.platt import PlattScaling
from stages.calibrate.support import SUPPORTS, Support
from stages.calibrate.voice import Voice
from stages.calibrate.worth import mapped
from stages.gate.calibration import ModelCalibration, calibrate_model, decode_calibration
from stages.gate.pairs import ScoredPairs
from tests.stages.calibrate.test_platt import drawn

BOX = (0.0, 0.0, 20.0, 20.0)


def pairs(scores: Any, right: Any, folds: Any, support: Support = "seen") -> ScoredPairs:
    return ScoredPairs(scores, right, right, np.full(len(scores), SUPPORTS.index(support)), folds)


def some(count: int, positive: int, folds: int = 2) -> ScoredPairs:
    """Scores from 0 to 1, the last ones right."""
    right = np.arange(count) >= count - positive
    return pairs(np.linspace(0, 1, count), right, np.arange(count) % folds)


def test_a_kind_is_calibrated_with_an_honest_error() -> None:
    scores, right = drawn(0.6, -1.0, 600)
    calibration = calibrate_model({"object": pairs(scores, right, np.arange(600) % 2)}, "gold.jsonl", 12)
    assert (calibration.reference, calibration.images) == ("gold.jsonl", 12)
    found = calibration.kinds["object"]
    assert (found.count, found.right, found.reason) == (600, int(right.sum()), "")
    assert found.ece_before is not None
    assert found.ece_after is not None
    assert found.ece_after < found.ece_before / 2
    assert calibration.lines == {"object": PlattScaling(found.slope or 0.0, found.intercept or 0.0)}
    assert msgspec.json.decode(msgspec.json.encode(calibration), type=ModelCalibration) == calibration


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (some(0, 0), "0 pairs, at least 30 are needed"),
        (some(29, 9), "29 pairs, at least 30 are needed"),
        (some(40, 40), "all 40 are right: nothing to tell apart"),
        (some(40, 0), "all 40 are wrong: nothing to tell apart"),
    ],
)
def test_without_enough_to_fit_scores_stay_and_the_reason_is_given(found: ScoredPairs, reason: str) -> None:
    calibration = calibrate_model({"ocr": found}, "round 0", 3)
    assert (calibration.lines, calibration.kinds["ocr"].reason) == ({}, reason)


@pytest.mark.parametrize("found", [some(40, 20), some(80, 40, 1)])
def test_without_two_halves_there_is_a_line_and_no_error_of_it(found: ScoredPairs) -> None:
    fit = calibrate_model({"object": found}, "round 0", 3).kinds["object"]
    assert (fit.slope is not None, fit.ece_before is not None, fit.ece_after) == (True, True, None)
    assert fit.reason == "no ece_after: either half needs 30 pairs, right and wrong ones"


def test_a_line_for_people() -> None:
    found = ModelCalibration(
        "gold",
        9,
        {
            "object": Voice(312, 201, 0.59, 0.69, 0.6, -0.4, ece_before=0.312, ece_after=0.04),
            "phrase": Voice(40, 9, 0.12, 0.37, 1.0, 0.0, ece_before=0.2),
        },
    )
    said = "scores of object calibrated (error 0.31, then 0.04; 312 boxes), phrase calibrated (error 0.20; 40 boxes)"
    assert found.summary == said
    assert calibrate_model({"ocr": some(3, 1)}, "gold", 9).summary == "scores of ocr as they are (right: 1 of 3 seen)"
    lone = some(3, 1)._replace(support=np.array([0, 2, 2]))
    assert (
        calibrate_model({"ocr": lone}, "gold", 9).summary
        == "scores of ocr as they are (right: 0 of 1 seen, 1 of 2 lone)"
    )


def test_only_scores_of_boxes_of_a_calibrated_kind_change() -> None:
    kept: list[Finding] = [Detection("dog", box=BOX), Caption("a dog", 0.9), OcrLine("EXIT", 0.9, box=BOX)]
    box = Detection("dog", 0.9, box=BOX)
    [*same, dog] = mapped([*kept, box], {"object": PlattScaling(1.0, -2.0)})
    assert same == kept
    assert dog == Detection("dog", 0.5491, box=BOX)  # logit 2.1972 - 2


def test_stored_scores_give_stored_scores() -> None:
    """The gate maps what it stored, a worker what the model said: with one result."""
    line = {"object": PlattScaling(0.5, 0.0)}
    exact = Detection("dog", 0.99994, box=(0.004, 0.0, 20.0, 20.0))
    stored = Detection("dog", 0.9999, box=BOX)
    assert mapped([exact], line) == mapped([stored], line)


def test_boxes_are_worth_what_boxes_with_such_support_were_worth() -> None:
    """Equal scores: those that others saw are right from 0.5 on, every second on a hint, the lone ones hardly ever."""
    scores, support = np.tile(np.linspace(0.05, 0.95, 60), 3), np.repeat(np.arange(3), 60)
    place = np.arange(180)
    right = np.select([support == 0, support == 1], [scores > 0.5, place % 2 == 0], place % 20 == 0)
    found = calibrate_model({"object": ScoredPairs(scores, right, right, support, place % 4 // 2)}, "gold", 30)
    assert (found.kinds["object"].count, found.kinds["object"].right) == (180, 63)
    assert {name: (fits["object"].count, fits["object"].right) for name, fits in found.among_others.items()} == {
        "seen": (60, 30), "hinted": (60, 30), "lone": (60, 3)
    }  # fmt: skip
    dog = Detection("dog", 0.9, box=BOX)
    others = {"seen": 0.8, "hinted": 0.1, "lone": 0.01}
    worth = {
        name: found.worth.mapped([dog], [Detection("cat", score, box=BOX)])[0].score or 0.0
        for name, score in others.items()
    }
    assert worth["seen"] > 0.9 > 0.65 > worth["hinted"] > 0.35 > 0.15 > worth["lone"] > 0.01
    [by_itself] = mapped([dog], found.lines)
    assert worth["lone"] < (by_itself.score or 0.0) < worth["seen"]


def test_a_box_that_joins_nobody_elses_must_add_something() -> None:
    """All are right, none adds anything."""
    found = {"object": some(60, 60)._replace(adds=np.zeros(60) > 0, support=np.arange(60) % 3)}
    assert {name: fits["object"].right for name, fits in calibrate_model(found, "gold", 3).among_others.items()} == {
        "seen": 20, "hinted": 0, "lone": 0
    }  # fmt: skip


@pytest.mark.parametrize("support", ["hinted", "lone"])
@pytest.mark.parametrize(
    ("count", "right", "worth"), [(3, 0, 0.2), (29, 9, 10 / 31), (40, 0, 1 / 42), (40, 40, 41 / 42)]
)
def test_few_boxes_that_join_nobody_elses_are_worth_the_share_of_right_ones(
    count: int, right: int, worth: float, support: Support
) -> None:
    found = calibrate_model(
        {"object": some(count, right)._replace(support=np.full(count, SUPPORTS.index(support)))}, "g", 3
    )
    assert found.among_others[support]["object"].reason
    assert found.lines == {}
    others = [Detection("dog", 0.1, box=BOX)] if support == "hinted" else []
    for score in (0.5, 0.99):
        [dog] = found.worth.mapped([Detection("dog", score, box=BOX)], others)
        assert dog.score == pytest.approx(worth, abs=0.012)


def test_of_what_never_came_nothing_is_known() -> None:
    found = calibrate_model({"object": some(60, 30)}, "gold", 3)
    assert (found.worth.lines["hinted"], found.worth.lines["lone"]) == ({}, {})
    line = found.lines["object"]
    assert found.worth.facts() == [f"seen object {line.slope} {line.intercept}"]


def test_few_boxes_that_others_saw_are_mapped_as_all_are() -> None:
    found = calibrate_model({"object": some(60, 30)._replace(support=np.arange(60) // 10)}, "gold", 3)
    assert found.among_others["seen"]["object"].line is None
    assert found.worth.lines["seen"] == found.lines


BEFORE = b"""{"reference": "gold", "images": 52, "kinds": {
  "object": {"pairs": 312, "right": 201, "slope": 0.61, "intercept": -0.42, "ece_before": 0.31, "ece_after": 0.04},
  "phrase": {"pairs": 9, "right": 4, "ece_before": 0.29, "reason": "9 pairs, at least 30 are needed"}},
 "among_others": {"seen": {"object": {"pairs": 240, "right": 196, "slope": 0.7, "intercept": 0.1}},
                  "lone": {"object": {"pairs": 4, "right": 0, "slope": 0.01, "intercept": -1.6, "reason": "few"}}}}"""


def test_a_calibration_of_an_earlier_release_maps_as_it_did() -> None:
    """Its lines are part of the fingerprint of the model's column: another one would make it annotate again."""
    found = decode_calibration(BEFORE)
    assert found.worth.facts() == ["lone object 0.01 -1.6", "seen object 0.7 0.1"]
    assert found.lines == {"object": PlattScaling(0.61, -0.42)}
    assert (found.kinds["phrase"].count, found.kinds["phrase"].reason) == (9, "9 pairs, at least 30 are needed")
    assert found.kinds["object"].low == pytest.approx(0.59, abs=0.01)
    assert decode_calibration(msgspec.json.encode(found)) == found
    with pytest.raises(msgspec.DecodeError):
        decode_calibration(b'{"reference": "gold"}')
