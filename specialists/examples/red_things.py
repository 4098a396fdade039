"""A detector of your own, complete: red things, found by their colour.

    annotators:
      red: {role: detector, specialist: {backend: custom, factory: "specialists.examples.red_things:RedThings",
                                         options: {least_px: 200}}}

A copy of this file works the same under the name of your module, as long as Python finds it on every machine (an
installed package, or its folder on PYTHONPATH). `fld doctor --config FILE` checks it on two made-up pictures. The other
roles and what they return: `specialists/roles.py`.
"""

from typing import Any

import numpy as np

from specialists.roles import Detections, Fingerprint, Image


class RedThings:
    """One box per connected red patch; its score is how much of the box is red."""

    def __init__(self, options: dict[str, int]) -> None:
        """On the driver, and pickled to the workers: keep what was asked for, load nothing."""
        self._least_px = options.get("least_px", 100)
        self._cv2: Any = None

    def load(self) -> None:
        """Once per worker: libraries and weights come here."""
        import cv2

        self._cv2 = cv2

    def close(self) -> None:
        """Let go of what `load` took."""
        self._cv2 = None

    def fingerprint(self) -> Fingerprint:
        """All that changes the output: another fingerprint is another column, and only then images run again."""
        return {"backend": "red_things", "version": 1, "least_px": self._least_px}

    def detect(self, images: list[Image]) -> list[Detections]:
        """images: uint8 RGB [h, w, 3]. One answer per image, same order; filters come later."""
        return [self._detect(image) for image in images]

    def _detect(self, image: Image) -> Detections:
        red, green, blue = (image[..., channel].astype(np.int16) for channel in range(3))
        mask = ((red > 120) & (red > green * 1.7) & (red > blue * 1.7)).astype(np.uint8)
        _, _, found, _ = self._cv2.connectedComponentsWithStats(mask, connectivity=8)
        patches = [row for row in found[1:].tolist() if row[4] >= self._least_px]  # the first is all that is not red
        boxes = np.array([(x, y, x + w, y + h) for x, y, w, h, _ in patches], np.float32).reshape(-1, 4)
        scores = np.array([area / (w * h) for _, _, w, h, area in patches], np.float32)
        return Detections(boxes, scores, ["red thing"] * len(patches))
