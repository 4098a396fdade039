"""Overlap, area and direction of boxes, quads and rings, in pixels of one image, y down.

Boxes are x0 y0 x1 y1, quads 8 numbers, rings x y x y ... or points [n, 2]."""

import math
from collections.abc import Sequence
from typing import cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shards.finding import COORDINATE_DECIMALS, Box, Polygons, Quad

FloatArray = NDArray[np.float64]


def clipped(box: Box, width: int, height: int) -> Box | None:
    """The part of a box inside the image; None if nothing is left or a coordinate is not a number."""
    if not all(map(math.isfinite, box)):
        return None
    x0, y0, x1, y1 = box
    x0, y0 = x0 if x0 >= 0.0 else 0.0, y0 if y0 >= 0.0 else 0.0
    x1, y1 = x1 if x1 <= width else float(width), y1 if y1 <= height else float(height)
    return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None


def iou(first: Box, second: Box) -> float:
    """Intersection over union, in [0, 1]."""
    shared_width = min(first[2], second[2]) - max(first[0], second[0])
    shared_height = min(first[3], second[3]) - max(first[1], second[1])
    if shared_width <= 0 or shared_height <= 0:
        return 0.0
    shared = shared_width * shared_height
    return shared / (_area(first) + _area(second) - shared)


def iou_matrix(boxes: ArrayLike | Sequence[Box], others: ArrayLike | Sequence[Box]) -> FloatArray:
    """float64 [n, m]: intersection over union of each of `boxes` [n, 4] with each of `others` [m, 4]; 0 where both are
    empty."""
    first, second = np.asarray(boxes, np.float64).reshape(-1, 4), np.asarray(others, np.float64).reshape(-1, 4)
    x0, y0, x1, y1 = first.T[:, :, None]
    x2, y2, x3, y3 = second.T[:, None, :]
    shared = np.maximum(np.minimum(x1, x3) - np.maximum(x0, x2), 0) * np.maximum(
        np.minimum(y1, y3) - np.maximum(y0, y2), 0
    )
    union = box_areas(first)[:, None] + box_areas(second)[None, :] - shared
    return cast(FloatArray, shared / np.where(union > 0, union, 1.0))


def box_areas(boxes: FloatArray) -> FloatArray:
    """float64 [n], px²; 0 for a box whose corners are swapped."""
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    return cast(FloatArray, sides[:, 0] * sides[:, 1])


def rounded_box(box: Box) -> Box:
    """The box as it is stored, to 0.01 px."""
    x0, y0, x1, y1 = [round(value, COORDINATE_DECIMALS) for value in box]
    return (x0, y0, x1, y1)


def quad_box(quad: Quad) -> Box:
    """The bounds of a quad."""
    return (min(quad[0::2]), min(quad[1::2]), max(quad[0::2]), max(quad[1::2]))


def box_quad(box: Box) -> Quad:
    """A box as a quad, clockwise from its top left."""
    x0, y0, x1, y1 = box
    return (x0, y0, x1, y0, x1, y1, x0, y1)


def quad_iou(first: Quad, second: Quad) -> float:
    """Intersection over union of two convex quads, in [0, 1]; 0 for a quad without area."""
    shared, one, other = _quad_areas(first, second)
    return 0.0 if shared <= 0 else min(shared / (one + other - shared), 1.0)


def quad_share(quad: Quad, area: Quad) -> float:
    """How much of a convex quad lies in another one, in [0, 1]; 0 for a quad without area."""
    shared, one, _ = _quad_areas(quad, area)
    return 0.0 if shared <= 0 else min(shared / one, 1.0)


def _quad_areas(first: Quad, second: Quad) -> tuple[float, float, float]:
    """px²: what two convex quads share, and each; the first 0 where they do not meet or one has no area.

    cv2.intersectConvexConvex expects one winding; readers keep to clockwise, but a mirrored quad is cheap to turn.
    """
    import cv2  # not free to import, and only rounds with several readers come here

    if iou(quad_box(first), quad_box(second)) == 0.0:
        return 0.0, 0.0, 0.0
    # Coordinates count from the quads' own corner: float32 has no digits to waste on an offset.
    origin = np.min([first[0::2], second[0::2]]), np.min([first[1::2], second[1::2]])
    turned = [clockwise(np.array(quad).reshape(4, 2) - origin) for quad in (first, second)]
    corners = [np.ascontiguousarray(quad, dtype=np.float32) for quad in turned]
    one, other = (float(cv2.contourArea(each)) for each in corners)
    shared = float(cv2.intersectConvexConvex(corners[0], corners[1])[0]) if min(one, other) > 0 else 0.0
    return shared, one, other


def signed_area(points: ArrayLike) -> float:
    """Area of the polygon [n, 2] in px², positive when it runs clockwise on screen."""
    corners = np.asarray(points, np.float64)
    x, y = corners[:, 0], corners[:, 1]
    # np.roll would take ten times as long as the rest for the four corners of a quad
    next_x, next_y = np.concatenate((x[1:], x[:1])), np.concatenate((y[1:], y[:1]))
    return float(np.dot(x, next_y) - np.dot(y, next_x)) / 2


def clockwise(points: FloatArray) -> FloatArray:
    """The polygon [n, 2] clockwise on screen: turned round where it runs the other way."""
    return points if signed_area(points) >= 0 else points[::-1]


def polygons_box(polygons: Polygons) -> Box:
    """The box around all rings."""
    xs = [x for ring in polygons for x in ring[::2]]
    ys = [y for ring in polygons for y in ring[1::2]]
    return min(xs), min(ys), max(xs), max(ys)


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
