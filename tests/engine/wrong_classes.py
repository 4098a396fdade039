"""Detectors and filters of a user's own, each wrong in the way that its options say."""

import itertools
from typing import Any

import numpy as np

from filters.custom import Case, Facts
from filters.verdict import KEPT, Verdict, dropped
from specialists.roles import Detections, Fingerprint, Image

_COUNTER = itertools.count()


class WrongDetector:
    def __init__(self, options: dict[str, Any]) -> None:
        self.wrong = options["wrong"]
        self.held = (lambda: None) if self.wrong == "pickle" else None

    def load(self) -> None:
        if self.wrong == "load":
            raise FileNotFoundError("no weights here")

    def close(self) -> None:
        """Nothing is held."""

    def fingerprint(self) -> Fingerprint:
        return {"backend": "wrong", "built": next(_COUNTER) if self.wrong == "facts" else 0}

    def detect(self, images: list[Image]) -> list[Detections]:
        if self.wrong == "verb":
            raise KeyError("box")
        if self.wrong == "short":
            return [self._detect(images[0], 0)]
        return [self._detect(image, place) for place, image in enumerate(images)]

    def _detect(self, image: Image, place: int) -> Detections:
        box = (0, 0, 999, 9) if self.wrong == "outside" else (0, 0, 9, 9)
        score = 1.5 if self.wrong == "score" else 0.1 * place if self.wrong == "order" else 0.5
        kind = np.float64 if self.wrong == "dtype" else np.float32
        return Detections(np.array([box], kind), np.array([score], np.float32), ["x"])


class WrongFilter:
    def __init__(self, options: dict[str, Any]) -> None:
        self.wrong = options["wrong"]

    def fingerprint(self) -> Facts:
        return {"built": next(_COUNTER) if self.wrong == "facts" else 0}

    def judge(self, cases: list[Case]) -> list[Verdict]:
        if self.wrong == "raises":
            raise ZeroDivisionError("no boxes")
        if self.wrong == "short":
            return [KEPT]
        if self.wrong == "order":
            return [dropped("later", float(place), 0.0) if place else KEPT for place, _ in enumerate(cases)]
        return [KEPT for _ in cases]
