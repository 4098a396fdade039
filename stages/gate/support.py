"""Who else saw it: a box of the loop's model that a specialist or human has, too, or one that it has alone.

    generalist/1  object "dog"  (10, 10, 90, 90)     objects/4 (12, 10, 92, 90) 0.07     supported, by IoU 0.95
    generalist/2  object "cat"  (0, 0, 30, 30)       nothing there                       lone

A detector says far more than its threshold lets pass, so a weak box of its own is support, too: on 240 generated
scenes, boxes that both yolo-nano (at 0.05 to 0.3) and the loop's model saw were in a right place in 70 to 80% of the
cases, those of the loop's model alone in 10%, whatever their score. Labels need not agree: what is asked is whether
something is there.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from shards.finding import Finding, Kind
from stages.evaluate.match import MATCH_IOU, iou

SUPPORT_SCORE = 0.05
"""From here on a box counts. A detector that says everything has one everywhere: that would be no support."""
WITNESSES: Final[Mapping[str, tuple[Kind, ...]]] = {
    "object": ("object", "phrase"),
    "phrase": ("object", "phrase"),
    "ocr": ("ocr",),
}
"""Kind of a box -> the kinds of others' boxes that can support it."""


def supported(findings: Sequence[Finding], others: Sequence[Finding]) -> list[bool]:
    """One answer per finding: does a box of `others` lie there (IoU 0.5)? False for what has no box."""
    found = [False] * len(findings)
    for kind, witnesses in WITNESSES.items():
        places = [place for place, each in enumerate(findings) if each.kind == kind and each.box is not None]
        seen = [each.box for each in others if each.kind in witnesses and each.box is not None and _counts(each)]
        if places and seen:
            best = iou([box for place in places if (box := findings[place].box) is not None], seen).max(axis=1)
            for place, overlap in zip(places, best.tolist(), strict=True):
                found[place] = overlap >= MATCH_IOU
    return found


def _counts(each: Finding) -> bool:
    return each.score is None or each.score >= SUPPORT_SCORE
