"""Masks of pixels and their outlines as polygons: exact conversion both ways, simplification, area, COCO RLE.

Comes in: a mask, bool [h, w]. Goes out: rings in the frame of `shards.finding`, along the edges of the pixels:

    . # #      ->   [[1, 0, 3, 0, 3, 2, 1, 2]]      the pixel in column 1 covers x from 1 to 2
    . # #

Outer rings run clockwise on screen, holes counter-clockwise, so the signed areas of all rings sum up to the mask's.
"""

from typing import TypedDict

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from shards.finding import Polygons, Ring
from shards.geometry import signed_area
from shards.settings import Settings
from specialists.weights import require_package

Bitmap = NDArray[np.bool_]
Points = NDArray[np.float32]


class PolygonSettings(Settings):
    """How a mask becomes polygons."""

    tolerance: float = Field(0.75, ge=0, description="simplify rings; move no point further than this, px")
    min_part: float = Field(
        16.0, ge=0, description="leave out parts and holes of a smaller area, px²; keep the largest part always"
    )


class CocoRle(TypedDict):
    """Run lengths in COCO's compressed form; size is [height, width]."""

    size: list[int]
    counts: str


def mask_to_polygons(mask: Bitmap, settings: PolygonSettings) -> Polygons:
    """Rings of a mask bool [h, w]: every part, largest first, followed by its holes. An empty mask has none."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return []
    x, y = int(columns[0]), int(rows[0])
    parts = _outlines(mask[y : int(rows[-1]) + 1, x : int(columns[-1]) + 1])
    parts.sort(key=lambda part: -abs(signed_area(part[0])))
    rings: Polygons = []
    for number, (outer, holes) in enumerate(parts):
        if number and abs(signed_area(outer)) < settings.min_part:
            break
        rings.append(_ring(outer, settings.tolerance, True, x, y))
        large = [hole for hole in holes if abs(signed_area(hole)) >= settings.min_part]
        rings += [_ring(hole, settings.tolerance, False, x, y) for hole in large]
    return rings


def polygons_to_mask(polygons: Polygons, height: int, width: int) -> Bitmap:
    """bool [h, w]: the pixels whose centre is inside an odd number of rings. Inverse of `mask_to_polygons` with
    tolerance 0 and min_part 0. Raises ValueError for a ring that is no list of at least three points."""
    crossings = np.zeros((height, width + 1), np.int32)
    for index, ring in enumerate(polygons):
        if len(ring) < 6 or len(ring) % 2:
            raise ValueError(f"polygons[{index}] must hold x y of at least 3 points, got {len(ring)} numbers")
        _count_crossings(crossings, np.asarray(ring, np.float64).reshape(-1, 2))
    inside: Bitmap = np.cumsum(crossings, axis=1)[:, :width] % 2 == 1
    return inside


def polygons_area(polygons: Polygons) -> float:
    """Area in px²; holes count negative."""
    return abs(sum(signed_area(np.asarray(ring).reshape(-1, 2)) for ring in polygons))


def coco_rle(polygons: Polygons, height: int, width: int) -> CocoRle:
    """The mask of `polygons` for a COCO file. Raises MissingRequirementError without pycocotools."""
    require_package("COCO RLE", "pycocotools", "eval")
    from pycocotools import mask as coco

    packed = coco.encode(np.asfortranarray(polygons_to_mask(polygons, height, width), dtype=np.uint8))
    return {"size": [height, width], "counts": packed["counts"].decode("ascii")}


def mask_iou(first: Bitmap, second: Bitmap) -> float:
    """Intersection over union of two masks of one size; two empty masks agree fully."""
    union = int(np.count_nonzero(first | second))
    return int(np.count_nonzero(first & second)) / union if union else 1.0


def _outlines(mask: Bitmap) -> list[tuple[Points, list[Points]]]:
    """Per part of the mask: its outer outline and those of its holes, [n, 2] along the edges of the pixels.

    OpenCV traces centres of pixels. On a grid of twice the size, where each pixel of the mask becomes a 3 x 3 block,
    the centres that it traces are the corners and edge middles of our pixels.
    """
    import cv2

    height, width = mask.shape
    grid = np.zeros((2 * height + 1, 2 * width + 1), np.uint8)
    grid[1::2, 1::2] = mask
    grid = cv2.dilate(grid, np.ones((3, 3), np.uint8)).astype(np.uint8)
    contours, hierarchy = cv2.findContours(grid, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    parts: dict[int, tuple[Points, list[Points]]] = {}
    parents = hierarchy[0][:, 3]
    for index in np.flatnonzero(parents < 0).tolist():
        parts[index] = (_corners(np.asarray(contours[index], np.int32)), [])
    for index in np.flatnonzero(parents >= 0).tolist():
        parts[int(parents[index])][1].append(_corners(np.asarray(contours[index], np.int32)))
    return list(parts.values())


def _corners(contour: NDArray[np.int32]) -> Points:
    """The corners of a traced outline. OpenCV goes diagonally past inner corners, from one edge middle to the next;
    the corner between them is the point whose coordinates are both even."""
    points = contour.reshape(-1, 2)
    following = np.roll(points, -1, axis=0)
    passed = np.flatnonzero((points != following).all(axis=1))
    across = np.column_stack([points[passed, 0], following[passed, 1]])
    along = np.column_stack([following[passed, 0], points[passed, 1]])
    missing = np.where((across % 2 == 0).all(axis=1, keepdims=True), across, along)
    outline = np.insert(points, passed + 1, missing, axis=0)
    before, after = np.roll(outline, 1, axis=0), np.roll(outline, -1, axis=0)
    turns = ((outline - before) != (after - outline)).any(axis=1)
    corners: Points = (outline[turns] / 2).astype(np.float32)
    return corners


def _ring(points: Points, tolerance: float, clockwise: bool, x: int, y: int) -> Ring:
    """A simplified ring, moved by x, y and turned the way asked for. The tolerance gives way where a thin ring would
    collapse into a line."""
    import cv2

    ring = points
    for share in (1.0, 0.5, 0.25):
        simple = cv2.approxPolyDP(points, tolerance * share, True).reshape(-1, 2).astype(np.float32)
        if len(simple) >= 3 and abs(signed_area(simple)) >= abs(signed_area(points)) / 2:
            ring = simple
            break
    if (signed_area(ring) > 0) != clockwise:
        ring = ring[::-1]
    return [float(value) for value in (ring + np.array([x, y], np.float32)).ravel()]


def _count_crossings(crossings: NDArray[np.int32], points: NDArray[np.float64]) -> None:
    """Add to crossings[row, column] the edges that the middle line of a row meets left of that column's centre and
    not left of the one before."""
    height, width = crossings.shape[0], crossings.shape[1] - 1
    ends = np.roll(points, -1, axis=0)
    top, bottom = np.minimum(points[:, 1], ends[:, 1]), np.maximum(points[:, 1], ends[:, 1])
    first = np.clip(np.ceil(top - 0.5), 0, height).astype(np.int64)
    last = np.clip(np.ceil(bottom - 0.5), 0, height).astype(np.int64)
    edges = np.repeat(np.arange(len(points)), last - first)
    rows = np.arange(len(edges)) - np.repeat(np.cumsum(last - first) - (last - first), last - first) + first[edges]
    slope = (ends[edges] - points[edges])[:, 0] / (ends[edges] - points[edges])[:, 1]
    meets = points[edges, 0] + (rows + 0.5 - points[edges, 1]) * slope
    columns = np.clip(np.ceil(meets - 0.5), 0, width).astype(np.int64)
    np.add.at(crossings, (rows, columns), 1)
