"""Scores become probabilities: Platt's scaling, and how far scores are from being probabilities.

    p(right) = 1 / (1 + exp(-(slope * logit(score) + intercept)))

Comes in: scores in [0, 1] and whether each was right. Goes out: slope and intercept, or the expected calibration error.
Platt (1999), "Probabilistic outputs for support vector machines", with his smoothed targets; Newton's method with step
halving after Lin, Lin and Weng (2007); the error is that of Guo et al. (2017), in bins of equal mass.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shards.finding import SCORE_DECIMALS

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

BINS = 10
LEAST_SLOPE = 0.01
"""A better score never becomes a worse one; above 0, so that two stored scores stay apart where they can."""
_EDGE = 0.5 * 10.0**-SCORE_DECIMALS
"""Half a step of stored scores: a stored 1.0 stands for 1 - _EDGE, which has a logit."""
_STEPS = 100
_SMALLEST_STEP = 1e-10
_RIDGE = 1e-9  # keeps the Hessian invertible when all scores are equal
_DECIMALS = 4  # of stored parameters: far below what a few hundred pairs can tell


class PlattScaling(NamedTuple):
    """What is applied to the logit of a score."""

    slope: float
    intercept: float


def probabilities(scores: Floats, line: PlattScaling) -> Floats:
    """[n] in [0, 1]."""
    return sigmoid(line.slope * logits(scores) + line.intercept)


def fit_scaling(scores: Floats, right: Bools) -> PlattScaling:
    """The line of the greatest likelihood with a slope of at least LEAST_SLOPE. scores [n], right [n], n > 0."""
    positive = int(right.sum())
    negative = len(right) - positive
    return fit_scaling_to_shares(scores, np.where(right, (positive + 1) / (positive + 2), 1 / (negative + 2)))


def fit_scaling_to_shares(scores: Floats, targets: Floats) -> PlattScaling:
    """As `fit_scaling`, where each was right with a probability: targets [n] in [0, 1]."""
    evidence, ones = logits(scores), np.ones(len(scores))
    slope, intercept = _newton(np.stack([evidence, ones], axis=1), np.zeros(len(scores)), targets)
    if slope < LEAST_SLOPE:
        slope = LEAST_SLOPE
        [intercept] = _newton(ones[:, None], slope * evidence, targets)
    return PlattScaling(round(float(slope), _DECIMALS), round(float(intercept), _DECIMALS))


def share_scaling(right: Bools | Floats) -> PlattScaling:
    """The line that gives every score about the share of right ones, by the rule of succession: for so few pairs that
    nothing can be said of single scores, or for pairs that are all right or all wrong."""
    probability = (float(right.sum()) + 1) / (len(right) + 2)
    return PlattScaling(LEAST_SLOPE, round(float(np.log(probability / (1 - probability))), _DECIMALS))


def weights_of_evidence(design: Floats, right: Bools, ridge: float) -> Floats:
    """[k] coefficients of the logistic regression of `right` [n] on `design` [n, k], whose first column is 1 and is not
    shrunk; the others are, as if by a normal prior of variance 1 / ridge."""
    penalty = np.full(design.shape[1], ridge)
    penalty[0] = 0.0
    return _newton(design, np.zeros(len(right)), right.astype(np.float64), penalty)


def calibration_error(scores: Floats, right: Bools) -> float:
    """Mean |mean score - share right| over BINS bins of equal mass, sorted by score; n > 0. With few pairs per bin it
    is above 0 by chance alone."""
    order = np.argsort(scores, kind="stable")
    bins = np.array_split(order, min(BINS, len(order)))
    gaps = [len(places) * abs(scores[places].mean() - right[places].mean()) for places in bins]
    return float(sum(gaps) / len(scores))


def cross_fitted(scores: Floats, right: Bools, folds: NDArray[np.intp]) -> Floats | None:
    """[n] probabilities, those of each fold from the line of the others. None if there is nothing to fit a fold on."""
    crossed = np.empty(len(scores))
    for fold in np.unique(folds):
        there = folds == fold
        if not is_mixed(right[~there]):
            return None
        crossed[there] = probabilities(scores[there], fit_scaling(scores[~there], right[~there]))
    return crossed


def is_mixed(right: Bools) -> bool:
    """Whether some are right and some are wrong."""
    return bool(right.any() and not right.all())


def _newton(design: Floats, offset: Floats, targets: Floats, penalty: Floats | None = None) -> Floats:
    """[k] parameters that minimise the cross-entropy of sigmoid(design @ parameters + offset) with the targets, and
    half the sum of `penalty` x squared parameters."""
    at, pull = np.zeros(design.shape[1]), np.zeros(design.shape[1]) if penalty is None else penalty
    loss = _loss(design @ at + offset, targets)
    for _ in range(_STEPS):
        predicted = sigmoid(design @ at + offset)
        gradient = design.T @ (predicted - targets) + pull * at
        hessian = (design * (predicted * (1 - predicted))[:, None]).T @ design + np.diag(pull + _RIDGE)
        step, size = np.linalg.solve(hessian, gradient), 1.0

        def after(size: float, step: Any = step, at: Any = at) -> float:
            moved = at - size * step
            return _loss(design @ moved + offset, targets) + 0.5 * float(pull @ moved**2)

        while size > _SMALLEST_STEP and not (lower := after(size)) < loss:
            size /= 2
        if size <= _SMALLEST_STEP or loss - lower < 1e-12:
            break
        at, loss = at - size * step, lower
    return np.asarray(at)


def _loss(z: Floats, targets: Floats) -> float:
    return float(np.sum(np.logaddexp(0, z) - targets * z))


def logits(scores: Floats) -> Floats:
    """[n] of stored scores; those of 0 and 1 are finite."""
    kept = np.clip(scores, _EDGE, 1 - _EDGE)
    return np.asarray(np.log(kept / (1 - kept)))


def sigmoid(z: Floats) -> Floats:
    """[n] in [0, 1]."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * z)))  # does not overflow
