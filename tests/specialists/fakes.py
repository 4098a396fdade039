"""A specialist written by hand: what the contract looks like with nothing behind it."""

import numpy as np

from specialists.roles import Detections, Fingerprint, Image, SpecialistError, check_images

COLOURS = ("red", "green", "blue")


class ColourDetector:
    """One box per colour channel: the bounds of its pixels above `level`; none where there are none."""

    def __init__(self, options: dict[str, int]) -> None:
        self._level = options.get("level", 250)
        self._loaded = False

    def load(self) -> None:
        self._loaded = True

    def detect(self, images: list[Image]) -> list[Detections]:
        check_images(images)
        if not self._loaded:
            raise SpecialistError("colours: call load() first")
        return [self._detect(image) for image in images]

    def fingerprint(self) -> Fingerprint:
        return {"backend": "colours", "level": self._level}

    def close(self) -> None:
        self._loaded = False

    def _detect(self, image: Image) -> Detections:
        boxes, scores, labels = [], [], []
        for channel, label in enumerate(COLOURS):
            rows, columns = np.nonzero(image[..., channel] > self._level)
            if len(rows):
                boxes.append([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
                scores.append(len(rows) / image[..., channel].size)
                labels.append(label)
        return Detections(np.array(boxes, np.float32).reshape(-1, 4), np.array(scores, np.float32), labels)
