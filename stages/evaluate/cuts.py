"""Text that is right although predicted and gold regions cut it otherwise: lines against words, words against lines.

    gold      "EXIT" "ONLY"        predicted  "exit only"         2 words of 2 are right
    gold      "EXIT ONLY"          predicted  "exit" "0nly"       1 of 2

Regions that lie in each other (half of the smaller one's area) form a group. The words of a group stand in reading
order, row by row; those that both sides have in the same order are right (longest common subsequence). What lies in no
other region's group is missed, or made up. In the manner of TedEval (Lee et al., 2019), which also allows one for
many, but by words, since it is words that are counted here, and without its curve of pseudo-characters.
"""

from collections.abc import Sequence

import numpy as np
from rapidfuzz.distance import LCSseq

from shards.finding import Box
from shards.folding import plain
from shards.record import Region
from stages.evaluate.match import MATCH_IOU, shares_inside


def words_in_order(predicted: Sequence[Region], gold: Sequence[Region]) -> tuple[int, int, int]:
    """(right, predicted, gold): numbers of words of one image, whose text regions these are."""
    right = sum(
        LCSseq.similarity(_words([predicted[i] for i in ours]), _words([gold[i] for i in truth]))
        for ours, truth in _groups(predicted, gold)
    )
    return right, len(_words(predicted)), len(_words(gold))


def _words(regions: Sequence[Region]) -> list[str]:
    return [word for region in _in_reading_order(regions) for word in plain(region.text).split()]


def _groups(predicted: Sequence[Region], gold: Sequence[Region]) -> list[tuple[list[int], list[int]]]:
    """(predicted, gold) indices of regions that lie in each other, also through others."""
    if not predicted or not gold:
        return []
    here, there = [region.box for region in predicted], [region.box for region in gold]
    linked = np.maximum(shares_inside(here, there), shares_inside(there, here).T) >= MATCH_IOU
    left, groups = set(np.flatnonzero(linked.any(axis=1)).tolist()), []
    while left:
        ours = np.zeros(len(here), bool)
        truth = np.zeros(len(there), bool)
        ours[left.pop()] = True
        while True:
            reached = np.asarray(linked[ours].any(axis=0))
            if (reached == truth).all():
                break
            truth, ours = reached, np.asarray(linked[:, reached].any(axis=1))
        left -= set(np.flatnonzero(ours).tolist())
        groups.append((np.flatnonzero(ours).tolist(), np.flatnonzero(truth).tolist()))
    return groups


def _in_reading_order(regions: Sequence[Region]) -> list[Region]:
    """Row by row, and from left to right in each. A row ends where the middle of the next region lies below its
    first."""
    rows: list[list[Region]] = []
    for region in sorted(regions, key=lambda region: _middle(region.box)):
        if rows and _middle(region.box) <= rows[-1][0].box[3]:
            rows[-1].append(region)
        else:
            rows.append([region])
    return [region for row in rows for region in sorted(row, key=lambda region: region.box[0])]


def _middle(box: Box) -> float:
    return (box[1] + box[3]) / 2
