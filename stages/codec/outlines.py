"""Outlines as Florence-2 writes them: few corners, clockwise, from the left end of the top.

Comes in: rings in pixels. Goes out: rings in bins 0..999. What is lost, and why:
- Holes (rings that run against the largest one): the released format has none, transformers takes every ring for a
  part of its own.
- Corners, until there are no more than the budget: Douglas and Peucker's rule, with the smallest tolerance that is
  enough (in bins, so that it does not depend on the size of the picture).
- Parts without an area in bins, and the smallest ones where even triangles would be too many.
"""

from bisect import bisect_left
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shards.finding import Polygons, Ring
from shards.geometry import signed_area
from specialists.florence2_format import quantize

PixelPoints = NDArray[np.int32]
TOLERANCES: Final = (0.0, *(0.5 * 1.25**step for step in range(32)))
"""Bins; the last, 504, is half the picture."""


def simple_outline(polygons: Polygons, width: int, height: int, max_points: int) -> list[list[int]]:
    """Rings as flat x y x y ... bins, largest first, `max_points` corners at most in all. [] if no ring has an area,
    or none is left with so few corners."""
    turns = [signed_area(np.reshape(ring, (-1, 2))) for ring in polygons]
    clockwise = max(turns, key=abs, default=0.0) > 0
    outer = [ring for ring, turn in zip(polygons, turns, strict=True) if (turn > 0) == clockwise]
    rings = _with_area([_points(ring, width, height) for ring in outer])[: max_points // 3]

    def simple(tolerance: float) -> list[PixelPoints]:
        return _with_area([_simplified(ring, tolerance) for ring in rings])

    # More tolerance, fewer corners: of the tolerances that are enough, the smallest is found by halving.
    step = bisect_left(TOLERANCES, True, key=lambda tolerance: sum(map(len, simple(tolerance))) <= max_points)
    return [_from_top(ring).reshape(-1).tolist() for ring in simple(TOLERANCES[step])] if step < len(TOLERANCES) else []


def _points(ring: Ring, width: int, height: int) -> PixelPoints:
    """int32 [n, 2] bins, no point equal to the one before it."""
    points = np.array(quantize(ring, width, height), dtype=np.int32).reshape(-1, 2)
    return points[np.any(points != np.roll(points, 1, axis=0), axis=1)]


def _simplified(points: PixelPoints, tolerance: float) -> PixelPoints:
    import cv2

    return np.asarray(cv2.approxPolyDP(points, tolerance, True), dtype=np.int32).reshape(-1, 2)


def _with_area(rings: list[PixelPoints]) -> list[PixelPoints]:
    """Those of at least three corners that are no line, largest first."""
    by_area = [(abs(signed_area(ring)), ring) for ring in rings if len(ring) >= 3]
    return [ring for area, ring in sorted(by_area, key=lambda pair: -pair[0]) if area > 0]


def _from_top(points: PixelPoints) -> PixelPoints:
    """The same ring clockwise, from its highest corner (of several the left one)."""
    ring = points if signed_area(points) > 0 else points[::-1]
    first = np.lexsort((ring[:, 0], ring[:, 1]))[0]
    return np.roll(ring, -int(first), axis=0)
