"""Looking at a picture in parts, too: what a detector that sees a small square cannot make out, it finds magnified.

    found_in_parts(detect, images, TileSettings(grid=2))     Detections per image, each thing once

A picture of 640 x 480 is looked at whole and in four parts of 356 x 267 at (0, 0), (284, 0), (0, 213) and (284, 213).

Sliced inference after Akyon et al. (2022, arXiv 2202.06934), whose library does the same around detectors of its own:
the parts overlap, and the whole picture is looked at as well, for what is larger than a part. A box that ends at the
cut of a part is half a thing and left out where another view may hold all of it. Of boxes of one label and one place in
different views the surest is kept, and so is that of two labels in nearly the same box, for a thing has one; two boxes
of one view stay two.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from shards.geometry import iou_matrix
from shards.settings import Settings
from specialists.roles import Detections, Image

CUT = 0.02
"""Share of a part's side: a box that comes this close to an edge where the picture goes on was cut there."""


class TileSettings(Settings):
    """Parts of a picture that are looked at besides the whole."""

    grid: int = Field(2, ge=2, le=8, description="parts in a row and in a column: 2 are 4 parts, and 5 times the work")
    overlap: float = Field(0.2, ge=0, lt=1, description="share of a part's side that its neighbour shows, too")
    same_box_iou: float = Field(
        0.5, gt=0, le=1, description="boxes of one label that overlap this much in two views are one thing"
    )
    other_label_iou: float = Field(0.7, gt=0, le=1, description="and boxes of two labels that overlap this much")


class View(NamedTuple):
    """A picture or a part of it, and where its left upper corner lies in the picture, in pixels."""

    image: Image
    x: int
    y: int


def found_in_parts(
    detect: Callable[[list[Image]], list[Detections]], images: Sequence[Image], settings: TileSettings
) -> list[Detections]:
    """What `detect` finds in the images, uint8 RGB [h, w, 3], and in their parts: boxes in pixels of the whole, the
    surest first."""
    seen = [views(image, settings) for image in images]
    found = iter(detect([view.image for of_image in seen for view in of_image]))
    return [gathered([next(found) for _ in of_image], of_image, settings) for of_image in seen]


def views(image: Image, settings: TileSettings) -> list[View]:
    """The whole picture, then its parts by row and column."""
    height, width = image.shape[:2]
    parts = [
        View(np.ascontiguousarray(image[y : y + h, x : x + w]), x, y)
        for y, h in _spans(height, settings)
        for x, w in _spans(width, settings)
    ]
    return [View(image, 0, 0), *parts]


def gathered(found: Sequence[Detections], seen: Sequence[View], settings: TileSettings) -> Detections:
    """What was found in the views `seen`, of which the first is the whole picture, surest first."""
    height, width = seen[0].image.shape[:2]
    boxes = np.concatenate([each.boxes + _offset(view) for each, view in zip(found, seen, strict=True)])
    scores = np.concatenate([each.scores for each in found])
    labels = [label for each in found for label in each.labels]
    origins = np.repeat(np.arange(len(seen)), [len(each.labels) for each in found])
    is_whole = np.concatenate(
        [~_is_cut(each.boxes, view, width, height) for each, view in zip(found, seen, strict=True)]
    )
    order = np.flatnonzero(is_whole)[np.argsort(-scores[is_whole], kind="stable")]
    kept = order[_distinct(boxes[order], np.array(labels, dtype=object)[order], origins[order], settings)]
    return Detections(boxes[kept].astype(np.float32), scores[kept].astype(np.float32), [labels[i] for i in kept])


def _spans(length: int, settings: TileSettings) -> list[tuple[int, int]]:
    """First pixel and length of each part of a side: equal parts that overlap and reach both ends."""
    part = min(length, round(length / (settings.grid - (settings.grid - 1) * settings.overlap)) or 1)
    return [(round(i * (length - part) / (settings.grid - 1)), part) for i in range(settings.grid)]


def _offset(view: View) -> NDArray[np.float32]:
    return np.array([view.x, view.y, view.x, view.y], dtype=np.float32)


def _is_cut(boxes: NDArray[np.float32], view: View, width: int, height: int) -> NDArray[np.bool_]:
    """Which boxes, in pixels of the view, end where the view ends and the picture does not."""
    h, w = view.image.shape[:2]
    x0, y0, x1, y1 = boxes.reshape(-1, 4).T
    left, top = (x0 < CUT * w) & (view.x > 0), (y0 < CUT * h) & (view.y > 0)
    right, bottom = (x1 > (1 - CUT) * w) & (view.x + w < width), (y1 > (1 - CUT) * h) & (view.y + h < height)
    return np.asarray(left | top | right | bottom)


def _distinct(
    boxes: NDArray[np.float32], labels: NDArray[np.object_], origins: NDArray[np.intp], settings: TileSettings
) -> list[int]:
    """Greedy, surest first: places of boxes that repeat none kept from another view."""
    least = np.where(labels[:, None] == labels, settings.same_box_iou, settings.other_label_iou)
    repeats = (iou_matrix(boxes, boxes) >= least) & (origins[:, None] != origins)
    free, kept = np.ones(len(boxes), dtype=bool), []
    for place in range(len(boxes)):
        if free[place]:
            kept.append(place)
            free &= ~repeats[place]
    return kept
