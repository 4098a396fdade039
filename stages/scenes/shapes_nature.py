"""How plants, fruit and the sky are drawn. Every function: (rng, pose) -> parts, back to front, x right, y down."""

import numpy as np

from stages.scenes.palette import LEAF, WOOD, Rng, shade
from stages.scenes.parts import FilledOutline, detail, main, untextured
from stages.scenes.paths import blob, curve, ellipse, moved, poly, rect, star, stroke, turned


def tree(rng: Rng, _pose: str) -> list[FilledOutline]:
    trunk = untextured(poly((-0.11, 0.1), (0.11, 0.1), (0.16, 1), (-0.16, 1)), WOOD)
    style = int(rng.integers(3))
    if style == 0:
        tiers = [main(poly((-w, y), (0, y - 0.75), (w, y))) for w, y in ((0.72, 0.5), (0.6, 0.05), (0.45, -0.35))]
        return [trunk, *tiers]
    if style == 1:
        return [trunk, main(ellipse(0, -0.3, 0.52, 0.72)), detail(ellipse(-0.18, -0.55, 0.14, 0.2), "light")]
    lobes = [(-0.42, 0.05), (-0.5, -0.4), (-0.1, -0.85), (0.38, -0.62), (0.58, -0.1), (0.2, 0.18)]
    return [
        untextured(stroke([(0, 0.2), (0.25, -0.2)], 0.1), WOOD),
        trunk,
        main(blob(*lobes)),
        detail(ellipse(-0.15, -0.5, 0.2, 0.14), "light"),
    ]


def flower(rng: Rng, _pose: str) -> list[FilledOutline]:
    count = int(rng.integers(5, 8))
    petal = ellipse(0, -0.36, 0.2, 0.3, count=24)
    head = [main(moved(turned(petal, 360 * i / count), 0, -0.42)) for i in range(count)]
    bend = float(rng.uniform(-0.15, 0.15))
    stem = untextured(stroke(curve([(0, -0.3), (bend, 0.4), (0, 1)]), 0.1), LEAF)
    leaves = [untextured(blob((0, 0.75), (0.25, 0.45), (0.55, 0.4), (0.35, 0.7)), shade(LEAF, 0.9))]
    if rng.random() < 0.6:
        leaves.append(untextured(blob((0, 0.85), (-0.25, 0.6), (-0.5, 0.55), (-0.3, 0.82)), shade(LEAF, 1.1)))
    return [stem, *leaves, *head, untextured(ellipse(0, -0.42, 0.19, 0.19), (250, 205, 70))]


def mushroom(rng: Rng, _pose: str) -> list[FilledOutline]:
    tall = float(rng.uniform(-0.1, 0.15))
    stem = untextured(
        blob((-0.22, -0.1), (0.22, -0.1), (0.25, 0.6), (0.36, 0.95), (-0.36, 0.95), (-0.25, 0.6)), (248, 238, 218)
    )
    cap = blob((-0.9, 0.05), (-0.75, -0.5), (0, -0.95 - tall), (0.75, -0.5), (0.9, 0.05), (0, 0.14))
    gills = detail(blob((-0.8, 0.06), (0, -0.06), (0.8, 0.06), (0, 0.16)), (222, 200, 176))
    spots = [(-0.4, -0.4, 0.13), (0.1, -0.62, 0.15), (0.45, -0.3, 0.12), (-0.05, -0.2, 0.09)]
    return [stem, main(cap), gills, *(detail(ellipse(x, y, r, r * 0.8, count=18), "light") for x, y, r in spots)]


def cactus(rng: Rng, _pose: str) -> list[FilledOutline]:
    low, high = float(rng.uniform(0.1, 0.35)), float(rng.uniform(-0.35, 0.0))
    left = untextured(_limb([(-0.1, low), (-0.55, low), (-0.58, low - 0.55)], 0.24), "main")
    right = untextured(_limb([(0.1, high), (0.52, high), (0.56, high - 0.45)], 0.22), "main")
    body = main(_limb([(0, 0.8), (0, 0), (0, -0.75)], 0.5))
    ribs = [detail(stroke([(x, -0.8), (x, 0.9)], 0.03), "dark") for x in (-0.1, 0.1)]
    parts = [left, right, body, *ribs]
    if rng.random() < 0.5:
        parts.append(untextured(ellipse(0, -1.0, 0.14, 0.1, count=16), (245, 120, 170)))
    return parts


def _limb(through: list[tuple[float, float]], width: float) -> np.ndarray:
    """A thick line with round ends."""
    path = curve(through)
    ends = [path[-1] - path[-2], path[0] - path[1]]
    caps = [float(np.degrees(np.arctan2(end[1], end[0]))) for end in ends]
    line = stroke(path, width)
    half = len(path)
    tip = ellipse(path[-1][0], path[-1][1], width / 2, width / 2, caps[0] + 90, caps[0] - 90, 12)
    foot = ellipse(path[0][0], path[0][1], width / 2, width / 2, caps[1] + 90, caps[1] - 90, 12)
    return np.concatenate([line[:half], tip, line[half:], foot])


def apple(_rng: Rng, _pose: str) -> list[FilledOutline]:
    skin = blob(
        (0, -0.55), (0.42, -0.75), (0.86, -0.45), (0.84, 0.25), (0.42, 0.85),
        (0, 0.75), (-0.42, 0.85), (-0.84, 0.25), (-0.86, -0.45), (-0.42, -0.75),
    )  # fmt: skip
    stalk = untextured(stroke(curve([(0, -0.5), (0.04, -0.8), (0.14, -1.05)]), 0.1), WOOD)
    leaf = untextured(blob((0.1, -0.8), (0.35, -1.1), (0.7, -1.05), (0.42, -0.82)), LEAF)
    return [main(skin), stalk, leaf, detail(turned(ellipse(-0.45, -0.25, 0.1, 0.24, count=18), 20), "light")]


def cloud(rng: Rng, _pose: str) -> list[FilledOutline]:
    lobes = [(-0.62, 0.12, 0.36), (-0.2, -0.18, 0.44), (0.28, -0.1, 0.4), (0.68, 0.16, 0.3)]
    shift = rng.uniform(-0.08, 0.08, size=len(lobes))
    puffs = [main(ellipse(x + d, y, r, r * 0.85)) for (x, y, r), d in zip(lobes, shift, strict=True)]
    return [*puffs, FilledOutline(rect(-0.68, 0.02, 0.7, 0.42), "main", textured=True, outlined=False)]


def sky_star(rng: Rng, _pose: str) -> list[FilledOutline]:
    inner = float(rng.uniform(0.42, 0.52))
    return [main(star(5, inner)), detail(star(5, inner) * 0.45 - (0.05, 0.05), "light")]
