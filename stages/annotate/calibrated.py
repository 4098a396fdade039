"""A stage whose box scores are mapped to probabilities: the loop's model with what the gate found its scores worth.

    CalibratedStage(GeneralistStage(...), {"object": Line(0.61, -0.42)})

The model itself does not know: which of its own boxes it is asked about is decided by its own scores.
"""

from collections.abc import Mapping

from shards.finding import Finding
from specialists.roles import Fingerprint
from stages.gate.calibration import mapped
from stages.gate.platt import Line
from stages.stage import Item, Stage


class CalibratedStage:
    """See `stages.stage.Stage`. lines: by kind of finding, other kinds keep their scores; part of the fingerprint."""

    def __init__(self, stage: Stage, lines: Mapping[str, Line]) -> None:
        self._stage = stage
        self._lines = dict(lines)

    def load(self) -> None:
        self._stage.load()

    def run(self, items: list[Item]) -> list[list[Finding]]:
        return [mapped(found, self._lines) for found in self._stage.run(items)]

    def fingerprint(self) -> Fingerprint:
        lines = [f"{kind} {line.slope} {line.intercept}" for kind, line in sorted(self._lines.items())]
        return {**self._stage.fingerprint(), "calibration": lines}

    def close(self) -> None:
        self._stage.close()
