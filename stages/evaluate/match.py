"""Which predicted region is which gold region: greedy by score, each gold region once."""

from collections.abc import Sequence

import numpy as np

from shards.folding import plain
from shards.geometry import iou_matrix
from shards.record import Region

MATCH_IOU = 0.5


def label_of(region: Region) -> str:
    """What kind of thing a region is: its phrase (a detector's label) where it has one, else its selected text."""
    phrase = next((c.text for c in region.candidates if c.kind == "phrase"), region.text)
    return plain(phrase)


def matches(predicted: Sequence[Region], gold: Sequence[Region], same_label: bool) -> list[tuple[int, int]]:
    """(predicted, gold) index pairs with an IoU of at least MATCH_IOU: the highest score chooses first and takes the
    best gold region that is left, of its own label if `same_label`."""
    overlap = iou_matrix([r.box for r in predicted], [r.box for r in gold])
    if same_label:
        equal = [[label_of(p) == label_of(g) for g in gold] for p in predicted]
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
