"""What the boxes of a model of the loop are worth among others: its scores become probabilities, by what others saw.

    Worth({"seen": {"object": PlattScaling(0.6, -0.4)}, "lone": {"object": PlattScaling(0.01, -2.5)}})

    generalist  object "dog" 0.90, others saw it     0.71
    generalist  object "hat" 0.90, nobody else did   0.08

The gate of `fld loop` finds it (stages/gate/calibration.py). It is applied whenever a round is written and nothing is
kept of it: the raw column holds what the model said, and another worth calls for no model.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from shards.finding import Finding, box_of, kind_of, rounded
from stages.calibrate.platt import PlattScaling, probabilities
from stages.calibrate.support import Support, supports

Lines = Mapping[str, PlattScaling]
"""Kind of finding -> what is applied; nothing to the kinds that are not named."""


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


def mapped(findings: Iterable[Finding], lines: Lines) -> list[Finding]:
    """The findings of a model by itself with the scores of their boxes mapped, stored scores to stored scores."""
    return [_mapped(rounded(finding), lines.get(kind_of(finding))) for finding in findings]


def _mapped(finding: Finding, line: PlattScaling | None) -> Finding:
    if line is None or box_of(finding) is None or finding.score is None:
        return finding
    [probability] = probabilities(np.array([finding.score]), line)
    return rounded(msgspec.structs.replace(finding, score=float(probability)))
