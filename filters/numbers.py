"""Scores and boxes, checked and brought into the form in which rules compare them."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shards.finding import SCORE_DECIMALS

MOST_CERTAIN = 1.0
"""Stands for the score of an annotation that has none: a person's, or of a model that gives no scores."""


def comparable_score(score: float, what: str) -> float:
    """The score at the precision at which it is stored, so that a float32 0.7 is not less than a threshold of 0.7.

    Raises ValueError, naming `what`, if it is NaN or outside [0, 1].
    """
    value = round(float(score), SCORE_DECIMALS)
    if math.isnan(value) or not 0.0 <= value <= 1.0:
        raise ValueError(
            f"{what}: a score must be a number in [0, 1], got {score}: the annotator that gave it is broken"
        )
    return value


def comparable_scores(scores: Sequence[float | None] | NDArray[np.float32], what: str) -> NDArray[np.float64]:
    """float64 [n]: `comparable_score` of each, `MOST_CERTAIN` for None."""
    if not isinstance(scores, np.ndarray):
        scores = [MOST_CERTAIN if score is None else score for score in scores]
    values: NDArray[np.float64] = np.asarray(scores, dtype=np.float64).round(SCORE_DECIMALS)
    valid = (values >= 0.0) & (values <= 1.0)  # False for NaN
    if not valid.all():
        comparable_score(float(values[~valid][0]), what)
    return values


def checked_boxes(boxes: NDArray[np.float32] | Sequence[Sequence[float]], what: str) -> NDArray[np.float64]:
    """float64 [n, 4] x0 y0 x1 y1. Raises ValueError if the shape is another or a coordinate is not finite."""
    array = np.asarray(boxes, dtype=np.float64)
    if array.size == 0:
        return np.zeros((0, 4))
    if array.ndim != 2 or array.shape[1] != 4:
        raise ValueError(f"{what}: boxes must be [n, 4] (x0, y0, x1, y1), got {list(array.shape)}")
    if not np.isfinite(array).all():
        odd = array[~np.isfinite(array).all(axis=1)][0].tolist()  # a list: ultralytics changes how numpy prints arrays
        raise ValueError(f"{what}: box coordinates must be finite, got {odd}")
    return array


def check_size(width: int, height: int) -> None:
    """Raises ValueError unless the image has at least one pixel."""
    if width < 1 or height < 1:
        raise ValueError(f"image size must be at least 1 x 1 px, got {width} x {height}")
