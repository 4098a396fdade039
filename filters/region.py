"""The boxes of one image in, one verdict per box out.

    judge_regions([[10, 10, 60, 90], [11, 10, 60, 91]], [0.9, 0.6], ["dog", "dog"], 640, 480, ShapeSettings())
    -> [Verdict(True), Verdict(False, "region.nms", 0.95, 0.7)]

The rules in the order in which they are tried; the first that fails is named:

    region.label                        not on the allow list, or on the deny list (ours)
    region.min_side, region.min_area, region.min_area_share, region.max_area_share, region.aspect_ratio    (ours)
    region.nms, region.nms_any_label    overlap with a stronger box that passed all rules above (section 4.2)
"""

from collections.abc import Sequence
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from filters.confidence import ConfidenceSettings, Share, folded
from filters.nms import Suppressed, suppress
from filters.numbers import check_size, checked_boxes, comparable_scores
from filters.verdict import KEPT, Verdict, dropped
from shards.settings import Off, Settings

_DECIMALS = 4
"""Of measured values (shares, IoU, ratios) in a verdict and in its comparison."""
_BAD_LABEL = dropped("region.label")

_FLAT = 1e-9
"""px; stands for a shorter side of 0, so that the ratio of a flat box is beyond every sensible limit."""
ANY_RATIO = 10.0**6
"""Of the longer to the shorter side: only a box without area is beyond it."""


class ShapeSettings(Settings):
    """Rules for a box as such and for boxes that overlap."""

    allow_labels: Annotated[list[str], Off([])] = Field([], description="keep only these labels; []: all")
    deny_labels: Annotated[list[str], Off([])] = Field([], description="drop these labels")
    min_side: Annotated[float, Off(0.0)] = Field(4.0, ge=0, description="least length of a box's shorter side, in px")
    min_area: Annotated[float, Off(0.0)] = Field(64.0, ge=0, description="least area of a box, in px^2")
    min_area_share: Annotated[Share, Off(0.0)] = Field(0.0, description="least area of a box, as share of the image")
    max_area_share: Annotated[Share, Off(1.0)] = Field(1.0, description="largest area of a box, as share of the image")
    max_aspect_ratio: Annotated[float, Off(ANY_RATIO)] = Field(
        20.0, ge=1, description="largest ratio of a box's longer to its shorter side"
    )
    nms_iou: Annotated[Share | None, Off(None)] = Field(
        0.7, description="drop a box whose IoU with a stronger one of the same label is above this; null: off"
    )
    nms_iou_any_label: Annotated[Share | None, Off(None)] = Field(
        0.9, description="drop a box whose IoU with a stronger one of any label is above this; null: off"
    )


class RegionSettings(ShapeSettings, ConfidenceSettings):
    """All rules for boxes of objects: confidence is judged before fusion, shape and overlap after it."""


class OcrSettings(RegionSettings):
    """The rules for text regions. Lines of text are long and flat, and the "label" is what they read: two readings of
    one place are doubles. A probability is that a whole line is read right: of receipts, 0.3 lost no measure of words,
    and 0.5 dropped lines of which most words were right (docs/fusion.md)."""

    raw_score: ClassVar[float] = 0.5
    probable: ClassVar[float] = 0.3

    min_score: Annotated[Share | None, Off(0.0)] = Field(
        None,
        description="least confidence, keep one equal to it; where a calibration knows, least probability of being read"
        " right; null: 0.5, of probabilities 0.3",
    )
    min_side: Annotated[float, Off(0.0)] = Field(3.0, ge=0, description="least length of a box's shorter side, in px")
    min_area: Annotated[float, Off(0.0)] = Field(16.0, ge=0, description="least area of a box, in px^2")
    max_aspect_ratio: Annotated[float, Off(ANY_RATIO)] = Field(
        100.0, ge=1, description="largest ratio of a box's longer to its shorter side"
    )
    nms_iou_any_label: Annotated[Share | None, Off(None)] = Field(
        0.7, description="drop a box whose IoU with a stronger one, whatever it reads, is above this; null: off"
    )


def judge_regions(
    boxes: NDArray[np.float32] | Sequence[Sequence[float]],
    scores: Sequence[float | None] | NDArray[np.float32],
    labels: Sequence[str],
    width: int,
    height: int,
    settings: ShapeSettings,
) -> list[Verdict]:
    """One verdict per box, same order. boxes: [n, 4] px, x0 y0 x1 y1, of an image of width x height px; scores [n]
    in [0, 1], None where there is none, rank them and drop none; labels [n], "" without one. Which boxes are kept does
    not depend on the order in which they are given.

    Raises ValueError on unequal lengths, NaN, and scores outside [0, 1].
    """
    corners = checked_boxes(boxes, "regions")
    certain = comparable_scores(scores, "regions")
    if not len(corners) == len(certain) == len(labels):
        raise ValueError(
            "boxes, scores and labels must have one length,"
            f" got {len(corners)} boxes, {len(certain)} scores and {len(labels)} labels"
        )
    check_size(width, height)
    names = [folded(label) for label in labels]
    verdicts = _judge_each(corners, names, width, height, settings)
    passed = [place for place, verdict in enumerate(verdicts) if verdict.kept]
    shadows = suppress(
        corners[passed],
        certain[passed],
        [names[place] for place in passed],
        settings.nms_iou,
        settings.nms_iou_any_label,
    )
    for place, suppressed in zip(passed, shadows, strict=True):
        if suppressed is not None:
            verdicts[place] = _suppressed(suppressed, settings)
    return verdicts


def _suppressed(suppressed: Suppressed, settings: ShapeSettings) -> Verdict:
    iou = round(suppressed.iou, _DECIMALS)
    if suppressed.same_label:
        return dropped("region.nms", iou, settings.nms_iou)
    return dropped("region.nms_any_label", iou, settings.nms_iou_any_label)


def _judge_each(
    boxes: NDArray[np.float64], labels: Sequence[str], width: int, height: int, settings: ShapeSettings
) -> list[Verdict]:
    """The verdict on each box by itself: its label, its size, its proportions."""
    allowed, denied = set(map(folded, settings.allow_labels)), set(map(folded, settings.deny_labels))
    widths, heights = np.maximum(boxes[:, 2:] - boxes[:, :2], 0).T
    shorter, areas = np.minimum(widths, heights), widths * heights
    ratios = np.maximum(widths, heights) / np.maximum(shorter, _FLAT)
    shares = areas / (width * height)
    shapes = zip(labels, *(each.tolist() for each in (shorter, areas, shares, ratios)), strict=True)
    return [
        _BAD_LABEL
        if label in denied or (allowed and label not in allowed)
        else _judge_shape(side, area, share, ratio, settings)
        for label, side, area, share, ratio in shapes
    ]


def _judge_shape(side: float, area: float, share: float, ratio: float, settings: ShapeSettings) -> Verdict:
    """side: the shorter one, px; share: of the image; ratio: of the longer side to the shorter."""
    if side < settings.min_side:
        return dropped("region.min_side", round(side, _DECIMALS), settings.min_side)
    if area < settings.min_area:
        return dropped("region.min_area", round(area, _DECIMALS), settings.min_area)
    if share < settings.min_area_share:
        return dropped("region.min_area_share", round(share, _DECIMALS), settings.min_area_share)
    if share > settings.max_area_share:
        return dropped("region.max_area_share", round(share, _DECIMALS), settings.max_area_share)
    if ratio > settings.max_aspect_ratio:
        return dropped("region.aspect_ratio", round(ratio, _DECIMALS), settings.max_aspect_ratio)
    return KEPT
