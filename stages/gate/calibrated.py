"""A stage whose box scores are mapped to probabilities: the loop's model with what the gate found its scores worth.

    CalibratedStage(GeneralistStage(...), calibration.worth)

A box that somebody else saw, too, is worth another probability than one that the model sees alone, so the stage must be
given what the others found: its column needs theirs. The model itself does not know: which of its own boxes it is asked
about is decided by its own scores.
"""

from itertools import chain

from shards.finding import Finding
from specialists.roles import Fingerprint
from stages.gate.calibration import Worth
from stages.stage import Item, Stage


class CalibratedStage:
    """See `stages.stage.Stage`. worth: part of the fingerprint; kinds that it does not name keep their scores."""

    def __init__(self, stage: Stage, worth: Worth) -> None:
        self._stage = stage
        self._worth = worth

    def load(self) -> None:
        self._stage.load()

    def run(self, items: list[Item]) -> list[list[Finding]]:
        others = [list(chain.from_iterable(item.findings.values())) for item in items]
        return [self._worth.mapped(*each) for each in zip(self._stage.run(items), others, strict=True)]

    def fingerprint(self) -> Fingerprint:
        return {**self._stage.fingerprint(), "calibration": self._worth.facts()}

    def close(self) -> None:
        self._stage.close()
