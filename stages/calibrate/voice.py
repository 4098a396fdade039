"""What one annotator's scores are worth: the one place where a score becomes the probability of being right.

Comes in: `Judged`, that is scores of statements and whether each was right. Goes out: a `Voice`.

    voice_of(judged, Enough(pairs=30))     Voice(count=312, right=201, slope=0.61, intercept=-0.42, ...)

It says so of every annotator and for every kind of finding: `fld calibrate` of all that speak in a corpus
(learned.py), the gate of `fld loop` of its own model, by what others saw there (stages/gate/calibration.py). How
several voices become one probability is in consensus.py.
"""

from math import exp, log
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from shards.finding import SCORE_DECIMALS
from stages.calibrate.interval import wilson
from stages.calibrate.platt import (
    Bools,
    Floats,
    PlattScaling,
    calibration_error,
    cross_fitted,
    fit_scaling,
    is_mixed,
    share_scaling,
)

LEAST_PAIRS = 30
"""Statements per half of the images from which a cross-validated error says anything."""
SURE = 40.0
_EDGE = 0.5 * 10.0**-SCORE_DECIMALS
_DECIMALS = 4
_AS_THEY_ARE = PlattScaling(1.0, 0.0)


class Voice(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one annotator's statements are worth.

    count: statements; right: of them, or how many others bear out; low, high: 95% interval of the share.
    slope, intercept: applied to the logit of a score, None where scores stay as they are, for the `reason`; labels: the
    same for some labels. weight: in the pool, or of the logit; presence: of speaking at all; rival: of the probability
    of another label here. exactness: how closely its boxes lie on the things, in (0, 1], 1 for the best annotator. ece:
    expected calibration error of the scores, and of their probabilities where either half of the images is mapped as
    the other half says."""

    count: int
    right: float
    low: float
    high: float
    slope: float | None
    intercept: float | None
    weight: float = 1.0
    presence: float = 0.0
    rival: float = 0.0
    exactness: float = 1.0
    labels: dict[str, tuple[float, float]] = {}
    ece_before: float | None = None
    ece_after: float | None = None
    reason: str = ""

    def probability(self, label: str, score: float | None) -> float:
        """Of one statement, by itself. score None: there is none, as of most people's."""
        slope, intercept = self.labels.get(label, self.line or _AS_THEY_ARE)
        return sigmoid_of(intercept + (0.0 if score is None else slope * logit_of(score)))

    @property
    def line(self) -> PlattScaling | None:
        """Of labels that have none of their own; None where scores stay as they are."""
        if self.slope is None or self.intercept is None:
            return None
        return PlattScaling(self.slope, self.intercept)


class Judged(NamedTuple):
    """scores: [n], nan without one; right: [n]; folds: [n], 0 or 1, the half of the image; labels: [n], those that may
    have a line of their own."""

    scores: Floats
    right: Bools
    folds: NDArray[np.intp]
    labels: NDArray[np.str_] | None = None

    @property
    def scored(self) -> "Judged":
        """Those that have a score."""
        there = ~np.isnan(self.scores)
        return Judged(self.scores[there], self.right[there], self.folds[there])


class Enough(NamedTuple):
    """What a line needs: statements with a score, right and wrong ones each, and the same for a line of one label, or
    without scores for its share. is_share_enough: with less every score is worth the share of right ones, and does not
    stay as it is."""

    pairs: int = 0
    of_either: int = 1
    of_label: int = 1
    without_score: int = 1
    is_share_enough: bool = True


def voice_of(judged: Judged, enough: Enough, exactness: float = 1.0) -> Voice:
    """What these statements say of their annotator. Never raises for too few: the reason is in it."""
    count, right = len(judged.right), int(judged.right.sum())
    low, high = wilson(float(right), count)
    line, reason = _line(judged, enough)
    before = after = None
    scored = judged.scored
    if len(scored.right):
        before = round(calibration_error(scored.scores, scored.right), _DECIMALS)
    if line is not None and not reason:
        after, reason = _error_after(scored)
    if line is None and enough.is_share_enough and count:
        line = share_scaling(judged.right)
    slope, intercept = line if line is not None else (None, None)
    return Voice(
        count, float(right), low, high, slope, intercept,
        exactness=exactness, labels=_labels(judged, enough), ece_before=before, ece_after=after, reason=reason,
    )  # fmt: skip


def _line(judged: Judged, enough: Enough) -> tuple[PlattScaling | None, str]:
    """What is fitted to the scores, or why nothing is."""
    scores, right, *_ = judged.scored
    positive = int(right.sum())
    negative = len(right) - positive
    if len(right) < enough.pairs:
        return None, f"{len(right)} pairs, at least {enough.pairs} are needed"
    if not len(right):
        return None, "no statement has a score"
    if not is_mixed(right):
        return None, f"all {len(right)} are {'right' if positive else 'wrong'}: nothing to tell apart"
    if min(positive, negative) < enough.of_either:
        return None, f"{positive} right and {negative} wrong, at least {enough.of_either} of either are needed"
    return fit_scaling(scores, right), ""


def _error_after(scored: Judged) -> tuple[float | None, str]:
    crossed = None
    if np.bincount(scored.folds, minlength=2).min() >= LEAST_PAIRS:
        crossed = cross_fitted(*scored[:3])
    if crossed is None:
        return None, f"no ece_after: either half needs {LEAST_PAIRS} pairs, right and wrong ones"
    return round(calibration_error(crossed, scored.right), _DECIMALS), ""


def _labels(judged: Judged, enough: Enough) -> dict[str, tuple[float, float]]:
    """Label -> its own line, where there are enough statements of it."""
    if judged.labels is None:
        return {}
    lines: dict[str, tuple[float, float]] = {}
    for label in sorted(set(judged.labels.tolist())):
        of_label = Judged(*(column[judged.labels == label] for column in judged[:3]))
        right, is_scored = int(of_label.right.sum()), bool(len(of_label.scored.right))
        if is_scored and min(right, len(of_label.right) - right) < enough.of_label:
            continue
        if not is_scored and len(of_label.right) < enough.without_score:
            continue
        line, _ = _line(of_label, enough)
        slope, intercept = line or share_scaling(of_label.right)
        lines[label] = slope, intercept
    return lines


def logit_of(probability: float) -> float:
    """Of a stored score or a probability; those of 0 and 1 are finite."""
    kept = min(max(probability, _EDGE), 1 - _EDGE)
    return log(kept / (1 - kept))


def sigmoid_of(logit: float) -> float:
    """In (0, 1)."""
    return 1.0 / (1.0 + exp(-min(max(logit, -SURE), SURE)))
