"""Outlines for drawing: float64 [n, 2] points, x right, y down, in the unit frame of an object (about -1 to 1).

ellipse(0, 0, 1, 0.5)        40 points, starting at the right end, clockwise on screen
stroke([(0, 0), (1, 0)], .1) the outline of a line 0.1 wide
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

OutlinePoints = NDArray[np.float64]
"""[n, 2] x, y."""
PointPairs = Sequence[tuple[float, float]]


def poly(*pairs: tuple[float, float]) -> OutlinePoints:
    return np.array(pairs, dtype=np.float64)


def rect(x0: float, y0: float, x1: float, y1: float) -> OutlinePoints:
    return poly((x0, y0), (x1, y0), (x1, y1), (x0, y1))


def ellipse(
    cx: float, cy: float, rx: float, ry: float, start: float = 0, end: float = 360, count: int = 40
) -> OutlinePoints:
    """Angles in degrees, 0 = right, growing clockwise on screen. A full turn is closed without repeating a point."""
    return _arc(start, end, count) * (rx, ry) + (cx, cy)


@lru_cache(maxsize=256)
def _arc(start: float, end: float, count: int) -> OutlinePoints:
    """Points of the unit circle."""
    angles = np.radians(np.linspace(start, end, count, endpoint=abs(end - start) < 360))
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def rounded_rect(x0: float, y0: float, x1: float, y1: float, r: float) -> OutlinePoints:
    """A rectangle with corners of radius r."""
    corners = [(x1 - r, y0 + r, -90), (x1 - r, y1 - r, 0), (x0 + r, y1 - r, 90), (x0 + r, y0 + r, 180)]
    return np.concatenate([ellipse(cx, cy, r, r, at, at + 90, 7) for cx, cy, at in corners])


def star(points: int, inner: float) -> OutlinePoints:
    """`points` tips at distance 1, notches at distance `inner`, first tip up."""
    angles = np.radians(np.arange(2 * points) * 180 / points - 90)
    radius = np.where(np.arange(2 * points) % 2 == 0, 1.0, inner)
    return np.stack([radius * np.cos(angles), radius * np.sin(angles)], axis=1)


def curve(through: PointPairs, closed: bool = False, per_segment: int = 8) -> OutlinePoints:
    """A smooth (Catmull-Rom) curve through the given points."""
    knots = np.array(through, dtype=np.float64)
    if closed:
        padded = np.concatenate([knots[-1:], knots, knots[:2]])
    else:
        padded = np.concatenate([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]])
    a, b, c, d = (padded[k : len(padded) - 3 + k, None] for k in range(4))
    steps = (np.arange(per_segment) / per_segment)[None, :, None]
    path = b + 0.5 * steps * (c - a + steps * (2 * a - 5 * b + 4 * c - d + steps * (3 * (b - c) + d - a)))
    path = path.reshape(-1, 2)
    return path if closed else np.concatenate([path, knots[-1:]])


def blob(*through: tuple[float, float]) -> OutlinePoints:
    """A closed smooth outline."""
    return curve(through, closed=True)


def stroke(path: PointPairs | OutlinePoints, width: float, end_width: float | None = None) -> OutlinePoints:
    """The outline of a line along `path` that is `width` wide at its start and `end_width` at its end."""
    points = np.array(path, dtype=np.float64)
    along = np.empty_like(points)
    along[1:-1], along[0], along[-1] = points[2:] - points[:-2], points[1] - points[0], points[-1] - points[-2]
    across = along[:, ::-1] * (-1.0, 1.0) / np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-9)[:, None]
    share = (np.arange(len(points)) / (len(points) - 1))[:, None]
    half = (width + share * ((width if end_width is None else end_width) - width)) / 2
    return np.concatenate([points + across * half, (points - across * half)[::-1]])


def turned(points: OutlinePoints, degrees: float, about: tuple[float, float] = (0, 0)) -> OutlinePoints:
    """Rotated clockwise on screen."""
    angle = np.radians(degrees)
    matrix = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return np.asarray((points - about) @ matrix + about, dtype=np.float64)


def mirrored(points: OutlinePoints) -> OutlinePoints:
    """Left and right exchanged."""
    return points * (-1.0, 1.0)


def moved(points: OutlinePoints, dx: float, dy: float, scale: float = 1.0) -> OutlinePoints:
    """Scaled about the origin, then shifted."""
    return points * scale + (dx, dy)
