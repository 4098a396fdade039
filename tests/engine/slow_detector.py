"""A detector that takes its time, so that a test can look at a run or end it."""

import os
import time

from specialists.roles import Detections, Image
from tests.engine.fake_specialists import RectangleDetector


class SlowDetector(RectangleDetector):
    """Waits for FLD_TEST_WAIT_S seconds, if the environment says so, before every call."""

    def detect(self, images: list[Image]) -> list[Detections]:
        time.sleep(float(os.environ.get("FLD_TEST_WAIT_S", "0")))
        return super().detect(images)
