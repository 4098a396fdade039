"""What the scores of a model are worth: its box scores become the probability of being right.

Comes in: pairs (score, is it right) of held-out images. Goes out: a `Calibration`, `rounds/NN/model/calibration.json`:

    {"reference": "round 0", "images": 52, "kinds": {
      "object": {"pairs": 312, "right": 201, "slope": 0.61, "intercept": -0.42, "ece_before": 0.31, "ece_after": 0.04},
      "phrase": {"pairs": 9, "right": 4, "ece_before": 0.29, "reason": "9 pairs, at least 30 are needed"}, ...}}

The score of a product of token probabilities says how sure the model is of its next words. Mapped, it says how often
such a box is right, which is what a threshold of a filter means, and what other annotators' scores can be held against.
"""

from collections.abc import Iterable, Mapping

import msgspec
import numpy as np

from shards.finding import Finding, rounded
from stages.gate.pairs import Pairs
from stages.gate.platt import Line, calibration_error, cross_fitted, fit, is_mixed, probabilities

VERSION = 1
"""Raised when the same pairs give another calibration: verdicts are then reached again."""
LEAST_PAIRS = 30
"""Two parameters from less would be chance; also per fold for a cross-validated error."""
_DECIMALS = 4


class Fit(msgspec.Struct, frozen=True, omit_defaults=True):
    """Of one kind of finding. pairs: boxes with a score; right: of them. slope, intercept: applied to the logit of the
    score, None where nothing is applied, for the `reason`. Expected calibration error of the scores, and of the mapped
    scores, where those of either half of the images are mapped as the other half says."""

    pairs: int
    right: int
    slope: float | None = None
    intercept: float | None = None
    ece_before: float | None = None
    ece_after: float | None = None
    reason: str = ""

    @property
    def line(self) -> Line | None:
        """What is applied."""
        if self.slope is None or self.intercept is None:
            return None
        return Line(self.slope, self.intercept)


class Calibration(msgspec.Struct, frozen=True):
    """reference: what decided what is right; images: how many of it; kinds: by kind of finding."""

    reference: str
    images: int
    kinds: dict[str, Fit]

    @property
    def lines(self) -> dict[str, Line]:
        """What is applied, by kind; nothing to the kinds that are not named."""
        return {kind: line for kind, each in self.kinds.items() if (line := each.line) is not None}

    @property
    def summary(self) -> str:
        """One line for people: "scores of object calibrated (error 0.31, then 0.04; 312 boxes), ocr as they are"."""
        return "scores of " + ", ".join(f"{kind} {_said(each)}" for kind, each in self.kinds.items())


def calibrate(found: Mapping[str, Pairs], reference: str, images: int) -> Calibration:
    """The calibration that these pairs of `images` images give. Never raises for too few: it says so."""
    return Calibration(reference, images, {kind: _fit(each) for kind, each in found.items()})


def mapped(findings: Iterable[Finding], lines: Mapping[str, Line]) -> list[Finding]:
    """The findings with the scores of their boxes mapped, stored scores to stored scores."""
    return [_mapped(rounded(finding), lines.get(finding.kind)) for finding in findings]


def _mapped(finding: Finding, line: Line | None) -> Finding:
    if line is None or finding.box is None or finding.score is None:
        return finding
    [probability] = probabilities(np.array([finding.score]), line)
    return rounded(msgspec.structs.replace(finding, score=float(probability)))


def _said(fit: Fit) -> str:
    if fit.line is None:
        return "as they are"
    then = "" if fit.ece_after is None else f", then {fit.ece_after:.2f}"
    return f"calibrated (error {fit.ece_before:.2f}{then}; {fit.pairs} boxes)"


def _fit(found: Pairs) -> Fit:
    scores, right, folds = found
    count, positive = len(scores), int(right.sum())
    before = _rounded(calibration_error(scores, right)) if count else None
    if count < LEAST_PAIRS:
        return Fit(count, positive, ece_before=before, reason=f"{count} pairs, at least {LEAST_PAIRS} are needed")
    if not is_mixed(right):
        reason = f"all {count} are {'right' if positive else 'wrong'}: nothing to tell apart"
        return Fit(count, positive, ece_before=before, reason=reason)
    line, crossed = fit(scores, right), None
    if np.bincount(folds, minlength=2).min() >= LEAST_PAIRS:
        crossed = cross_fitted(scores, right, folds)
    after = None if crossed is None else _rounded(calibration_error(crossed, right))
    reason = "" if crossed is not None else f"no ece_after: either half needs {LEAST_PAIRS} pairs, right and wrong ones"
    return Fit(count, positive, line.slope, line.intercept, before, after, reason)


def _rounded(value: float) -> float:
    return round(value, _DECIMALS)
