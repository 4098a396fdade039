"""When scores are mapped, and what of a finding changes."""

import msgspec
import numpy as np
import pytest

from shards.finding import Finding
from stages.gate.calibration import AmongOthers, Calibration, Fit, calibrate, mapped
from stages.gate.pairs import Pairs
from stages.gate.platt import Line
from tests.stages.gate.test_platt import drawn

BOX = (0.0, 0.0, 20.0, 20.0)


def some(count: int, right: int, folds: int = 2) -> Pairs:
    """Scores from 0 to 1, the last ones right."""
    return Pairs(
        np.linspace(0, 1, count), np.arange(count) >= count - right, np.ones(count) > 0, np.arange(count) % folds
    )


def test_a_kind_is_calibrated_with_an_honest_error() -> None:
    scores, right = drawn(0.6, -1.0, 600)
    calibration = calibrate({"object": Pairs(scores, right, np.ones(600) > 0, np.arange(600) % 2)}, "gold.jsonl", 12)
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
    lone = some(3, 1)._replace(seen=np.zeros(3) > 0)
    assert calibrate({"ocr": lone}, "gold", 9).summary == "scores of ocr as they are, 1 of 3 right that nobody else saw"


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


def test_boxes_that_nobody_else_saw_are_worth_what_such_boxes_were_worth() -> None:
    """The same scores: those with company are right from 0.5 on, the lone ones hardly ever."""
    scores = np.tile(np.linspace(0.05, 0.95, 60), 2)
    seen = np.arange(120) < 60
    right = np.where(seen, scores > 0.5, np.arange(120) % 20 == 0)
    found = calibrate({"object": Pairs(scores, right, seen, np.arange(120) % 2)}, "gold", 30)
    assert [(each["object"].pairs, each["object"].right) for each in (found.kinds, found.seen, found.lone)] == [
        (120, 33), (60, 30), (60, 3)
    ]  # fmt: skip
    dog = Finding("object", "dog", 0.9, box=BOX)
    [among] = found.among_others.mapped([dog], [Finding("object", "cat", 0.3, box=BOX)])
    [alone] = found.among_others.mapped([dog], [])
    [by_itself] = mapped([dog], found.lines)
    assert (among.score or 0) > 0.9 > (by_itself.score or 0) > 0.2 > (alone.score or 0) > 0.03


@pytest.mark.parametrize(
    ("count", "right", "worth"), [(3, 0, 0.2), (29, 9, 10 / 31), (40, 0, 1 / 42), (40, 40, 41 / 42)]
)
def test_few_lone_boxes_are_worth_the_share_of_right_ones(count: int, right: int, worth: float) -> None:
    lone = some(count, right)._replace(seen=np.zeros(count) > 0)
    found = calibrate({"object": lone}, "gold", 3)
    assert found.lone["object"].reason
    assert "object" not in found.lines
    for score in (0.5, 0.99):
        [dog] = found.among_others.mapped([Finding("object", "dog", score, box=BOX)], [])
        assert dog.score == pytest.approx(worth, abs=0.012)


def test_without_any_lone_box_nothing_is_known_of_them() -> None:
    found = calibrate({"object": some(60, 30)}, "gold", 3).among_others
    assert found.lone == {}
    assert found.facts() == [f"seen object {found.seen['object'].slope} {found.seen['object'].intercept}"]


def test_few_boxes_with_company_are_mapped_as_all_are() -> None:
    pairs = some(60, 30)._replace(seen=np.arange(60) < 10)
    found = calibrate({"object": pairs}, "gold", 3)
    assert found.among_others.seen == found.lines
    assert isinstance(found.among_others, AmongOthers)
