"""What the scores of a model are worth: its box scores become the probability of being right.

Comes in: pairs (score, is it right) of held-out images. Goes out: a `ModelCalibration`,
`rounds/NN/model/calibration.json`:

    {"reference": "round 0", "images": 52, "kinds": {
      "object": {"pairs": 312, "right": 201, "slope": 0.61, "intercept": -0.42, "ece_before": 0.31, "ece_after": 0.04},
      "phrase": {"pairs": 9, "right": 4, "ece_before": 0.29, "reason": "9 pairs, at least 30 are needed"}, ...},
     "among_others": {"seen": {"object": {"pairs": 240, "right": 196, ...}, ...},
                      "hinted": {"object": {"pairs": 31, "right": 19, ...}, ...},
                      "lone": {"object": {"pairs": 41, "right": 3, ...}, ...}}}

The score of a product of token probabilities says how sure the model is of its next words. Mapped, it says how often
such a box is right, which is what a threshold of a filter means, and what other annotators' scores can be held against.
How often that is depends most on whether anybody else saw the like (support.py): what the model says by itself is
mapped by `kinds`, what it says among others by `among_others`; of boxes that join nobody else's, `right` then counts
those that add something.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from shards.finding import Finding, box_of, kind_of, rounded
from stages.calibrate.platt import (
    PlattScaling,
    calibration_error,
    cross_fitted,
    fit_scaling,
    is_mixed,
    probabilities,
    share_scaling,
)
from stages.gate.pairs import ScoredPairs
from stages.gate.support import SUPPORTS, Support, supports

VERSION = 4
"""Raised when the same pairs give another calibration: verdicts are then reached again."""
LEAST_PAIRS = 30
"""Two parameters from less would be chance; also per fold for a cross-validated error."""
_DECIMALS = 4


class Fit(msgspec.Struct, frozen=True, omit_defaults=True):
    """Of one kind of finding. pairs: boxes with a score; right: of them. slope, intercept: applied to the logit of the
    score, None where nothing is applied, for the `reason`; boxes that join nobody else's then get the share of right
    ones. Expected calibration error of the scores, and of the mapped scores, where those of either half of the images
    are mapped as the other half says."""

    pairs: int
    right: int
    slope: float | None = None
    intercept: float | None = None
    ece_before: float | None = None
    ece_after: float | None = None
    reason: str = ""

    @property
    def line(self) -> PlattScaling | None:
        """What is applied."""
        if self.slope is None or self.intercept is None:
            return None
        return PlattScaling(self.slope, self.intercept)


Lines = Mapping[str, PlattScaling]
"""Kind of finding -> what is applied; nothing to the kinds that are not named."""


class ModelCalibration(msgspec.Struct, frozen=True):
    """reference: what decided what is right; images: how many of it; kinds: by kind of finding, of all boxes;
    among_others: the same by what others saw there."""

    reference: str
    images: int
    kinds: dict[str, Fit]
    among_others: dict[Support, dict[str, Fit]] = {}

    @property
    def lines(self) -> Lines:
        """For a model by itself."""
        return _lines(self.kinds)

    @property
    def worth(self) -> "Worth":
        """For a model among others. Boxes that others have, too, are worth what all are if they are too few."""
        lines = {support: _lines(fits) for support, fits in self.among_others.items()}
        return Worth({**lines, "seen": {**self.lines, **lines.get("seen", {})}})

    @property
    def summary(self) -> str:
        """One line for people: "scores of object calibrated (error 0.31, then 0.04; 312 boxes; right: 196 of 240 that
        others saw, 19 of 31 hinted, 3 of 41 lone), ocr as they are"."""
        return "scores of " + ", ".join(
            f"{kind} {_summary(fit)}{self._shares(kind)}" for kind, fit in self.kinds.items()
        )

    def _shares(self, kind: str) -> str:
        fits_of_kind = {support: by_kind[kind] for support, by_kind in self.among_others.items() if kind in by_kind}
        shares = [f"{fit.right} of {fit.pairs} {support}" for support, fit in fits_of_kind.items() if fit.pairs]
        return f" (right: {', '.join(shares)})" if shares else ""


