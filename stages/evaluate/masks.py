"""Masks of objects in the right place: mean intersection over union with the gold mask."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shards.finding import Polygons
from shards.record import Record, Region
from stages.evaluate.bootstrap import Estimate, estimate, ratio
from stages.evaluate.boxes import objects
from stages.evaluate.match import counted, matches


def mask_quality(pairs: Sequence[tuple[Record, Record]], resamples: int) -> dict[str, Estimate]:
    """iou: mean over predicted objects with a mask that lie (box IoU 0.5, any label) on a gold object with one."""
    rows = []
    for predicted, gold in pairs:
        detected, truth = counted(objects(predicted), objects(gold), False)
        both = [(detected[i], truth[j]) for i, j in matches(detected, truth, False)]
        values = [_region_iou(a, b, gold.width, gold.height) for a, b in both if a.polygons and b.polygons]
        rows.append((sum(values), len(values)))
    sums = np.array(rows, dtype=np.float64)
    return {"iou": estimate(sums, ratio, int(sums[:, 1].sum()), resamples)}


def _region_iou(a: Region, b: Region, width: int, height: int) -> float:
    return polygon_iou(a.polygons or [], b.polygons or [], width, height)


def polygon_iou(a: Polygons, b: Polygons, width: int, height: int) -> float:
    """Of two sets of rings, filled at twice the picture's size; 0 when both are empty."""
    one, two = _filled(a, width, height), _filled(b, width, height)
    union = np.count_nonzero(one | two)
    return float(np.count_nonzero(one & two) / union) if union else 0.0


def _filled(polygons: Polygons, width: int, height: int) -> NDArray[np.bool_]:
    """bool [2 h, 2 w] by the even-odd rule. cv2 counts from pixel centres, hence the half pixel."""
    import cv2

    mask = np.zeros((2 * height, 2 * width), dtype=np.uint8)
    rings = [np.round((np.array(ring).reshape(-1, 2) * 2 - 0.5) * 16).astype(np.int32) for ring in polygons if ring]
    if rings:
        cv2.fillPoly(mask, rings, 1, cv2.LINE_8, 4)
    return mask.astype(np.bool_)
