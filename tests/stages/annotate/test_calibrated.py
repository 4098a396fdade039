"""The stage of a model whose scores are mapped."""

import numpy as np

from shards.finding import Finding
from specialists.roles import Fingerprint
from stages.annotate.calibrated import CalibratedStage
from stages.gate.platt import Line
from stages.stage import Item

BOX = (0.0, 0.0, 20.0, 20.0)
LINES = {"object": Line(1.0, -2.0)}


class Dogs:
    """Finds a dog everywhere; `calls` are those of its life."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def load(self) -> None:
        self.calls.append("load")

    def run(self, items: list[Item]) -> list[list[Finding]]:
        return [[Finding("object", "dog", 0.9, box=BOX)] for _ in items]

    def fingerprint(self) -> Fingerprint:
        return {"backend": "dogs"}

    def close(self) -> None:
        self.calls.append("close")


def test_scores_are_mapped_and_all_else_is_the_models() -> None:
    dogs = Dogs()
    stage = CalibratedStage(dogs, LINES)
    stage.load()
    items = [Item(key, np.zeros((8, 8, 3), dtype=np.uint8)) for key in "ab"]
    assert stage.run(items) == [[Finding("object", "dog", 0.5491, box=BOX)]] * 2
    stage.close()
    assert dogs.calls == ["load", "close"]


def test_another_calibration_is_another_column() -> None:
    facts = CalibratedStage(Dogs(), LINES).fingerprint()
    assert facts == {"backend": "dogs", "calibration": ["object 1.0 -2.0"]}
    assert facts != CalibratedStage(Dogs(), {"object": Line(1.0, -2.1)}).fingerprint()
