"""How made things are drawn. Every function: (rng, pose) -> parts, back to front, x right, y down."""

import numpy as np

from stages.scenes.palette import CREAM, GLASS, INK, WHEEL, WOOD, Rng, shade
from stages.scenes.parts import FilledOutline, detail, main, untextured
from stages.scenes.paths import blob, curve, ellipse, poly, rect, rounded_rect, stroke, turned


def house(rng: Rng, _pose: str) -> list[FilledOutline]:
    roof_paint = [(150, 66, 50), (92, 98, 112), (120, 84, 58)][int(rng.integers(3))]
    parts = [main(rect(-0.75, -0.2, 0.75, 0.9))]
    if rng.random() < 0.6:
        parts.insert(0, untextured(rect(0.32, -0.88, 0.55, -0.3), (160, 90, 74)))
    parts.append(untextured(poly((-0.98, -0.15), (0, -0.98), (0.98, -0.15)), roof_paint))
    parts.append(untextured(rounded_rect(-0.17, 0.3, 0.17, 0.9, 0.05), WOOD))
    for x in (-0.46, 0.46):
        parts.append(untextured(rect(x - 0.17, 0.05, x + 0.17, 0.39), GLASS))
        parts.append(detail(stroke([(x, 0.05), (x, 0.39)], 0.03), CREAM))
        parts.append(detail(stroke([(x - 0.17, 0.22), (x + 0.17, 0.22)], 0.03), CREAM))
    return parts


def car(rng: Rng, _pose: str) -> list[FilledOutline]:
    high = float(rng.uniform(-0.5, -0.4))
    cabin = untextured(blob((-0.62, -0.02), (-0.42, high), (0.12, high), (0.48, -0.02)), "main")
    body = blob((-1, 0.02), (-0.6, -0.08), (0.5, -0.06), (0.95, 0.06), (1.0, 0.36), (0, 0.38), (-1, 0.36))
    windows = [
        detail(poly((-0.48, -0.06), (-0.36, high + 0.09), (-0.16, high + 0.09), (-0.16, -0.06)), GLASS),
        detail(poly((-0.08, -0.06), (-0.08, high + 0.09), (0.1, high + 0.09), (0.33, -0.06)), GLASS),
    ]
    wheels = []
    for x in (-0.55, 0.55):
        wheels += [untextured(ellipse(x, 0.36, 0.22, 0.22), WHEEL), detail(ellipse(x, 0.36, 0.1, 0.1), (190, 192, 198))]
    lights = [
        detail(ellipse(0.92, 0.14, 0.07, 0.06, count=14), (255, 236, 150)),
        detail(rect(-1, 0.1, -0.92, 0.2), (220, 60, 50)),
    ]
    return [cabin, main(body), *windows, *lights, *wheels]


def boat(_rng: Rng, _pose: str) -> list[FilledOutline]:
    hull = untextured(poly((-0.9, 0.45), (0.95, 0.45), (0.62, 0.92), (-0.6, 0.92)), WOOD)
    mast = untextured(rect(-0.06, -0.98, 0.02, 0.46), shade(WOOD, 0.8))
    sail = main(np.concatenate([curve([(0.06, -0.92), (0.5, -0.3), (0.8, 0.34)]), poly((0.06, 0.34))]))
    jib = untextured(poly((-0.12, -0.6), (-0.12, 0.34), (-0.62, 0.34)), "light")
    flag = detail(poly((0.02, -0.98), (0.3, -0.9), (0.02, -0.82)), (214, 60, 60))
    return [mast, sail, jib, hull, flag, detail(rect(-0.78, 0.54, 0.86, 0.6), CREAM)]


