"""The painted backgrounds. Every function: (canvas, rng), paints the whole canvas; nothing here is annotated."""

import numpy as np

from stages.scenes.palette import Rgb, Rng, shade
from stages.scenes.paths import OutlinePoints, curve, ellipse, poly, rect, stroke
from stages.scenes.raster import SCALE, Canvas


def _size(canvas: Canvas) -> tuple[int, int]:
    """Width and height in picture pixels."""
    height, width = canvas.pixels.shape[:2]
    return width // SCALE, height // SCALE


def _gradient(canvas: Canvas, top: Rgb, bottom: Rgb, start: float = 0.0, end: float = 1.0) -> None:
    """Colour the rows from `start` to `end` (shares of the height), blending from top to bottom."""
    height = canvas.pixels.shape[0]
    first, last = round(start * height), round(end * height)
    steps = np.arange(last - first)[:, None] * 1024 // max(1, last - first)
    colours = (np.array(top) * (1024 - steps) + np.array(bottom) * steps) >> 10
    canvas.pixels[first:last] = colours[:, None, :].astype(np.uint8)


def _vary(colour: Rgb, rng: Rng, reach: int = 12) -> Rgb:
    """The colour, a little lighter or darker and a little off."""
    delta = rng.integers(-reach, reach + 1, size=3) + int(rng.integers(-reach, reach + 1))
    red, green, blue = (int(np.clip(c + d, 0, 255)) for c, d in zip(colour, delta, strict=True))
    return red, green, blue


def _ridge(canvas: Canvas, rng: Rng, base: float, rise: float, knots: int) -> OutlinePoints:
    """The outline of hills: from the left edge to the right edge at about `base`, and down to the bottom."""
    width, height = _size(canvas)
    xs = np.linspace(-0.05 * width, 1.05 * width, knots)
    ys = (base - rise * rng.random(knots)) * height
    top = curve(list(zip(xs.tolist(), ys.tolist(), strict=True)))
    return np.concatenate([top, poly((1.06 * width, height + 2), (-0.06 * width, height + 2))])


def _scatter(rng: Rng, count: int, low: float, high: float) -> np.ndarray:
    """[count, 2] positions in shares of the picture, far ones first."""
    spots = np.stack([rng.random(count), low + (high - low) * rng.random(count)], axis=1)
    return spots[np.argsort(spots[:, 1], kind="stable")]


def meadow(canvas: Canvas, rng: Rng) -> None:
    width, height = _size(canvas)
    _gradient(canvas, _vary((126, 190, 240), rng), _vary((222, 240, 250), rng, 6), 0, 0.7)
    canvas.fill(_ridge(canvas, rng, 0.56, 0.16, 6), _vary((134, 184, 132), rng))
    canvas.fill(_ridge(canvas, rng, 0.6, 0.08, 5), _vary((122, 182, 92), rng))
    grass = _vary((132, 196, 98), rng)
    canvas.fill(_ridge(canvas, rng, 0.62, 0.03, 4), grass)
    for x, y in _scatter(rng, 46, 0.64, 1.0):
        blade = (4 + 10 * (y - 0.6)) * height / 256
        px, py, lean = x * width, y * height, float(rng.uniform(-2, 2))
        for bend in (-1.5, 1.5):
            canvas.fill(stroke([(px, py), (px + lean + bend, py - blade)], 1.2, 0.4), shade(grass, 0.8))
        if rng.random() < 0.2:
            canvas.fill(ellipse(px, py - blade, 1.5, 1.5, count=10), _vary((245, 240, 200), rng, 20))


def street(canvas: Canvas, rng: Rng) -> None:
    width, height = _size(canvas)
    _gradient(canvas, _vary((170, 196, 220), rng), _vary((232, 234, 232), rng, 6), 0, 0.7)
    x = -0.05
    while x < 1.0:
        wide, top = float(rng.uniform(0.12, 0.24)), float(rng.uniform(0.14, 0.42))
        wall = _vary((178, 176, 180), rng, 16)
        canvas.fill(rect(x * width, top * height, (x + wide) * width, 0.66 * height), wall)
        for row in np.arange(top + 0.04, 0.56, 0.08):
            for column in np.arange(x + 0.025, x + wide - 0.03, 0.05):
                lit = rng.random() < 0.2
                pane = rect(column * width, row * height, (column + 0.025) * width, (row + 0.045) * height)
                canvas.fill(pane, (238, 220, 150) if lit else shade(wall, 0.82))
        x += wide
    _gradient(canvas, (196, 194, 188), (186, 184, 178), 0.6, 0.68)
    _gradient(canvas, _vary((118, 120, 126), rng), _vary((104, 106, 112), rng), 0.68, 1)
    shift = float(rng.uniform(0, 0.2))
    for dash in np.arange(-0.2 + shift, 1.1, 0.22):
        line = poly((dash, 0.83), (dash + 0.11, 0.83), (dash + 0.1, 0.85), (dash - 0.015, 0.85))
        canvas.fill(line * (width, height), (226, 224, 214))


