"""How animals are drawn, all looking right. Every function: (rng, pose) -> parts, back to front, x right, y down."""

from stages.scenes.palette import INK, Rng
from stages.scenes.parts import FilledOutline, detail, main, untextured
from stages.scenes.paths import blob, curve, ellipse, mirrored, moved, poly, stroke, turned


def _eye(x: float, y: float, r: float) -> list[FilledOutline]:
    return [
        detail(ellipse(x, y, r, r, count=18), (255, 255, 255)),
        detail(ellipse(x + r * 0.3, y, r * 0.55, r * 0.55, count=14), INK),
    ]


def fish(rng: Rng, _pose: str) -> list[FilledOutline]:
    plump = float(rng.uniform(0.42, 0.6))
    tail = untextured(blob((-0.55, 0), (-0.95, -0.45), (-1.05, -0.4), (-0.88, 0), (-1.05, 0.4), (-0.95, 0.45)), "dark")
    top = untextured(blob((-0.3, -plump * 0.75), (0.0, -plump - 0.32), (0.3, -plump * 0.8)), "dark")
    fin = untextured(poly((0.08, 0.08), (-0.25, 0.32), (-0.2, 0.02)), "dark")
    body = blob(
        (1, 0.02), (0.55, -plump * 0.8), (0, -plump), (-0.62, -0.12), (-0.62, 0.12), (0, plump), (0.55, plump * 0.8)
    )
    gill = detail(stroke(curve([(0.42, -0.28), (0.34, 0), (0.42, 0.28)]), 0.04), "dark")
    return [tail, top, main(body), gill, fin, *_eye(0.66, -0.12, 0.12)]


def turtle(_rng: Rng, pose: str) -> list[FilledOutline]:
    skin = (150, 178, 96)
    head = untextured(blob((0.6, 0.1), (0.85, -0.28), (1.12, -0.22), (1.1, 0.05), (0.8, 0.22)), skin)
    if pose == "swims":
        legs = [
            moved(turned(ellipse(0, 0, 0.36, 0.13, count=24), a), x, y)
            for x, y, a in ((0.45, 0.42, 50), (-0.5, 0.4, 130))
        ]
    else:
        legs = [ellipse(x, 0.42, 0.14, 0.22, count=24) for x in (0.42, -0.45)]
    shell = blob((-0.85, 0.3), (-0.7, -0.25), (0, -0.6), (0.62, -0.25), (0.78, 0.3), (0, 0.36))
    tail = untextured(poly((-0.75, 0.12), (-1.0, 0.34), (-0.7, 0.3)), skin)
    plates = [
        detail(stroke(curve(line), 0.045), "dark")
        for line in (
            [(-0.35, -0.5), (-0.25, -0.1), (-0.4, 0.3)],
            [(0.3, -0.5), (0.22, -0.1), (0.4, 0.3)],
            [(-0.72, -0.02), (0, -0.16), (0.68, -0.02)],
        )
    ]
    return [tail, *(untextured(leg, skin) for leg in legs), head, main(shell), *plates, *_eye(0.95, -0.12, 0.075)]


def bird(rng: Rng, pose: str) -> list[FilledOutline]:
    beak = untextured(poly((0.72, -0.36), (1.05, -0.26), (0.72, -0.16)), (245, 160, 40))
    body = main(
        blob(
            (-0.55, 0.02),
            (-0.1, -0.28),
            (0.35, -0.58),
            (0.7, -0.55),
            (0.8, -0.25),
            (0.55, 0.15),
            (0.05, 0.4),
            (-0.4, 0.3),
        )
    )
    tail = untextured(poly((-0.4, 0.0), (-1.05, -0.12), (-0.98, 0.2), (-0.4, 0.25)), "dark")
    belly = detail(blob((0.0, 0.3), (0.4, 0.1), (0.45, 0.18), (0.1, 0.38)), "light")
    if pose == "flies":
        lift = float(rng.uniform(0.85, 1.1))
        wing = blob((0.25, -0.1), (0.0, -0.6 * lift), (-0.5, -1.1 * lift), (-0.55, -0.7 * lift), (-0.45, -0.1))
        far = untextured(blob((0.3, -0.3), (0.3, -0.7 * lift), (0.12, -1.05 * lift), (-0.05, -0.5)), "dark")
        return [tail, far, body, belly, untextured(wing, "light"), beak, *_eye(0.58, -0.35, 0.09)]
    legs = [untextured(stroke([(x, 0.3), (x, 0.8), (x + 0.14, 0.82)], 0.06), (245, 160, 40)) for x in (0.0, 0.22)]
    wing = blob((0.2, -0.08), (-0.15, -0.2), (-0.62, 0.1), (-0.2, 0.22))
    return [tail, *legs, body, belly, untextured(wing, "dark"), beak, *_eye(0.58, -0.35, 0.09)]


