"""COCO run-length masks to polygons.

A mask of `size` [h, w] is stored column by column as run lengths that begin with zeros; `counts` is a list of them, or
the string that pycocotools writes: each run in groups of 5 bits (bit 5 = more follows, bit 4 of the last = sign) plus
48, from the third on as the difference to the run two before (cocoapi, `common/maskApi.c`, rleToString).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shards.finding import Polygons


def rle_to_polygons(rle: dict[str, Any]) -> Polygons:
    """Rings of the mask in pixels, outer ones clockwise and holes counter-clockwise on screen; [] for an empty mask.

    Raises ValueError when the runs do not fill the mask."""
    return trace_rings(rle_to_mask(rle))


MAX_PIXELS = 64_000_000
"""A mask is unpacked in memory, so a few bytes could ask for all of it; no image of a corpus is larger by default."""


def rle_to_mask(rle: dict[str, Any]) -> NDArray[np.uint8]:
    """uint8 [h, w] of 0 and 1. Raises ValueError when the runs do not fill it, or it has too many pixels."""
    height, width = (int(side) for side in rle["size"])
    if min(height, width) < 0 or height * width > MAX_PIXELS:
        raise ValueError(f"size of an RLE must be at most {MAX_PIXELS} pixels, got {height}x{width}")
    counts = rle["counts"]
    runs = _runs(counts) if isinstance(counts, (str, bytes)) else [int(run) for run in counts]
    if sum(runs) != height * width or min(runs, default=0) < 0:
        raise ValueError(f"runs of an RLE must add up to {height}x{width}, got {sum(runs)}")
    values = np.arange(len(runs), dtype=np.uint8) % 2
    return np.repeat(values, runs).reshape(width, height).T


def trace_rings(mask: NDArray[np.uint8]) -> Polygons:
    """Rings along the pixel edges' inner side, as OpenCV traces them, with whole-pixel extent: a mask of one pixel at
    (x, y) gives the square (x, y, x + 1, y + 1)."""
    import cv2

    # Traced on a doubled mask, where a pixel's far edge has a coordinate of its own: (2x + 1) / 2 rounds up to x + 1.
    doubled = np.ascontiguousarray(np.repeat(np.repeat(mask, 2, axis=0), 2, axis=1))
    contours, hierarchy = cv2.findContours(doubled, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    rings: Polygons = []
    for index, contour in enumerate(contours):
        hole = hierarchy[0][index][3] >= 0
        ring = ((contour[:, 0, :].astype(np.int64) + 1) // 2).astype(float)
        if len(ring) >= 3:
            rings.append(oriented_ring(ring.ravel().tolist(), clockwise=not hole))
    return rings


def oriented_ring(ring: list[float], clockwise: bool) -> list[float]:
    """The ring in the wanted direction on screen (y down)."""
    points = np.asarray(ring, dtype=float).reshape(-1, 2)
    following = np.roll(points, -1, axis=0)
    area = float((points[:, 0] * following[:, 1] - following[:, 0] * points[:, 1]).sum())
    return ring if (area >= 0) == clockwise else [float(value) for value in points[::-1].ravel()]


def _runs(text: str | bytes) -> list[int]:
    codes = text.encode() if isinstance(text, str) else text
    runs: list[int] = []
    value, shift = 0, 0
    for code in codes:
        bits = code - 48
        value |= (bits & 0x1F) << shift
        shift += 5
        if bits & 0x20:
            continue
        if bits & 0x10:
            value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        value, shift = 0, 0
    return runs
