"""Who else saw it: how a box of the loop's model lies to those of specialists and humans.

    generalist/1  object "dog"  (10, 10, 90, 90)    objects/4 0.81 (12, 10, 92, 90)     seen     by IoU 0.95
    generalist/2  object "cat"  (0, 0, 30, 30)      objects/9 0.07 (0, 2, 31, 30)       hinted   a weak box is there
    generalist/3  object "cup"  (50, 0, 80, 30)     objects/5 0.60 (60, 0, 90, 30)      lone     beside a strong box
    generalist/4  object "hat"  (0, 80, 20, 99)     nothing there                       lone

What is seen joins a region that there is anyway, all else stands alone in the record. How often that is right differs:
of 600 generated scenes at dusk, 73% of the regions that yolo-nano and the loop's model had together were right, 16% of
those that the model added, many of them doubles that lie beside the detector's box. By day, of its boxes on a weak
box of the detector (0.05 to 0.3) 60 to 75% were in a right place, of the others 10%, whatever their score. Labels need
not agree: what is asked is whether something is there. The limits are fixed, and no threshold of a filter is among
them: what was learned of the held-out images must go on to hold when one is moved.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Literal, get_args

from shards.finding import Box, Finding, Kind, box_of, kind_of
from shards.geometry import iou_matrix

Support = Literal["seen", "hinted", "lone"]
SUPPORTS: Final[tuple[Support, ...]] = get_args(Support)
HINT_IOU = 0.5
"""From here on two boxes are in one place, as in the measures."""
STRONG_SCORE, WEAK_SCORE = 0.3, 0.05
"""Of others' boxes: from here on one is believed by default, or counts at all (some detectors have one everywhere)."""
JOIN_IOU = 0.55
"""From here on boxes are fused by default (Solovyev et al. 2021)."""
BESIDE_IOU = 0.3
"""A box that overlaps a strong one this much, and does not join it, is more often a double than another thing."""
JOINED: Final[Mapping[str, tuple[Kind, ...]]] = {
    "object": ("object",),
    "phrase": ("object", "phrase"),
    "ocr": ("ocr",),
}
"""Kind of a box -> the kinds of others' boxes that it joins: a phrase's box alone is no region that an object joins."""
WITNESSES: Final[Mapping[str, tuple[Kind, ...]]] = {**JOINED, "object": ("object", "phrase")}
"""Kind of a box -> the kinds of others' boxes that hint at it."""


def supports(findings: Sequence[Finding], others: Sequence[Finding]) -> list[Support]:
    """One answer per finding; "lone" for what has no box. others: what all others said of the same image."""
    by_finding: list[Support] = ["lone"] * len(findings)
    for kind in WITNESSES:
        boxed = [
            (place, box)
            for place, finding in enumerate(findings)
            if kind_of(finding) == kind and (box := box_of(finding))
        ]
        boxes = [box for _, box in boxed]
        near_strong = _nearest(boxes, strong_boxes(kind, others))
        near_hint = _nearest(boxes, _boxes(others, WITNESSES[kind], WEAK_SCORE))
        for (place, _), strong, hint in zip(boxed, near_strong, near_hint, strict=True):
            if strong > JOIN_IOU:
                by_finding[place] = "seen"
            elif strong < BESIDE_IOU and hint >= HINT_IOU:
                by_finding[place] = "hinted"
    return by_finding


def strong_boxes(kind: str, others: Sequence[Finding]) -> list[Box]:
    """The boxes that one of this kind joins, as far as they are believed by default."""
    return _boxes(others, JOINED.get(kind, ()), STRONG_SCORE)


def _boxes(others: Sequence[Finding], kinds: Sequence[Kind], least: float) -> list[Box]:
    """One without a score is a human's."""
    strong = (
        finding for finding in others if kind_of(finding) in kinds and (finding.score is None or finding.score >= least)
    )
    return [box for finding in strong if (box := box_of(finding))]


def _nearest(boxes: Sequence[Box], others: Sequence[Box]) -> list[float]:
    """Of each box the largest IoU with one of `others`, 0 without any."""
    if not others:
        return [0.0] * len(boxes)
    overlaps: list[float] = iou_matrix(boxes, others).max(axis=1).tolist()
    return overlaps
