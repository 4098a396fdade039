"""A detector that takes its time, so that a test can look at a run or end it."""

import os
import time
from pathlib import Path

from specialists.roles import Detections, Image
from tests.engine.fake_specialists import RectangleDetector


class SlowDetector(RectangleDetector):
    """Waits for FLD_TEST_WAIT_S seconds, if the environment says so, before every call, and as long as there is a file
    FLD_TEST_HOLD."""

    def detect(self, images: list[Image]) -> list[Detections]:
        time.sleep(float(os.environ.get("FLD_TEST_WAIT_S", "0")))
        hold = os.environ.get("FLD_TEST_HOLD")
        while hold and Path(hold).exists():
            time.sleep(0.1)
        return super().detect(images)