def kite(rng: Rng, _pose: str) -> list[FilledOutline]:
    sail = poly((0, -0.95), (0.55, -0.25), (0, 0.5), (-0.55, -0.25))
    bend = float(rng.uniform(-0.25, 0.25))
    string = detail(stroke(curve([(0, 0.48), (bend, 0.75), (-bend, 1.0), (bend, 1.25)]), 0.035), INK)
    bows = []
    for x, y in ((bend, 0.75), (-bend, 1.0)):
        bows += [detail(poly((x, y), (x + s * 0.15, y - 0.08), (x + s * 0.15, y + 0.08)), "light") for s in (-1, 1)]
    cross = [detail(stroke(line, 0.03), INK) for line in ([(0, -0.95), (0, 0.5)], [(-0.55, -0.25), (0.55, -0.25)])]
    return [string, *bows, main(sail), detail(poly((0, -0.95), (0.55, -0.25), (0, -0.25)), "light"), *cross]


def balloon(rng: Rng, _pose: str) -> list[FilledOutline]:
    bend = float(rng.uniform(-0.2, 0.2))
    string = detail(stroke(curve([(0, 0.42), (bend, 0.75), (-bend / 2, 1.1)]), 0.035), INK)
    skin = blob((0, -0.95), (0.52, -0.7), (0.56, -0.2), (0.1, 0.36), (-0.1, 0.36), (-0.56, -0.2), (-0.52, -0.7))
    shine = detail(turned(ellipse(-0.26, -0.55, 0.09, 0.2, count=20), 20, (-0.26, -0.55)), "light")
    return [string, untextured(poly((0, 0.34), (0.11, 0.48), (-0.11, 0.48)), "dark"), main(skin), shine]


def rocket(rng: Rng, pose: str) -> list[FilledOutline]:
    fins = [untextured(poly((s * 0.26, 0.1), (s * 0.62, 0.62), (s * 0.24, 0.52)), (196, 60, 60)) for s in (-1, 1)]
    hull = blob((0, -1), (0.3, -0.5), (0.32, 0.1), (0.2, 0.55), (-0.2, 0.55), (-0.32, 0.1), (-0.3, -0.5))
    window = [
        untextured(ellipse(0, -0.3, 0.15, 0.15, count=24), (90, 96, 110)),
        detail(ellipse(0, -0.3, 0.1, 0.1, count=20), GLASS),
    ]
    if pose == "flies":
        flame = float(rng.uniform(0.9, 1.15))
        fire = [
            detail(blob((0.18, 0.5), (0.2, 0.75), (0, flame), (-0.2, 0.75), (-0.18, 0.5)), (245, 130, 40)),
            detail(blob((0.1, 0.5), (0.1, 0.65), (0, flame - 0.18), (-0.1, 0.65), (-0.1, 0.5)), (253, 224, 90)),
        ]
        return [*fire, *fins, main(hull), *window]
    legs = [untextured(stroke([(s * 0.15, 0.5), (s * 0.36, 0.82)], 0.08), (90, 96, 110)) for s in (-1, 1)]
    return [*legs, *fins, main(hull), *window]


def cup(rng: Rng, _pose: str) -> list[FilledOutline]:
    foot = float(rng.uniform(0.42, 0.6))
    handle = untextured(stroke(ellipse(0.62, 0.0, 0.34, 0.36, -100, 100, 20), 0.15), "dark")
    body = np.concatenate(
        [
            poly((-0.7, -0.62), (0.7, -0.62)),
            curve([(0.68, -0.2), (foot + 0.02, 0.5), (foot - 0.1, 0.72)]),
            curve([(-foot + 0.1, 0.72), (-foot - 0.02, 0.5), (-0.68, -0.2)]),
        ]
    )
    rim = [untextured(ellipse(0, -0.62, 0.7, 0.16), "light"), detail(ellipse(0, -0.59, 0.58, 0.1), (104, 66, 44))]
    return [handle, main(body), *rim]


