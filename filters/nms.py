"""Boxes and scores in, for every box: which stronger box suppresses it, if any, and by how much they overlap.

    suppress(boxes=[[0,0,10,10], [0,0,10,9], [50,50,60,60]], scores=[0.9, 0.8, 0.7], labels=["dog", "dog", "dog"],
             same_label_iou=0.7, any_label_iou=0.9) -> [None, Suppressed(by=0, iou=0.9, same_label=True), None]

Greedy non-maximum suppression, class-wise and class-agnostic in one pass. `torchvision.ops.nms` needs torch, one call
per kind of suppression, and does not say which box suppressed which. A few boxes are compared in plain Python, up to
a thousand by a matrix of overlaps; more meet only those around them (`shards.grid`): 20,000 take seconds where the
whole matrix took minutes. `bench_filters` measures all.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from shards.finding import Box
from shards.geometry import iou, iou_matrix
from shards.grid import BoxGrid

_FEW = 24
"""Boxes up to which plain Python is as fast as a matrix."""
_MANY = 1000
"""Boxes from which on a grid is faster than the matrix."""
_ROWS_AT_ONCE = 256
"""Rows of the overlap matrix held at a time: 1,000 boxes need 2 MB, not 8."""


class Suppressed(NamedTuple):
    """by: position of the stronger box; same_label: it was the class-wise threshold that was exceeded."""

    by: int
    iou: float
    same_label: bool


def suppress(
    boxes: NDArray[np.float64],
    scores: NDArray[np.float64],
    labels: Sequence[str],
    same_label_iou: float | None,
    any_label_iou: float | None,
) -> list[Suppressed | None]:
    """One entry per box, None for those that stay. A box goes when its IoU with a stronger kept box is above (not
    at) `same_label_iou` and the labels are equal, or above `any_label_iou`; None switches either off.

    Equal scores are ordered by label, then by coordinates, so the outcome does not depend on the order of the input.
    """
    result: list[Suppressed | None] = [None] * len(boxes)
    if len(boxes) < 2 or (same_label_iou is None and any_label_iou is None):
        return result
    if len(boxes) <= _FEW:
        return _suppress_few(boxes.tolist(), scores.tolist(), labels, _limit(same_label_iou), _limit(any_label_iou))
    names = {label: number for number, label in enumerate(sorted(set(labels)))}
    ids = [names[label] for label in labels]
    by_rank = np.lexsort((*boxes.T[::-1], ids, -scores))
    boxes, order = boxes[by_rank], by_rank.tolist()
    if len(boxes) > _MANY:
        ranked = _suppress_many(
            boxes.tolist(), [ids[place] for place in order], _limit(same_label_iou), _limit(any_label_iou)
        )
        for place, suppressed in zip(order, ranked, strict=True):
            result[place] = None if suppressed is None else suppressed._replace(by=order[suppressed.by])
        return result
    same_limit, any_limit = _limit(same_label_iou), _limit(any_label_iou)
    for start in range(0, len(boxes), _ROWS_AT_ONCE):
        overlaps = iou_matrix(boxes[start : start + _ROWS_AT_ONCE], boxes)
        rows, columns = (overlaps > min(same_limit, any_limit)).nonzero()  # few pairs: the rest is plain Python
        found = zip(rows.tolist(), columns.tolist(), overlaps[rows, columns].tolist(), strict=True)
        for row, column, overlap in found:
            strong, weak = order[start + row], order[column]
            if column <= start + row or result[strong] or result[weak]:
                continue
            same_label = ids[strong] == ids[weak] and overlap > same_limit
            if same_label or overlap > any_limit:
                result[weak] = Suppressed(strong, overlap, same_label)
    return result


def _suppress_few(
    boxes: list[Box], scores: list[float], labels: Sequence[str], same_limit: float, any_limit: float
) -> list[Suppressed | None]:
    """The same for the boxes of a common picture: each meets every kept one that is stronger."""
    result: list[Suppressed | None] = [None] * len(boxes)
    kept: list[tuple[int, Box]] = []
    for place in sorted(range(len(boxes)), key=lambda place: (-scores[place], labels[place], boxes[place])):
        x0, y0, x1, y1 = boxes[place]
        for rival, other in kept:
            if other[0] < x1 and other[2] > x0 and other[1] < y1 and other[3] > y0:
                overlap = iou(other, boxes[place])
                same_label = overlap > same_limit and labels[rival] == labels[place]
                if same_label or overlap > any_limit:
                    result[place] = Suppressed(rival, overlap, same_label)
                    break
        else:
            kept.append((place, boxes[place]))
    return result


def _suppress_many(
    boxes: list[Box], ids: Sequence[int], same_limit: float, any_limit: float
) -> list[Suppressed | None]:
    """The same for boxes in falling order: each meets the kept ones around it."""
    result: list[Suppressed | None] = []
    by_label: dict[int, BoxGrid] = {}
    of_all = BoxGrid(any_limit)
    for place, (label, box) in enumerate(zip(ids, boxes, strict=True)):
        same = by_label.setdefault(label, BoxGrid(same_limit))
        rivals = sorted({*same.near(box), *of_all.near(box)})
        stronger = _strongest(boxes, ids, place, rivals, same_limit, any_limit) if rivals else None
        result.append(stronger)
        if stronger is None:
            if same_limit < 1:
                same.add(place, box)
            if any_limit < 1:
                of_all.add(place, box)
    return result


def _strongest(
    boxes: list[Box],
    ids: Sequence[int],
    place: int,
    rivals: list[int],
    same_limit: float,
    any_limit: float,
) -> Suppressed | None:
    """The first of the kept `rivals` that suppresses the box at `place`."""
    for rival in rivals:
        overlap = iou(boxes[rival], boxes[place])
        same_label = ids[rival] == ids[place] and overlap > same_limit
        if same_label or overlap > any_limit:
            return Suppressed(rival, overlap, same_label)
    return None


def _limit(iou: float | None) -> float:
    """A threshold that nothing exceeds for None: an IoU is at most 1."""
    return 1.0 if iou is None else iou
