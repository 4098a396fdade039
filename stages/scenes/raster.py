"""Anti-aliased drawing at twice the size, with a buffer that remembers which object is in front at every pixel.

All blending is integer arithmetic, so that a scene is the same bytes on every machine.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from stages.scenes.palette import Rgb, Texture, luminance, shade
from stages.scenes.parts import FilledOutline, Paint
from stages.scenes.paths import OutlinePoints

SCALE = 2
"""Drawn pixels per picture pixel, each way."""
_FRACTION = 4
"""Bits of sub-pixel position in cv2's fixed-point drawing."""


@dataclass(frozen=True, eq=False)
class Coat:
    """How the main parts of an object look: the named colour, its texture and the texture's scale (repeats over
    the object's width). frame: [2, 3], drawn pixels -> the object's own x, y in about -1..1."""

    colour: Rgb
    texture: Texture
    repeats: float
    frame: NDArray[np.float64]


class Canvas:
    """A picture being drawn. pixels: uint8 [h * SCALE, w * SCALE, 3]; owner: int16, the index of the object in front,
    -1 = background. Points are picture pixels (not drawn pixels)."""

    def __init__(self, background: NDArray[np.uint8]) -> None:
        self.pixels = background.copy()
        self.owner = np.full(background.shape[:2], -1, dtype=np.int16)

    def parts(self, parts: Sequence[FilledOutline], coat: Coat, owner: int) -> None:
        """Draw placed parts (points in picture pixels) back to front as one object."""
        for part in parts:
            self.fill(part.points, _resolve(part.paint, coat.colour), coat if part.textured else None, owner)
            if part.outlined:
                self.edge(part.points, shade(_resolve(part.paint, coat.colour), 0.55), owner)

    def fill(
        self, points: OutlinePoints, colour: Rgb, coat: Coat | None = None, owner: int | None = None, alpha: int = 255
    ) -> None:
        """Fill an outline. alpha in 0..255; owner None leaves the owner buffer alone."""
        self.fill_rings([points], colour, coat, owner, alpha)

    def fill_rings(
        self,
        rings: Sequence[OutlinePoints],
        colour: Rgb,
        coat: Coat | None = None,
        owner: int | None = None,
        alpha: int = 255,
    ) -> None:
        """Fill several outlines by the even-odd rule: a ring inside a ring is a hole."""
        if coat is None and alpha == 255 and owner is None:
            outlines = [_fixed(ring, 0, 0) for ring in rings]
            cv2.fillPoly(self.pixels, outlines, colour, cv2.LINE_AA, _FRACTION)
            return
        window = _window(np.concatenate(rings), self.owner.shape, 2)
        if window is None:
            return
        rows, columns = window
        cover = np.zeros((rows.stop - rows.start, columns.stop - columns.start), dtype=np.uint8)
        outlines = [_fixed(ring, rows.start, columns.start) for ring in rings]
        cv2.fillPoly(cover, outlines, alpha, cv2.LINE_AA, _FRACTION)
        self._blend(rows, columns, cover, _surface(colour, coat, rows, columns), owner)

    def edge(
        self, points: OutlinePoints, colour: Rgb, owner: int | None = None, width: int = SCALE, closed: bool = True
    ) -> None:
        """Draw along an outline, `width` drawn pixels wide."""
        if owner is None:
            cv2.polylines(self.pixels, [_fixed(points, 0, 0)], closed, colour, width, cv2.LINE_AA, _FRACTION)
            return
        window = _window(points, self.owner.shape, width + 2)
        if window is None:
            return
        rows, columns = window
        cover = np.zeros((rows.stop - rows.start, columns.stop - columns.start), dtype=np.uint8)
        outline = _fixed(points, rows.start, columns.start)
        cv2.polylines(cover, [outline], closed, 255, width, cv2.LINE_AA, _FRACTION)
        self._blend(rows, columns, cover, np.array(colour, dtype=np.uint16), owner)

    def _blend(
        self, rows: slice, columns: slice, cover: NDArray[np.uint8], paint: NDArray[np.uint16], owner: int | None
    ) -> None:
        under = self.pixels[rows, columns]
        share = cover[:, :, None].astype(np.uint16)
        mixed = paint * share + under * (255 - share) + 128  # at most 255 * 255 + 128: fits 16 bits
        self.pixels[rows, columns] = (mixed + (mixed >> 8)) >> 8  # = mixed / 255, rounded
        if owner is not None:
            self.owner[rows, columns][cover >= 128] = owner

    def picture(self) -> NDArray[np.uint8]:
        """uint8 [h, w, 3] at picture size: the exact mean of SCALE x SCALE drawn pixels."""
        height, width = self.pixels.shape[:2]
        total = np.full((height // SCALE, width // SCALE, 3), SCALE * SCALE // 2, dtype=np.uint16)
        for row in range(SCALE):
            for column in range(SCALE):
                total += self.pixels[row::SCALE, column::SCALE]
        return (total // (SCALE * SCALE)).astype(np.uint8)


def _resolve(paint: Paint, colour: Rgb) -> Rgb:
    if paint == "main":
        return colour
    if paint == "light":
        return shade(colour, 1.45)
    if paint == "dark":
        return shade(colour, 0.76)
    return paint


def _window(points: OutlinePoints, shape: tuple[int, ...], margin: int) -> tuple[slice, slice] | None:
    """The drawn pixels that the points may touch; None when that is outside the picture."""
    low = np.floor(points.min(axis=0) * SCALE).astype(int) - margin
    high = np.ceil(points.max(axis=0) * SCALE).astype(int) + margin + 1
    x0, y0 = max(0, int(low[0])), max(0, int(low[1]))
    x1, y1 = min(shape[1], int(high[0])), min(shape[0], int(high[1]))
    return (slice(y0, y1), slice(x0, x1)) if x0 < x1 and y0 < y1 else None


def _fixed(points: OutlinePoints, top: int, left: int) -> NDArray[np.int32]:
    """Fixed-point drawn pixels, counted from (left, top). cv2 counts from pixel centres, hence the half pixel."""
    inside = points * SCALE - (left + 0.5, top + 0.5)
    return np.asarray(np.round(inside * (1 << _FRACTION)), dtype=np.int32)


def _surface(colour: Rgb, coat: Coat | None, rows: slice, columns: slice) -> NDArray[np.uint16]:
    """Colour of every drawn pixel of the window: uint16 [h, w, 3] in 0..255, or [3] for a flat colour."""
    if coat is None:
        return np.array(colour, dtype=np.uint16)
    x = np.arange(columns.start, columns.stop) + 0.5
    y = np.arange(rows.start, rows.stop) + 0.5
    (a, b, c), (d, e, f) = coat.frame
    u, v = a * x[None, :] + b * y[:, None] + c, d * x[None, :] + e * y[:, None] + f
    second = shade(colour, 1.62) if luminance(colour) < 170 else shade(colour, 0.62)
    base = np.array(colour, dtype=np.uint16)
    if coat.texture != "plain":
        base = np.where(_pattern(coat.texture, u, v, coat.repeats)[:, :, None], np.array(second, dtype=np.uint16), base)
    light = np.clip(265 - 27.5 * (u + v), 212, 256).astype(np.uint16)  # lit from the top left, in 1/256
    return np.asarray((base * light[:, :, None]) >> 8, dtype=np.uint16)


def _pattern(texture: Texture, u: NDArray[np.float64], v: NDArray[np.float64], repeats: float) -> NDArray[np.bool_]:
    """True where the second colour of a texture shows."""
    if texture == "striped":
        return np.asarray(np.floor((u + 0.35 * v) * repeats) % 2 == 0)
    if texture == "checkered":
        return np.asarray((np.floor(u * repeats) + np.floor(v * repeats)) % 2 == 0)
    if texture == "spotted":
        row = np.floor(v * repeats * 0.8)
        x, y = (u * repeats * 0.8 + 0.5 * (row % 2)) % 1 - 0.5, (v * repeats * 0.8) % 1 - 0.5
        return np.asarray(x * x + y * y < 0.09)
    raise ValueError(f"texture must be striped, checkered or spotted to have a pattern, got {texture!r}")