def sea(canvas: Canvas, rng: Rng) -> None:
    width, height = _size(canvas)
    _gradient(canvas, _vary((180, 220, 245), rng), _vary((236, 244, 248), rng, 6), 0, 0.36)
    _gradient(canvas, _vary((104, 190, 222), rng), _vary((52, 116, 176), rng), 0.36, 1)
    xs = np.linspace(-4, width + 4, 28)
    wave = 0.36 * height + 1.6 * np.sin(xs / width * 40 + float(rng.uniform(0, 6)))
    top = np.stack([xs, wave], axis=1)
    canvas.edge(top, (232, 246, 250), closed=False, width=3 * SCALE // 2)
    for _ in range(3):
        x, wide = float(rng.uniform(0, 0.9)), float(rng.uniform(0.05, 0.14))
        ray = poly((x, 0.37), (x + wide, 0.37), (x + wide - 0.16, 1), (x - 0.3, 1)) * (width, height)
        canvas.fill(ray, (190, 232, 240), alpha=34)
    canvas.fill(_ridge(canvas, rng, 0.93, 0.05, 6), _vary((222, 204, 150), rng))
    for x, y in _scatter(rng, 9, 0.42, 0.9):
        radius = float(rng.uniform(1.2, 3.2)) * height / 256
        canvas.edge(ellipse(x * width, y * height, radius, radius, count=16), (206, 238, 246), width=1)
    for x, y in _scatter(rng, 7, 0.92, 1.0):
        tall, sway = float(rng.uniform(0.05, 0.16)), float(rng.uniform(0.01, 0.03))
        stalk = [(x, y), (x + sway, y - tall / 3), (x - sway, y - tall * 0.7), (x + sway, y - tall)]
        weed = curve(stalk) * (width, height)
        canvas.fill(stroke(weed, 3.2 * height / 256, 1), _vary((58, 138, 104), rng))


def snow(canvas: Canvas, rng: Rng) -> None:
    width, height = _size(canvas)
    _gradient(canvas, _vary((150, 180, 214), rng), _vary((226, 234, 244), rng, 6), 0, 0.7)
    for base in (0.2, 0.36):
        for left in np.arange(-0.2, 1.0, 0.38):
            x, peak = left + float(rng.uniform(0, 0.1)), base + float(rng.uniform(0, 0.1))
            rock = poly((x, 0.66), (x + 0.26, peak), (x + 0.54, 0.66)) * (width, height)
            canvas.fill(rock, _vary((150, 162, 184), rng, 8))
            cap = poly((x + 0.18, peak + 0.1), (x + 0.26, peak), (x + 0.35, peak + 0.1), (x + 0.27, peak + 0.07))
            canvas.fill(cap * (width, height), (240, 244, 250))
    canvas.fill(_ridge(canvas, rng, 0.63, 0.05, 5), (226, 233, 242))
    canvas.fill(_ridge(canvas, rng, 0.74, 0.06, 4), _vary((238, 242, 248), rng, 5))
    for x, y in _scatter(rng, 60, 0.0, 1.0):
        radius = float(rng.uniform(0.7, 1.7)) * height / 256
        canvas.fill(ellipse(x * width, y * height, radius, radius, count=8), (255, 255, 255))


def desert(canvas: Canvas, rng: Rng) -> None:
    width, height = _size(canvas)
    _gradient(canvas, _vary((144, 202, 234), rng), _vary((252, 236, 204), rng, 5), 0, 0.7)
    for base, paint in ((0.58, (226, 190, 132)), (0.64, (236, 204, 146)), (0.82, (242, 214, 160))):
        canvas.fill(_ridge(canvas, rng, base, 0.07, 4), _vary(paint, rng, 7))
    for x, y in _scatter(rng, 16, 0.68, 1.0):
        long = float(rng.uniform(0.03, 0.09))
        ripple = curve([(x - long, y), (x - long / 3, y - 0.008), (x + long / 3, y + 0.006), (x + long, y)])
        canvas.edge(ripple * (width, height), (216, 182, 126), closed=False, width=1)
    for x, y in _scatter(rng, 7, 0.66, 1.0):
        radius = float(rng.uniform(1.5, 4)) * height / 256
        canvas.fill(ellipse(x * width, y * height, radius * 1.5, radius, count=14), _vary((178, 142, 104), rng))


def night(canvas: Canvas, rng: Rng) -> None:
    width, height = _size(canvas)
    _gradient(canvas, _vary((18, 22, 58), rng, 6), _vary((66, 70, 122), rng, 10), 0, 0.8)
    for x, y in _scatter(rng, 50, 0.0, 0.62):
        radius = float(rng.uniform(0.4, 1.0)) * height / 256
        canvas.fill(ellipse(x * width, y * height, radius, radius, count=8), (214, 216, 236), alpha=150)
    for base, paint in ((0.66, (46, 56, 96)), (0.72, (40, 58, 78)), (0.8, (38, 66, 66))):
        canvas.fill(_ridge(canvas, rng, base, 0.12, 5), _vary(paint, rng, 5))
    for x, y in _scatter(rng, 24, 0.8, 1.0):
        px, py = x * width, y * height
        canvas.fill(stroke([(px, py), (px + 1.5, py - 5 * height / 256)], 1.2, 0.4), (58, 96, 88))


def table(canvas: Canvas, rng: Rng) -> None:
    width, height = _size(canvas)
    wall = [(214, 224, 216), (232, 216, 200), (206, 216, 232), (236, 228, 200)][int(rng.integers(4))]
    _wallpaper(canvas, _vary(wall, rng, 8), rng, 0.62)
    wood = _vary((176, 124, 78), rng)
    _gradient(canvas, shade(wood, 1.15), shade(wood, 0.92), 0.6, 1)
    for _ in range(9):
        y, start, long = float(rng.uniform(0.64, 1)), float(rng.uniform(-0.1, 0.8)), float(rng.uniform(0.15, 0.5))
        grain = curve([(start, y), (start + long / 2, y + 0.006), (start + long, y - 0.004)]) * (width, height)
        canvas.edge(grain, shade(wood, 0.84), closed=False, width=1)
    canvas.fill(rect(0, 0.6 * height, width, 0.612 * height), shade(wood, 0.7))


def room(canvas: Canvas, rng: Rng) -> None:
    width, height = _size(canvas)
    wall = [(196, 212, 206), (226, 206, 210), (200, 206, 228), (230, 220, 190)][int(rng.integers(4))]
    _wallpaper(canvas, _vary(wall, rng, 8), rng, 0.72)
    floor = _vary((160, 128, 104), rng)
    _gradient(canvas, shade(floor, 0.9), shade(floor, 1.12), 0.7, 1)
    for edge in np.linspace(-0.6, 1.6, 12):
        board = poly((0.5 + (edge - 0.5) * 0.6, 0.7), (edge, 1.0)) * (width, height)
        canvas.edge(board, shade(floor, 0.78), closed=False, width=1)
    canvas.fill(rect(0, 0.685 * height, width, 0.71 * height), (240, 236, 228))
    if rng.random() < 0.5:
        x = float(rng.uniform(0.3, 0.7)) * width
        canvas.fill(ellipse(x, 0.87 * height, 0.3 * width, 0.08 * height), _vary((190, 110, 100), rng, 20), alpha=160)


def _wallpaper(canvas: Canvas, wall: Rgb, rng: Rng, end: float) -> None:
    """A wall with a faint pattern: stripes, dots or none."""
    width, height = _size(canvas)
    _gradient(canvas, shade(wall, 1.1), wall, 0, end)
    style = int(rng.integers(3))
    if style == 0:
        for x in np.arange(0, 1, 0.1):
            canvas.fill(rect(x * width, 0, (x + 0.05) * width, end * height), shade(wall, 0.95))
    elif style == 1:
        for row, y in enumerate(np.arange(0.05, end, 0.1)):
            for x in np.arange(0.05 * (row % 2), 1.02, 0.1):
                canvas.fill(ellipse(x * width, y * height, 2, 2, count=10), shade(wall, 0.88))
