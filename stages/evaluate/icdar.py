"""Words as ICDAR 2015 counts them (Karatzas et al. 2015, challenge 4; the rules of its public evaluation script).

    1. a predicted region that lies in a don't-care area (###) with more than half of its own area counts neither way
    2. gold and predicted regions, both in their order: the first predicted one that is left and whose quad has an IoU
       of more than 0.5 with the gold one's is its match
    3. detection: precision and recall of the matches over all images. End to end: those that also read the same

IoU is that of the quads, where words/f1 takes the boxes around them: on turned words they differ. A region without a
quad has its box. Texts are compared without case; no dictionary is used, and no word is left out for its length.
"""

from collections.abc import Sequence
from typing import NamedTuple

from shards.finding import Quad
from shards.folding import plain
from shards.geometry import box_quad, quad_iou, quad_share
from shards.record import Region
from stages.evaluate.match import MATCH_IOU, is_counted


class IcdarCounts(NamedTuple):
    """Of one image: matches, those of them that read the same, predicted and gold regions that count."""

    found: int
    read: int
    predicted: int
    gold: int


def icdar_counts(predicted: Sequence[Region], gold: Sequence[Region]) -> IcdarCounts:
    """Of the text regions of one image."""
    areas = [_quad(region) for region in gold if not is_counted(region)]
    truth = [region for region in gold if is_counted(region)]
    left = [region for region in predicted if not any(quad_share(_quad(region), area) > MATCH_IOU for area in areas)]
    counted, found, read = len(left), 0, 0
    for region in truth:
        place = next((k for k, each in enumerate(left) if quad_iou(_quad(each), _quad(region)) > MATCH_IOU), None)
        if place is not None:
            found += 1
            read += plain(left.pop(place).text) == plain(region.text)
    return IcdarCounts(found, read, counted, len(truth))


def _quad(region: Region) -> Quad:
    return region.quad or box_quad(region.box)
