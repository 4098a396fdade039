"""Scaling and its error, on scores whose worth is known."""

import numpy as np
import pytest

from stages.calibrate.platt import (
    LEAST_SLOPE,
    Bools,
    Floats,
    PlattScaling,
    calibration_error,
    cross_fitted,
    fit_scaling,
    probabilities,
)


def drawn(slope: float, intercept: float, count: int = 5000) -> tuple[Floats, Bools]:
    """Scores, and answers that are right as often as sigmoid(slope * logit + intercept) says."""
    random = np.random.default_rng(7)
    logits = random.normal(1.5, 1.5, count)
    right = random.random(count) < 1 / (1 + np.exp(-(slope * logits + intercept)))
    return 1 / (1 + np.exp(-logits)), right


def test_the_line_that_made_the_answers_is_found() -> None:
    line = fit_scaling(*drawn(0.6, -1.0))
    assert line.slope == pytest.approx(0.6, abs=0.06)
    assert line.intercept == pytest.approx(-1.0, abs=0.12)


def test_mapped_scores_are_nearer_to_the_share_of_right_ones() -> None:
    scores, right = drawn(0.6, -1.0)
    folds = np.arange(len(scores)) % 2
    crossed = cross_fitted(scores, right, folds)
    assert crossed is not None
    assert calibration_error(scores, right) > 0.2
    assert calibration_error(crossed, right) < 0.03


def test_scores_that_are_right_already_stay() -> None:
    scores, right = drawn(1.0, 0.0)
    assert np.abs(probabilities(scores, fit_scaling(scores, right)) - scores).max() < 0.03


@pytest.mark.parametrize(
    ("scores", "right"),
    [
        drawn(-1.0, 0.0),  # the worse the score, the more often right
        (np.full(60, 0.95), np.arange(60) < 20),
        (np.array([0.0, 1.0] * 30), np.arange(60) % 2 == 0),
    ],
)
def test_a_better_score_stays_the_better_one(scores: Floats, right: Bools) -> None:
    line = fit_scaling(scores, right)
    assert line.slope >= LEAST_SLOPE
    assert probabilities(scores, line).mean() == pytest.approx(right.mean(), abs=0.02)
    low, high = probabilities(np.array([0.2, 0.9]), line)
    assert low < high


def test_a_perfect_model_is_not_believed_for_ever() -> None:
    """Platt's targets: of 20 right ones, (20 + 1) / (20 + 2)."""
    scores = np.array([0.1] * 20 + [0.9] * 20)
    mapped = probabilities(np.array([0.1, 0.9]), fit_scaling(scores, scores > 0.5))
    assert mapped.tolist() == pytest.approx([1 / 22, 21 / 22], abs=1e-4)


def test_the_ends_of_the_scale_are_numbers() -> None:
    mapped = probabilities(np.array([0.0, 1.0]), PlattScaling(2.0, 0.5))
    assert 0 < mapped[0] < 0.001
    assert 0.999 < mapped[1] < 1


def test_the_error_is_the_mean_gap_of_bins_of_equal_mass() -> None:
    scores = np.array([0.2] * 10 + [0.8] * 10)
    right = np.array([False] * 10 + [True] * 5 + [False] * 5)
    order = np.random.default_rng(0).permutation(20)
    assert calibration_error(scores, right) >= 0.5 * 0.2 + 0.5 * 0.3 - 1e-9
    two = np.array([0.2, 0.8])
    assert calibration_error(two, np.array([False, True])) == pytest.approx(0.2)
    distinct = np.linspace(0, 1, 20)
    assert calibration_error(distinct[order], right[order]) == pytest.approx(calibration_error(distinct, right))


def test_a_fold_is_mapped_by_the_other_one() -> None:
    scores, right = drawn(0.6, -1.0, 400)
    folds = np.arange(400) // 200
    crossed = cross_fitted(scores, right, folds)
    assert crossed is not None
    assert crossed[:200].tolist() == probabilities(scores[:200], fit_scaling(scores[200:], right[200:])).tolist()
    assert cross_fitted(scores, np.arange(400) < 200, folds) is None  # all right here, all wrong there
