"""The boxes of one image in, one verdict per box out.

    judge_regions([[10, 10, 60, 90], [11, 10, 60, 91]], [0.9, 0.6], ["dog", "dog"], 640, 480, ShapeSettings())
    -> [Verdict(True), Verdict(False, "region.nms", 0.95, 0.7)]

The rules in the order in which they are tried; the first that fails is named:

    region.label                        not on the allow list, or on the deny list (ours)
    region.min_side, region.min_area, region.min_area_share, region.max_area_share, region.aspect_ratio    (ours)
    region.nms, region.nms_any_label    overlap with a stronger box that passed all rules above (section 4.2)
"""

from collections.abc import Sequence
from typing import Annotated, NamedTuple

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
    one place are doubles."""

    min_score: Annotated[Share | None, Off(0.0)] = Field(0.5, description="least confidence; keep one equal to it")
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
    rules = [
        _label_rule(names, settings),
        *_shape_rules(corners, width, height, settings),
    ]
    verdicts = [KEPT] * len(corners)
    failed = np.array([rule.failed for rule in rules])  # [rules, n]
    first = failed.argmax(axis=0).tolist()
    for place in np.flatnonzero(failed.any(axis=0)).tolist():
        verdicts[place] = rules[first[place]].verdict(place)
    passed = np.array([place for place, verdict in enumerate(verdicts) if verdict.kept], dtype=np.intp)
    shadows = suppress(
        corners[passed],
        certain[passed],
        [names[place] for place in passed.tolist()],
        settings.nms_iou,
        settings.nms_iou_any_label,
    )
    for place, suppressed in zip(passed.tolist(), shadows, strict=True):
        if suppressed is not None:
            verdicts[place] = _suppressed(suppressed, settings)
    return verdicts


def _suppressed(suppressed: Suppressed, settings: ShapeSettings) -> Verdict:
    iou = round(suppressed.iou, _DECIMALS)
    if suppressed.same_label:
        return dropped("region.nms", iou, settings.nms_iou)
    return dropped("region.nms_any_label", iou, settings.nms_iou_any_label)


class _Rule(NamedTuple):
    """One rule on all boxes. failed: bool [n]; values [n] and limits [n] or one for all, None where there are none."""

    name: str
    failed: NDArray[np.bool_]
    values: NDArray[np.float64] | None = None
    limits: NDArray[np.float64] | float | None = None

    def verdict(self, place: int) -> Verdict:
        value = None if self.values is None else round(float(self.values[place]), _DECIMALS)
        limit = float(self.limits[place]) if isinstance(self.limits, np.ndarray) else self.limits
        return dropped(self.name, value, limit)


def _label_rule(labels: Sequence[str], settings: ShapeSettings) -> _Rule:
    allowed, denied = set(map(folded, settings.allow_labels)), set(map(folded, settings.deny_labels))
    failed = [label in denied or (bool(allowed) and label not in allowed) for label in labels]
    return _Rule("region.label", np.array(failed, dtype=bool))


def _shape_rules(boxes: NDArray[np.float64], width: int, height: int, settings: ShapeSettings) -> list[_Rule]:
    """Size and proportions of each box, in px and in shares of the image."""
    widths, heights = np.maximum(boxes[:, 2:] - boxes[:, :2], 0).T
    shorter, longer = np.minimum(widths, heights), np.maximum(widths, heights)
    areas = widths * heights
    shares = areas / (width * height)
    ratios = longer / np.maximum(shorter, _FLAT)
    return [
        _Rule("region.min_side", shorter < settings.min_side, shorter, settings.min_side),
        _Rule("region.min_area", areas < settings.min_area, areas, settings.min_area),
        _Rule("region.min_area_share", shares < settings.min_area_share, shares, settings.min_area_share),
        _Rule("region.max_area_share", shares > settings.max_area_share, shares, settings.max_area_share),
        _Rule("region.aspect_ratio", ratios > settings.max_aspect_ratio, ratios, settings.max_aspect_ratio),
    ]
