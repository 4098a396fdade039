"""Given annotations into the frame of the corpus: pixels of the oriented image.

Annotation files disagree on whether x and y count stored pixels or pixels as a viewer shows them, after the EXIF
orientation. COCO itself was made from files without orientation, its tools (pycocotools, torchvision) read stored
pixels; labelling tools that run in a browser write shown pixels. `given_frame: auto` looks at the image size in the
annotation file: if it fits only one of the two, that one it is; if it fits both (no orientation, a square, a flip or a
half turn) or is missing, `stored` is assumed. A frame that the user states is believed, whichever size is written.

A size that fits neither means that the boxes were drawn on another picture, most often a resized one: the image fails
(`size_mismatch`) rather than getting boxes in the wrong places.
"""

import math
from collections.abc import Callable
from typing import cast

import msgspec

from shards.errors import InputError
from shards.finding import Box, Caption, Detection, Finding, Mask, Match, OcrLine, Quad, Ring, box_of

PointMap = Callable[[float, float], tuple[float, float]]

MIRRORED = frozenset({2, 4, 5, 7})
"""EXIF orientations that turn clockwise into counter-clockwise."""


class FrameError(InputError):
    """Given annotations that do not belong to this picture."""


def place_given(
    given: list[Finding],
    given_wh: tuple[int, int] | None,
    normalised: bool,
    stored_wh: tuple[int, int],
    orientation: int,
    frame: str,
) -> tuple[list[Finding], int]:
    """The findings in pixels of the oriented image, clipped to it, and how many boxes had no area left there, or had
    NaN or infinity for a side. Texts about the whole image need no frame.

    frame: IngestSettings.given_frame. Raises FrameError when `given_wh` is the size of another picture."""
    if all(isinstance(finding, Caption | Match) for finding in given):
        return given, 0
    stored = _is_stored(given_wh, stored_wh, orientation, frame)
    oriented_wh = (stored_wh[1], stored_wh[0]) if orientation > 4 else stored_wh
    scale_wh = (stored_wh if stored else oriented_wh) if normalised else (1, 1)
    turn = _turn(orientation if stored else 1, stored_wh, scale_wh)
    mirrored = stored and orientation in MIRRORED
    placed = [_placed(finding, turn, mirrored, oriented_wh) for finding in given]
    kept = [finding for finding in placed if finding is not None]
    return kept, len(given) - len(kept)


def _is_stored(given_wh: tuple[int, int] | None, stored_wh: tuple[int, int], orientation: int, frame: str) -> bool:
    oriented_wh = (stored_wh[1], stored_wh[0]) if orientation > 4 else stored_wh
    if given_wh in (None, stored_wh):
        return frame != "oriented"  # tools that show the picture upright may still write the size as stored
    if given_wh == oriented_wh:
        return frame == "stored"
    assert given_wh is not None
    raise FrameError(
        f"size_mismatch: annotations are for {given_wh[0]}x{given_wh[1]}, the image is"
        f" {stored_wh[0]}x{stored_wh[1]} stored and {oriented_wh[0]}x{oriented_wh[1]} oriented"
        f" (given_frame: {frame})"
    )


def _turn(orientation: int, stored_wh: tuple[int, int], scale_wh: tuple[int, int]) -> PointMap:
    """Stored point, in pixels or fractions of scale_wh, to oriented pixels; x and y count from pixel edges, so the
    right edge W lands on the edge 0."""
    width, height = stored_wh
    across, down = scale_wh
    turns: dict[int, PointMap] = {
        1: lambda x, y: (x, y),
        2: lambda x, y: (width - x, y),
        3: lambda x, y: (width - x, height - y),
        4: lambda x, y: (x, height - y),
        5: lambda x, y: (y, x),
        6: lambda x, y: (height - y, x),
        7: lambda x, y: (height - y, width - x),
        8: lambda x, y: (y, width - x),
    }
    turn = turns[orientation]
    return lambda x, y: turn(x * across, y * down)


def _placed(finding: Finding, turn: PointMap, mirrored: bool, size_wh: tuple[int, int]) -> Finding | None:
    """None for a box without area inside the image."""
    if isinstance(finding, Mask):
        polygons = [_turned_ring(ring, turn, mirrored, size_wh) for ring in finding.polygons]
        return msgspec.structs.replace(finding, polygons=polygons)
    place = box_of(finding)
    if place is None:
        return finding
    if not all(map(math.isfinite, place)):
        return None
    box = _clipped(_turned_box(place, turn), size_wh)
    if box[2] - box[0] <= 0 or box[3] - box[1] <= 0:
        return None
    match finding:
        case Detection(polygons=list(rings)):
            polygons = [_turned_ring(ring, turn, mirrored, size_wh) for ring in rings]
            return msgspec.structs.replace(finding, box=box, polygons=polygons)
        case OcrLine(quad=tuple(quad)):
            return msgspec.structs.replace(finding, box=box, quad=_turned_quad(quad, turn, mirrored))
        case _:
            return msgspec.structs.replace(finding, box=box)


def _turned_box(box: Box, turn: PointMap) -> Box:
    xs, ys = zip(turn(box[0], box[1]), turn(box[2], box[3]), strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def _turned_quad(quad: Quad, turn: PointMap, mirrored: bool) -> Quad:
    """A turned text keeps its own top left; a mirrored one is read from the other side to stay clockwise."""
    corners = [turn(quad[i], quad[i + 1]) for i in range(0, 8, 2)]
    if mirrored:
        corners = [corners[1], corners[0], corners[3], corners[2]]
    return cast(Quad, tuple(value for corner in corners for value in corner))


def _turned_ring(ring: Ring, turn: PointMap, mirrored: bool, size_wh: tuple[int, int]) -> Ring:
    points = [turn(ring[i], ring[i + 1]) for i in range(0, len(ring) - 1, 2)]
    inside = [(min(max(x, 0.0), size_wh[0]), min(max(y, 0.0), size_wh[1])) for x, y in points]
    return [value for point in (reversed(inside) if mirrored else inside) for value in point]


def _clipped(box: Box, size_wh: tuple[int, int]) -> Box:
    width, height = size_wh
    return (
        min(max(box[0], 0.0), width),
        min(max(box[1], 0.0), height),
        min(max(box[2], 0.0), width),
        min(max(box[3], 0.0), height),
    )