def butterfly(_rng: Rng, _pose: str) -> list[FilledOutline]:
    upper = blob((0.05, -0.1), (0.3, -0.75), (0.9, -0.85), (0.95, -0.3), (0.5, 0.02))
    lower = blob((0.05, 0.0), (0.55, 0.08), (0.78, 0.5), (0.45, 0.8), (0.15, 0.5))
    spots = [ellipse(0.62, -0.5, 0.14, 0.14, count=18), ellipse(0.45, 0.42, 0.1, 0.1, count=18)]
    wings = [part for half in (upper, lower) for part in (main(half), main(mirrored(half)))]
    marks = [detail(shape, "light") for spot in spots for shape in (spot, mirrored(spot))]
    feeler = stroke(curve([(0.02, -0.45), (0.14, -0.75), (0.3, -0.92)]), 0.04)
    body = detail(ellipse(0, 0, 0.085, 0.52), INK)
    return [*wings, *marks, detail(feeler, INK), detail(mirrored(feeler), INK), body]


def cat(_rng: Rng, pose: str) -> list[FilledOutline]:
    if pose == "walks":
        shift, legs = (0.62, -0.42), [(-0.62, 0.75), (-0.38, 0.78), (0.3, 0.78), (0.54, 0.75)]
        body = main(blob((-0.78, 0.0), (-0.5, -0.22), (0.4, -0.2), (0.72, 0.0), (0.55, 0.36), (-0.6, 0.36)))
        tail = untextured(stroke(curve([(-0.68, 0.0), (-0.98, -0.25), (-0.9, -0.7)]), 0.15, 0.1), "main")
        limbs = [untextured(stroke([(x, 0.2), (x, y)], 0.17, 0.14), "dark") for x, y in legs]
    else:
        shift = (0.12, -0.5)
        body = main(blob((0.1, -0.4), (0.42, 0.2), (0.5, 0.92), (-0.5, 0.95), (-0.52, 0.4), (-0.22, -0.2)))
        tail = untextured(stroke(curve([(-0.4, 0.85), (-0.85, 0.7), (-0.85, 0.2)]), 0.16, 0.1), "main")
        limbs = [untextured(stroke([(x, 0.35), (x, 0.93)], 0.16), "dark") for x in (0.12, 0.34)]
    return (
        [tail, *limbs[:2], body, *limbs[2:], *_cat_head(shift)]
        if pose == "walks"
        else [tail, body, *limbs, *_cat_head(shift)]
    )


def _cat_head(at: tuple[float, float]) -> list[FilledOutline]:
    ears = [poly((-0.34, -0.1), (-0.33, -0.55), (-0.02, -0.28)), poly((0.34, -0.1), (0.33, -0.55), (0.02, -0.28))]
    nose = detail(poly((-0.06, 0.04), (0.06, 0.04), (0, 0.11)) + at, (240, 130, 150))
    face = untextured(ellipse(at[0], at[1], 0.38, 0.33), "main")
    whiskers = [
        detail(stroke([(s * 0.12, 0.1), (s * 0.46, y)], 0.025) + at, INK) for s in (-1, 1) for y in (0.04, 0.17)
    ]
    eyes = [*_eye(at[0] - 0.15, at[1] - 0.06, 0.09), *_eye(at[0] + 0.15, at[1] - 0.06, 0.09)]
    return [*(untextured(ear + at, "dark") for ear in ears), face, nose, *whiskers, *eyes]
