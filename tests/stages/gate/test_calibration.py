"""When scores are mapped, and what of a finding changes."""

import msgspec
import numpy as np
import pytest

from shards.finding import Finding
from stages.gate.calibration import Calibration, Fit, calibrate, mapped
from stages.gate.pairs import Pairs
from stages.gate.platt import Line
from tests.stages.gate.test_platt import drawn

BOX = (0.0, 0.0, 20.0, 20.0)


def some(count: int, right: int, folds: int = 2) -> Pairs:
    """Scores from 0 to 1, the last ones right."""
    return Pairs(np.linspace(0, 1, count), np.arange(count) >= count - right, np.arange(count) % folds)


def test_a_kind_is_calibrated_with_an_honest_error() -> None:
    scores, right = drawn(0.6, -1.0, 600)
    calibration = calibrate({"object": Pairs(scores, right, np.arange(600) % 2)}, "gold.jsonl", 12)
    assert (calibration.reference, calibration.images) == ("gold.jsonl", 12)
    found = calibration.kinds["object"]
    assert (found.pairs, found.right, found.reason) == (600, int(right.sum()), "")
    assert found.ece_before is not None
    assert found.ece_after is not None
    assert found.ece_after < found.ece_before / 2
    assert calibration.lines == {"object": Line(found.slope or 0.0, found.intercept or 0.0)}
    assert msgspec.json.decode(msgspec.json.encode(calibration), type=Calibration) == calibration


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (some(0, 0), "0 pairs, at least 30 are needed"),
        (some(29, 9), "29 pairs, at least 30 are needed"),
        (some(40, 40), "all 40 are right: nothing to tell apart"),
        (some(40, 0), "all 40 are wrong: nothing to tell apart"),
    ],
)
def test_without_enough_to_fit_scores_stay_and_the_reason_is_given(found: Pairs, reason: str) -> None:
    calibration = calibrate({"ocr": found}, "round 0", 3)
    assert (calibration.lines, calibration.kinds["ocr"].reason) == ({}, reason)


@pytest.mark.parametrize("found", [some(40, 20), some(80, 40, 1)])
def test_without_two_halves_there_is_a_line_and_no_error_of_it(found: Pairs) -> None:
    fit = calibrate({"object": found}, "round 0", 3).kinds["object"]
    assert (fit.slope is not None, fit.ece_before is not None, fit.ece_after) == (True, True, None)
    assert fit.reason == "no ece_after: either half needs 30 pairs, right and wrong ones"


def test_a_line_for_people() -> None:
    found = Calibration(
        "gold", 9, {"object": Fit(312, 201, 0.6, -0.4, 0.312, 0.04), "phrase": Fit(40, 9, 1.0, 0.0, 0.2)}
    )
    said = "scores of object calibrated (error 0.31, then 0.04; 312 boxes), phrase calibrated (error 0.20; 40 boxes)"
    assert found.summary == said
    assert calibrate({"ocr": some(3, 1)}, "gold", 9).summary == "scores of ocr as they are"


def test_only_scores_of_boxes_of_a_calibrated_kind_change() -> None:
    kept = [Finding("object", "dog"), Finding("text", "a dog", 0.9), Finding("ocr", "EXIT", 0.9, box=BOX)]
    box = Finding("object", "dog", 0.9, box=BOX)
    [*same, dog] = mapped([*kept, box], {"object": Line(1.0, -2.0)})
    assert same == kept
    assert dog == Finding("object", "dog", 0.5491, box=BOX)  # logit 2.1972 - 2


def test_stored_scores_give_stored_scores() -> None:
    """The gate maps what it stored, a worker what the model said: with one result."""
    line = {"object": Line(0.5, 0.0)}
    exact = Finding("object", "dog", 0.99994, box=(0.004, 0.0, 20.0, 20.0))
    stored = Finding("object", "dog", 0.9999, box=BOX)
    assert mapped([exact], line) == mapped([stored], line)
