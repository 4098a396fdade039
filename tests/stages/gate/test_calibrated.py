"""The stage of a model whose scores are mapped."""

import numpy as np

from shards.finding import Detection, Finding
from specialists.roles import Fingerprint
from stages.calibrate.platt import PlattScaling
from stages.gate.calibrated import CalibratedStage
from stages.gate.calibration import Worth
from stages.stage import Item

BOX = (0.0, 0.0, 20.0, 20.0)
WORTH = Worth({"seen": {"object": PlattScaling(1.0, -2.0)}, "lone": {"object": PlattScaling(1.0, -4.0)}})


class Dogs:
    """Finds a dog everywhere; `calls` are those of its life."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def load(self) -> None:
        self.calls.append("load")

    def run(self, items: list[Item]) -> list[list[Finding]]:
        return [[Detection("dog", 0.9, box=BOX)] for _ in items]

    def fingerprint(self) -> Fingerprint:
        return {"backend": "dogs"}

    def close(self) -> None:
        self.calls.append("close")


def test_scores_are_mapped_and_all_else_is_the_models() -> None:
    dogs = Dogs()
    stage = CalibratedStage(dogs, WORTH)
    stage.load()
    image = np.zeros((8, 8, 3), dtype=np.uint8)
    there = {"detector": [], "given": [Detection("cat", box=BOX)]}
    items = [Item("a", image, there), Item("b", image)]
    among, alone = Detection("dog", 0.5491, box=BOX), Detection("dog", 0.1415, box=BOX)
    assert stage.run(items) == [[among], [alone]]
    stage.close()
    assert dogs.calls == ["load", "close"]


def test_another_calibration_is_another_column() -> None:
    facts = CalibratedStage(Dogs(), WORTH).fingerprint()
    assert facts == {"backend": "dogs", "calibration": ["lone object 1.0 -4.0", "seen object 1.0 -2.0"]}
    assert (
        facts
        != CalibratedStage(Dogs(), Worth({**WORTH.lines, "lone": {"object": PlattScaling(1.0, -4.1)}})).fingerprint()
    )