def bottle(rng: Rng, pose: str) -> list[FilledOutline]:
    wide = float(rng.uniform(0.3, 0.38))
    body = blob(
        (-0.12, -0.7),
        (0.12, -0.7),
        (0.15, -0.4),
        (wide, -0.08),
        (wide, 0.9),
        (-wide, 0.9),
        (-wide, -0.08),
        (-0.15, -0.4),
    )
    cork = untextured(rect(-0.12, -1.0, 0.12, -0.68), (206, 160, 104))
    label = [
        untextured(rect(-wide - 0.01, 0.15, wide + 0.01, 0.62), CREAM),
        detail(rect(-wide * 0.6, 0.32, wide * 0.6, 0.37), "dark"),
        detail(rect(-wide * 0.6, 0.44, wide * 0.3, 0.48), "dark"),
    ]
    shine = detail(rect(-wide * 0.72, -0.1, -wide * 0.5, 0.12), "light")
    parts = [cork, main(body), *label, shine]
    if pose == "lies":
        return [FilledOutline(turned(p.points, 90), p.paint, p.textured, p.outlined) for p in parts]
    return parts


def clock(rng: Rng, _pose: str) -> list[FilledOutline]:
    parts = [main(ellipse(0, 0, 1, 1, count=60)), untextured(ellipse(0, 0, 0.78, 0.78, count=50), (252, 250, 242))]
    tick = rect(-0.04, -0.72, 0.04, -0.56)
    parts += [detail(turned(tick, 30 * i), INK) for i in range(12)]
    hour, minute = float(rng.uniform(0, 360)), float(rng.uniform(0, 360))
    parts += [
        detail(turned(stroke([(0, 0.08), (0, -0.36)], 0.11), hour), INK),
        detail(turned(stroke([(0, 0.1), (0, -0.56)], 0.07), minute), INK),
    ]
    return [*parts, detail(ellipse(0, 0, 0.07, 0.07, count=14), (200, 50, 50))]


def ball(_rng: Rng, pose: str) -> list[FilledOutline]:
    disc = ellipse(0, 0, 0.9, 0.9, count=50)
    seams = [
        detail(stroke(curve([(-0.62, -0.64), (-0.2, 0), (-0.62, 0.64)]), 0.07), "light"),
        detail(stroke(curve([(0.62, -0.64), (0.2, 0), (0.62, 0.64)]), 0.07), "light"),
    ]
    shine = detail(ellipse(-0.1, -0.62, 0.16, 0.09, count=18), shade(CREAM, 1.6))
    parts = [main(disc), *seams, shine]
    if pose == "bounces":
        parts += [detail(stroke(ellipse(0, y, 0.5, 0.18, 20, 160, 20), 0.06), INK) for y in (0.95, 1.2)]
    return parts


def umbrella(_rng: Rng, _pose: str) -> list[FilledOutline]:
    rim = [(1.0, 0.0), (0.66, -0.12), (0.34, 0.0), (0.0, -0.12), (-0.34, 0.0), (-0.66, -0.12), (-1.0, 0.0)]
    dome = np.concatenate([ellipse(0, 0, 1, 0.88, 180, 360, 30), curve(rim)])
    handle = stroke(curve([(0, -0.1), (0, 0.5), (0.02, 0.8), (0.16, 0.94), (0.3, 0.8)]), 0.08)
    ribs = [detail(stroke(curve([(0, -0.86), (x * 0.8, -0.5), (x, -0.04)]), 0.035), "dark") for x in (-0.34, 0.34)]
    tip = untextured(stroke([(0, -1.02), (0, -0.84)], 0.07), INK)
    return [untextured(handle, shade(WOOD, 0.8)), tip, main(dome), *ribs]


def hat(rng: Rng, _pose: str) -> list[FilledOutline]:
    high = float(rng.uniform(-0.8, -0.55))
    brim = untextured(ellipse(0, 0.42, 1.0, 0.24), "dark")
    crown = main(
        blob(
            (-0.58, 0.42),
            (-0.5, high + 0.1),
            (-0.15, high - 0.05),
            (0.15, high + 0.02),
            (0.5, high + 0.08),
            (0.58, 0.42),
            (0, 0.52),
        )
    )
    band = detail(blob((-0.6, 0.3), (-0.58, 0.14), (0, 0.24), (0.58, 0.14), (0.6, 0.3), (0, 0.42)), INK)
    return [brim, crown, band]
