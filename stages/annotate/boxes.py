"""Which upstream boxes an annotator works on: a crop to caption, a region to match, a mask to draw.

Comes in: what other annotators said about one image. Goes out: the boxes worth the work, best first, each with the
reference of its finding. Detectors say everything above a very low floor and several say the same thing; captioning
all of that would cost most of a round. What is left out here is not dropped: its finding stays in its own column, and
in the fused region it is represented by the near-equal box that was chosen.

    detector/0 "dog" 0.91 (12, 30, 200, 180)    -> BoxInput("detector/0", (12, 30, 200, 180), "dog", 0.91)
    yolo/3     "dog" 0.88 (12, 31, 201, 180)    -> left out: IoU 0.97 with detector/0
    detector/7 "cat" 0.02 (0, 0, 640, 480)      -> left out: below min_score
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from shards.finding import Box, Detection, Finding, OcrLine, PhraseGrounding, box_of, reference, text_of
from shards.geometry import clipped
from shards.settings import Settings
from specialists.roles import Image

BoxKind = Literal["object", "ocr", "phrase"]
_TYPES: Mapping[BoxKind, type[Finding]] = {"object": Detection, "ocr": OcrLine, "phrase": PhraseGrounding}


class BoxInputs(Settings):
    """Choice among the boxes that other annotators found."""

    kinds: list[BoxKind] = Field(
        ["object"], min_length=1, description="object: detections, ocr: text regions, phrase: places of phrases"
    )
    min_score: float = Field(
        0.1, ge=0, le=1, description="leave out boxes with a lower raw score; no score counts as 1"
    )
    max_boxes: int = Field(50, ge=1, description="most boxes per image, best scores first")
    same_box_iou: float = Field(
        0.9,
        gt=0,
        le=1,
        description="leave out a box that overlaps a better one by this IoU or more; 1: only exact repeats",
    )
    min_side: float = Field(4.0, ge=0, description="leave out boxes narrower or lower than this, in pixels")
    padding: float = Field(0.0, ge=0, le=1, description="enlarge crops by this share of the box on every side")


@dataclass(frozen=True)
class BoxInput:
    """A chosen box: clipped to the image, in its pixels. score: the raw one, or 1 where the annotator gave none."""

    ref: str
    box: Box
    label: str
    score: float


def choose_boxes(
    findings: Mapping[str, Sequence[Finding]], width: int, height: int, settings: BoxInputs
) -> list[BoxInput]:
    """Boxes of one image by falling score; equal scores by annotator name, then position: the same on every run."""
    types = tuple(_TYPES[kind] for kind in settings.kinds)
    boxes = [
        BoxInput(reference(name, index), box, text_of(finding), 1.0 if finding.score is None else finding.score)
        for name in sorted(findings)
        for index, finding in enumerate(findings[name])
        if isinstance(finding, types)
        and (place := box_of(finding)) is not None
        and (box := clipped(place, width, height)) is not None
    ]
    boxes = [box for box in boxes if box.score >= settings.min_score and _side(box.box) >= settings.min_side]
    boxes.sort(key=lambda box: -box.score)
    kept = _distinct(np.array([box.box for box in boxes]).reshape(-1, 4), settings.same_box_iou, settings.max_boxes)
    return [boxes[index] for index in kept]


def crop(image: Image, box: Box, padding: float = 0.0) -> Image:
    """The pixels that `box` touches, enlarged by `padding` of its width and height on each side and cut at the
    image's border: a view, uint8 RGB [h, w, 3], at least one pixel."""
    height, width = image.shape[:2]
    dx, dy = padding * (box[2] - box[0]), padding * (box[3] - box[1])
    x0, y0 = min(max(floor(box[0] - dx), 0), width - 1), min(max(floor(box[1] - dy), 0), height - 1)
    x1, y1 = min(max(ceil(box[2] + dx), x0 + 1), width), min(max(ceil(box[3] + dy), y0 + 1), height)
    return image[y0:y1, x0:x1]


def _side(box: Box) -> float:
    return min(box[2] - box[0], box[3] - box[1])


def _distinct(boxes: NDArray[np.float64], iou: float, most: int) -> list[int]:
    """Greedy: indices of boxes (best first) that reach `iou` with no box taken before, `most` at most."""
    kept: list[int] = []
    free = np.ones(len(boxes), dtype=bool)
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    for index, box in enumerate(boxes):
        if len(kept) == most:
            break
        if not free[index]:
            continue
        kept.append(index)
        sides = np.minimum(boxes[:, 2:], box[2:]) - np.maximum(boxes[:, :2], box[:2])
        overlap = np.prod(np.maximum(sides, 0.0), axis=1)
        free &= overlap < iou * (areas + areas[index] - overlap)
    return kept
