"""The boxes of one image in, one verdict per box out.

    judge_regions([[10, 10, 60, 90], [11, 10, 60, 91]], [0.9, 0.6], ["dog", "dog"], 640, 480, RegionSettings())
    -> [Verdict(True), Verdict(False, "region.nms", 0.95, 0.7)]

The rules in the order in which they are tried; the first that fails is named:

    region.score                        confidence (Florence-2, section 4.2), per annotator and per label
    region.label                        not on the allow list, or on the deny list (ours)
    region.min_side, region.min_area, region.min_area_share, region.max_area_share, region.aspect_ratio    (ours)
    region.nms, region.nms_any_label    overlap with a stronger box that passed all rules above (section 4.2)
"""

from collections.abc import Sequence
from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from filters.nms import Suppressed, suppress
from filters.numbers import check_size, checked_boxes, comparable_score, comparable_scores
from filters.verdict import KEPT, Verdict, dropped
from shards.settings import Settings

Share = Annotated[float, Field(ge=0, le=1)]
_DECIMALS = 4
"""Of measured values (shares, IoU, ratios) in a verdict and in its comparison."""


_FLAT = 1e-9
"""px; stands for a shorter side of 0, so that the ratio of a flat box is beyond every sensible limit."""


class AnnotatorScores(Settings):
    """Thresholds for one annotator."""

    min_score: Share | None = Field(None, description="Least score; empty: as for all annotators")
    labels: dict[str, Share] = Field({}, description="Least score per label, before all others")


_NO_OWN = AnnotatorScores()


class RegionSettings(Settings):
    """Rules for boxes. Labels are compared without regard to case and surrounding blanks."""

    min_score: Share = Field(0.3, description="Least confidence (Florence-2, section 4.2); one equal to it is kept")
    labels: dict[str, Share] = Field({}, description="Least confidence per label, before that of the annotator")
    annotators: dict[str, AnnotatorScores] = Field({}, description="Thresholds per annotator")
    allow_labels: list[str] = Field([], description="Keep only these labels; empty: all")
    deny_labels: list[str] = Field([], description="Drop these labels")
    min_side: float = Field(4.0, ge=0, description="Least length of a box's shorter side, in px")
    min_area: float = Field(64.0, ge=0, description="Least area of a box, in px^2")
    min_area_share: Share = Field(0.0, description="Least area of a box, as share of the image")
    max_area_share: Share = Field(1.0, description="Largest area of a box, as share of the image")
    max_aspect_ratio: float = Field(20.0, ge=1, description="Largest ratio of a box's longer to its shorter side")
    nms_iou: Share | None = Field(
        0.7, description="Drop a box whose IoU with a stronger one of the same label is above this; empty: off"
    )
    nms_iou_any_label: Share | None = Field(
        0.9, description="Drop a box whose IoU with a stronger one of whatever label is above this; empty: off"
    )


class OcrSettings(RegionSettings):
    """The rules for text regions. Lines of text are long and flat, and the "label" is what they read: two readings of
    one place are doubles."""

    min_score: Share = Field(0.5, description="Least confidence; one equal to it is kept")
    min_side: float = Field(3.0, ge=0, description="Least length of a box's shorter side, in px")
    min_area: float = Field(16.0, ge=0, description="Least area of a box, in px^2")
    max_aspect_ratio: float = Field(100.0, ge=1, description="Largest ratio of a box's longer to its shorter side")
    nms_iou_any_label: Share | None = Field(
        0.7, description="Drop a box whose IoU with a stronger one, whatever it reads, is above this; empty: off"
    )


def judge_score(score: float | None, annotator: str, label: str, settings: RegionSettings) -> Verdict:
    """Confidence alone, of one annotator's box. None (no score given) is kept. The most specific threshold counts:
    the annotator's for this label, then the label's, then the annotator's, then `min_score`.

    Raises ValueError on a score that is NaN or outside [0, 1].
    """
    if score is None:
        return KEPT
    value = comparable_score(score, f"annotator {annotator!r}, label {label!r}")
    by_label, other = _thresholds(annotator, settings)
    threshold = by_label.get(_folded(label), other)
    return KEPT if value >= threshold else dropped("region.score", value, threshold)


def judge_regions(
    boxes: NDArray[np.float32] | Sequence[Sequence[float]],
    scores: Sequence[float | None] | NDArray[np.float32],
    labels: Sequence[str],
    width: int,
    height: int,
    settings: RegionSettings,
    annotator: str = "",
) -> list[Verdict]:
    """One verdict per box, same order. boxes: [n, 4] px, x0 y0 x1 y1, of an image of width x height px; scores [n]
    in [0, 1], None where there is none; labels [n], "" without one. Which boxes are kept does not depend on the
    order in which they are given.

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
    folded = [_folded(label) for label in labels]
    rules = [
        _score_rule(certain, annotator, folded, settings),
        _label_rule(folded, settings),
        *_shape_rules(corners, width, height, settings),
    ]
    verdicts = [KEPT] * len(corners)
    failed = np.array([rule.failed for rule in rules])  # [rules, n]
    first = failed.argmax(axis=0).tolist()
    for place in np.flatnonzero(failed.any(axis=0)).tolist():
        verdicts[place] = rules[first[place]].verdict(place)
    passed = np.array([place for place, verdict in enumerate(verdicts) if verdict.kept], dtype=np.intp)
    found = suppress(
        corners[passed],
        certain[passed],
        [folded[place] for place in passed.tolist()],
        settings.nms_iou,
        settings.nms_iou_any_label,
    )
    for place, suppressed in zip(passed.tolist(), found, strict=True):
        if suppressed is not None:
            verdicts[place] = _suppressed(suppressed, settings)
    return verdicts


def _suppressed(found: Suppressed, settings: RegionSettings) -> Verdict:
    iou = round(found.iou, _DECIMALS)
    if found.same_label:
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


def _score_rule(scores: NDArray[np.float64], annotator: str, labels: Sequence[str], settings: RegionSettings) -> _Rule:
    by_label, other = _thresholds(annotator, settings)
    if not by_label:
        return _Rule("region.score", scores < other, scores, other)
    limits = np.array([by_label.get(label, other) for label in labels], dtype=np.float64)
    return _Rule("region.score", scores < limits, scores, limits)


def _thresholds(annotator: str, settings: RegionSettings) -> tuple[dict[str, float], float]:
    """The annotator's thresholds by folded label, and the one for all other labels."""
    own = settings.annotators.get(annotator, _NO_OWN)
    by_label = {_folded(label): limit for label, limit in {**settings.labels, **own.labels}.items()}
    return by_label, settings.min_score if own.min_score is None else own.min_score


def _folded(label: str) -> str:
    return label.strip().casefold()


def _label_rule(labels: Sequence[str], settings: RegionSettings) -> _Rule:
    allowed, denied = set(map(_folded, settings.allow_labels)), set(map(_folded, settings.deny_labels))
    failed = [label in denied or (bool(allowed) and label not in allowed) for label in labels]
    return _Rule("region.label", np.array(failed, dtype=bool))


def _shape_rules(boxes: NDArray[np.float64], width: int, height: int, settings: RegionSettings) -> list[_Rule]:
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
