"""Which predicted region is which gold region: greedy by score, each gold region once."""

from collections.abc import Sequence

import numpy as np

from shards.finding import Box
from shards.folding import plain
from shards.geometry import FloatArray, iou_matrix
from shards.record import Record, Region
from shards.summary import label_of

Pairs = Sequence[tuple[Record, Record]]
"""(the record that is judged, the one it is compared with) per image."""
MATCH_IOU = 0.5


def compared_label(region: Region) -> str:
    """What kind of thing a region is: its phrase (a detector's label) where it has one, else its selected text."""
    return plain(label_of(region))


DONT_CARE = "###"
"""What ICDAR's gold gives for the text of a word that nobody can read."""


def is_counted(region: Region) -> bool:
    """Whether a gold region is one that must be found. The others are don't-care areas, whose score is 0 (crowds of
    COCO) or whose text is ### (ICDAR): finding one counts neither way."""
    return region.score > 0 and not (region.kind == "text" and region.text == DONT_CARE)


def counted(predicted: Sequence[Region], gold: Sequence[Region], same_label: bool) -> tuple[list[Region], list[Region]]:
    """Without don't-care areas, and without the predicted regions that match no other gold region and lie in one of
    them with at least half of their own area, as in pycocotools and in ICDAR's protocol."""
    truth, areas = (
        [region for region in gold if is_counted(region)],
        [region for region in gold if not is_counted(region)],
    )
    if not areas:
        return list(predicted), truth
    matched = {row for row, _ in matches(predicted, truth, same_label)}
    inside = shares_inside([region.box for region in predicted], [region.box for region in areas]) >= MATCH_IOU
    if same_label:
        labels = [
            [compared_label(prediction) == compared_label(area) or area.kind == "text" for area in areas]
            for prediction in predicted
        ]
        inside &= np.array(labels, dtype=bool).reshape(inside.shape)
    free = [row in matched or not inside[row].any() for row in range(len(predicted))]
    return [region for region, is_free in zip(predicted, free, strict=True) if is_free], truth


def shares_inside(predicted: Sequence[Box], areas: Sequence[Box]) -> FloatArray:
    """[predicted, areas]: how much of each box lies in each area, in [0, 1]."""
    boxes = np.array(predicted, np.float64).reshape(-1, 1, 4)
    around = np.array(areas, np.float64).reshape(1, -1, 4)
    sides = np.minimum(boxes[..., 2:], around[..., 2:]) - np.maximum(boxes[..., :2], around[..., :2])
    own = np.prod(boxes[..., 2:] - boxes[..., :2], axis=-1)
    return np.asarray(np.prod(np.clip(sides, 0, None), axis=-1) / np.maximum(own, 1e-9))


def matches(predicted: Sequence[Region], gold: Sequence[Region], same_label: bool) -> list[tuple[int, int]]:
    """(predicted, gold) index pairs with an IoU of at least MATCH_IOU: the highest score chooses first and takes the
    best gold region that is left, of its own label if `same_label`."""
    overlap = iou_matrix([r.box for r in predicted], [r.box for r in gold])
    if same_label:
        equal = [[compared_label(p) == compared_label(g) for g in gold] for p in predicted]
        overlap = overlap * np.array(equal, dtype=np.float64).reshape(overlap.shape)
    pairs = []
    for row in np.argsort([-region.score for region in predicted], kind="stable"):
        if overlap.shape[1] == 0:
            break
        best = int(overlap[row].argmax())
        if overlap[row, best] >= MATCH_IOU:
            pairs.append((int(row), best))
            overlap[:, best] = 0
    return pairs