class Worth(NamedTuple):
    """What is applied to the boxes of a model among others, by what others saw there."""

    lines: dict[Support, Lines]

    def mapped(self, findings: Sequence[Finding], others: Sequence[Finding]) -> list[Finding]:
        """The findings with the scores of their boxes mapped. others: what all others said of the image."""
        return [
            _mapped(rounded(finding), self.lines.get(support, {}).get(kind_of(finding)))
            for finding, support in zip(findings, supports(findings, others), strict=True)
        ]

    def facts(self) -> list[str]:
        """For a fingerprint."""
        named = {f"{support} {kind}": line for support, lines in self.lines.items() for kind, line in lines.items()}
        return [f"{name} {line.slope} {line.intercept}" for name, line in sorted(named.items())]


def calibrate_model(pairs: Mapping[str, ScoredPairs], reference: str, images: int) -> ModelCalibration:
    """The calibration that these pairs of `images` images give. Never raises for too few: it says so."""
    return ModelCalibration(
        reference,
        images,
        kinds={kind: _fit(of_kind) for kind, of_kind in pairs.items()},
        among_others={support: _by_kind(pairs, support) for support in SUPPORTS},
    )


def mapped(findings: Iterable[Finding], lines: Lines) -> list[Finding]:
    """The findings with the scores of their boxes mapped, stored scores to stored scores."""
    return [_mapped(rounded(finding), lines.get(kind_of(finding))) for finding in findings]


def _mapped(finding: Finding, line: PlattScaling | None) -> Finding:
    if line is None or box_of(finding) is None or finding.score is None:
        return finding
    [probability] = probabilities(np.array([finding.score]), line)
    return rounded(msgspec.structs.replace(finding, score=float(probability)))


def _lines(fits: Mapping[str, Fit]) -> dict[str, PlattScaling]:
    return {kind: line for kind, fit in fits.items() if (line := fit.line) is not None}


def _by_kind(pairs: Mapping[str, ScoredPairs], support: Support) -> dict[str, Fit]:
    how = _fit if support == "seen" else _fit_few
    return {kind: how(of_kind.of(support)) for kind, of_kind in pairs.items()}


def _summary(fit: Fit) -> str:
    if fit.line is None:
        return "as they are"
    then = "" if fit.ece_after is None else f", then {fit.ece_after:.2f}"
    return f"calibrated (error {fit.ece_before:.2f}{then}; {fit.pairs} boxes)"


def _fit_few(pairs: ScoredPairs) -> Fit:
    """As of all; but the least that is known is how many of them were right, and that is believed."""
    whole = _fit(pairs)
    if whole.line is not None or not whole.pairs:
        return whole
    line = share_scaling(pairs.right)
    return msgspec.structs.replace(whole, slope=line.slope, intercept=line.intercept)


def _fit(pairs: ScoredPairs) -> Fit:
    scores, right, folds = pairs.scores, pairs.right, pairs.folds
    count, positive = len(scores), int(right.sum())
    before = _rounded(calibration_error(scores, right)) if count else None
    if count < LEAST_PAIRS:
        return Fit(count, positive, ece_before=before, reason=f"{count} pairs, at least {LEAST_PAIRS} are needed")
    if not is_mixed(right):
        reason = f"all {count} are {'right' if positive else 'wrong'}: nothing to tell apart"
        return Fit(count, positive, ece_before=before, reason=reason)
    line, crossed = fit_scaling(scores, right), None
    if np.bincount(folds, minlength=2).min() >= LEAST_PAIRS:
        crossed = cross_fitted(scores, right, folds)
    after = None if crossed is None else _rounded(calibration_error(crossed, right))
    reason = "" if crossed is not None else f"no ece_after: either half needs {LEAST_PAIRS} pairs, right and wrong ones"
    return Fit(count, positive, line.slope, line.intercept, before, after, reason)


def _rounded(value: float) -> float:
    return round(value, _DECIMALS)
