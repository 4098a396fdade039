"""One generated picture: `compose_scene(seed, index, settings)` -> `Drawing(layout, image, owner)`.

Its gold is in `gold.py`.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from stages.scenes.layout import Bounds, Layout, plan, without
from stages.scenes.palette import INK, luminance, shade
from stages.scenes.paths import ellipse
from stages.scenes.places import paint_place
from stages.scenes.raster import Canvas
from stages.scenes.settings import VERSION, SceneSettings

MIN_VISIBLE = 0.4
"""A thing of which less is seen is left out of the picture: nobody could name it."""
MIN_AREA = 0.0008
"""Likewise a thing that covers a smaller share of the picture."""


@dataclass(frozen=True, eq=False)
class Drawing:
    """A drawn layout. owner: int16 [h * SCALE, w * SCALE], position in layout.things of what is in front, or -1."""

    layout: Layout
    image: NDArray[np.uint8]
    owner: NDArray[np.int16]


def compose_scene(seed: int, index: int, settings: SceneSettings) -> Drawing:
    """Plan and paint; whatever ends up mostly hidden is taken out and the picture painted again."""
    for name, value in (("seed", seed), ("index", index)):
        if value < 0:
            raise ValueError(f"{name} must be at least 0, got {value}")
    layout = plan(np.random.default_rng([VERSION, seed, index, 0]), settings)
    while True:
        canvas, drawn = _paint(layout, np.random.default_rng([VERSION, seed, index, 1]))
        hidden = _mostly_hidden(canvas, drawn)
        if not hidden:
            break
        layout = without(layout, hidden)
    image = _exposed(canvas.picture(), np.random.default_rng([VERSION, seed, index, 2]), settings.noise)
    return Drawing(layout, image, canvas.owner)


def _paint(layout: Layout, rng: np.random.Generator) -> tuple[Canvas, list[int]]:
    """The canvas, and for every thing how many drawn pixels it covered before anything came in front of it."""
    canvas = paint_place(layout.place, layout.width, layout.height, rng)
    drawn = []
    for position, thing in enumerate(layout.things):
        group = layout.groups[thing.group]
        if group.zone == "ground":
            _shadow(canvas, thing.bounds, 0.46 if not group.lines else 0.12)
        canvas.parts(thing.parts, thing.coat, position)
        ink = INK if luminance(thing.coat.colour) > 120 else shade(thing.coat.colour, 1.92)
        for word in thing.words:
            canvas.fill_rings(word.rings, ink, owner=position)
        drawn.append(int(np.count_nonzero(canvas.owner == position)))
    return canvas, drawn


def _shadow(canvas: Canvas, bounds: Bounds, spread: float) -> None:
    """A soft dark ellipse under a standing thing, `spread` of its width to each side; part of the background."""
    x0, _, x1, y1 = bounds
    radius = spread * (x1 - x0)
    for grow, alpha in ((1.0, 26), (0.8, 30), (0.6, 34)):
        canvas.fill(ellipse((x0 + x1) / 2, y1 - 0.5, radius * grow, radius * 0.16 * grow), (20, 22, 30), alpha=alpha)


def _mostly_hidden(canvas: Canvas, drawn: list[int]) -> set[int]:
    """Positions of the things of which too little is left to be named."""
    seen = np.bincount(canvas.owner.ravel().astype(np.int64) + 1, minlength=len(drawn) + 1)[1:]
    least = MIN_AREA * canvas.owner.size
    return {
        i for i, (now, before) in enumerate(zip(seen, drawn, strict=True)) if now < max(MIN_VISIBLE * before, least)
    }


def _exposed(image: NDArray[np.uint8], rng: np.random.Generator, noise: float) -> NDArray[np.uint8]:
    """Brightness, contrast and pixel noise of a cheap camera."""
    gain, lift = int(rng.integers(920, 1100)), int(rng.integers(-10, 11))
    level = float(rng.uniform(0, noise))
    grain = np.rint(rng.standard_normal(image.shape, dtype=np.float32) * np.float32(level)).astype(np.int16)
    if rng.random() < 0.2:
        image = np.asarray(cv2.GaussianBlur(image, (3, 3), 0.6), dtype=np.uint8)
    exposed = ((np.arange(256) * gain) >> 10) + lift
    return np.asarray(np.clip(exposed.astype(np.int16)[image] + grain, 0, 255), dtype=np.uint8)
