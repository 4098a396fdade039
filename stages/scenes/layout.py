"""Decides what a scene shows: the place, groups of equal things, and where each one is. Draws nothing.

A group is what one noun phrase names ("two small white cups"): the same kind, colour, texture, size, pose and facing.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stages.scenes.kinds import BY_NAME, KINDS, ThingKind, Zone
from stages.scenes.palette import COLOURS, TEXTURES, Rng, Texture, tone
from stages.scenes.parts import FilledOutline
from stages.scenes.paths import OutlinePoints, mirrored, moved, turned
from stages.scenes.places import PLACES, Setting
from stages.scenes.raster import SCALE, Coat
from stages.scenes.settings import SceneSettings
from stages.scenes.words import FONTS, Lettering, board, pick_words

Bounds = tuple[float, float, float, float]
"""x0, y0, x1, y1 in picture pixels, not clipped to the picture."""

SIZES: dict[str, tuple[float, float]] = {"small": (0.11, 0.155), "": (0.21, 0.3), "large": (0.4, 0.54)}
"""Longest side as a share of the picture's shorter side. The gaps keep the words true to the eye."""
SIGN_SIZES: dict[str, tuple[float, float]] = {"": (0.3, 0.4), "large": (0.48, 0.6)}
MIN_CAP_HEIGHT = 9.5 / 256
"""Smallest capital letter on a sign, as a share of the picture's longer side."""


@dataclass(frozen=True, eq=False)
class Group:
    """What one noun phrase names. facing: "left", "right" or "" for a thing that looks nowhere."""

    kind: ThingKind
    colour: str
    texture: Texture
    size: str
    pose: str
    zone: Zone
    facing: str
    lines: tuple[str, ...] = ()
    font: str = ""


@dataclass(frozen=True, eq=False)
class Thing:
    """One placed object: parts and words in picture pixels. group: index into `Layout.groups`."""

    group: int
    parts: list[FilledOutline]
    words: list[Lettering]
    coat: Coat
    bounds: Bounds
    depth: float


@dataclass(frozen=True, eq=False)
class Layout:
    """A scene before it is drawn; things are ordered from back to front."""

    place: Setting
    width: int
    height: int
    groups: list[Group]
    things: list[Thing]


def plan(rng: Rng, settings: SceneSettings) -> Layout:
    """Draw a scene by lot."""
    width, height = _frame(rng, settings)
    place = PLACES[int(rng.choice(len(PLACES), p=_shares([2.0 if p.name == "sea" else 1.0 for p in PLACES])))]
    scene = _Stage(place, (width, height))
    groups: list[Group] = []
    things: list[Thing] = []
    if rng.random() >= settings.empty_share:
        wanted = int(rng.choice((1, 2, 3, 4), p=(0.18, 0.3, 0.3, 0.22)))
        crowd = float(rng.choice((0.08, 0.5), p=(0.6, 0.4)))  # how far one thing may hide another
        if rng.random() < settings.sign_share:
            groups.append(_draw_sign(rng))
        while len(groups) < wanted:
            group = _draw_group(rng, place, settings.surreal_share)
            if all((group.kind, group.colour) != (other.kind, other.colour) for other in groups):
                groups.append(group)
        for index, group in enumerate(groups):
            count = 1 if group.lines else int(rng.choice((1, 2, 3, 4), p=(0.7, 0.18, 0.09, 0.03)))
            count = min(count, settings.max_objects - len(things))
            things += _place_group(rng, index, group, count, things, scene, crowd)
    things.sort(key=lambda thing: thing.depth)
    return Layout(place, width, height, groups, things)


def without(layout: Layout, hidden: set[int]) -> Layout:
    """The layout without the things at these positions, and without the groups that this leaves empty."""
    things = [thing for index, thing in enumerate(layout.things) if index not in hidden]
    used = sorted({thing.group for thing in things})
    renumbered = {old: new for new, old in enumerate(used)}
    kept = [replace(thing, group=renumbered[thing.group]) for thing in things]
    return replace(layout, groups=[layout.groups[old] for old in used], things=kept)


@dataclass(frozen=True)
class _Stage:
    """Where things are placed: the place and the picture's width and height."""

    place: Setting
    frame: tuple[int, int]


def _frame(rng: Rng, settings: SceneSettings) -> tuple[int, int]:
    """Width and height: 1:1 in half of the pictures, 4:3 or 3:4 in the others."""
    shorter = settings.size * 3 // 4
    shapes = ((settings.size, settings.size), (settings.size, shorter), (shorter, settings.size))
    chosen = int(rng.choice(3, p=(0.5, 0.3, 0.2)))
    return shapes[0 if settings.square else chosen]


def _shares(weights: list[float]) -> NDArray[np.float64]:
    values = np.array(weights, dtype=np.float64)
    return np.asarray(values / values.sum())


def _draw_group(rng: Rng, place: Setting, surreal_share: float) -> Group:
    """A kind that belongs here, or with `surreal_share` any kind, and how all members look."""
    surreal = rng.random() < surreal_share
    choices = [
        (kind, pose, zone) for kind in KINDS if kind.share for pose, zone in kind.poses
        if surreal or _belongs(kind, zone, place)
    ]  # fmt: skip
    weights = [kind.share / sum(kind is other for other, _, _ in choices) for kind, _, _ in choices]
    kind, pose, zone = choices[int(rng.choice(len(choices), p=_shares(weights)))]
    size = ("small", "", "large")[int(rng.choice(3, p=(0.3, 0.42, 0.28)))]
    texture = TEXTURES[int(rng.choice(4, p=(0.55, 0.15, 0.15, 0.15)))]
    facing = ("left", "right")[int(rng.integers(2))] if kind.faces else ""
    return Group(kind, _draw_colour(rng, kind), "plain" if size == "small" else texture, size, pose, zone, facing)


def _belongs(kind: ThingKind, zone: Zone, place: Setting) -> bool:
    if place.name == "sea" and zone == "ground":
        return kind.name == "turtle"
    return zone in place.bands and (kind.indoors or not place.indoors)


def _draw_colour(rng: Rng, kind: ThingKind) -> str:
    """Mostly a usual colour of the kind, now and then any."""
    if rng.random() < 0.7:
        return kind.colours[int(rng.integers(len(kind.colours)))]
    return list(COLOURS)[int(rng.integers(len(COLOURS)))]


def _draw_sign(rng: Rng) -> Group:
    kind = BY_NAME["sign"]
    pose, zone = kind.poses[int(rng.integers(2))]
    size = ("", "large")[int(rng.integers(2))]
    lines = pick_words(rng)
    font = FONTS[int(rng.integers(len(FONTS)))]
    if max(len(line) for line in lines) > 5:
        size = "large"  # a long word on a narrow board could not be read
    return Group(kind, _draw_colour(rng, kind), "plain", size, pose, zone, "", tuple(lines), font)


def _place_group(
    rng: Rng, index: int, group: Group, count: int, others: list[Thing], scene: _Stage, crowd: float
) -> list[Thing]:
    """Up to `count` members near each other, none hiding another thing by more than `crowd`."""
    placed: list[Thing] = []
    low, high = (SIGN_SIZES if group.lines else SIZES)[group.size]
    reach = float(rng.uniform(low, high)) * min(scene.frame)
    turn = float(rng.uniform(-group.kind.turn, group.kind.turn))
    for _ in range(count):
        thing = _build(rng, index, group, reach * float(rng.uniform(0.94, 1.06)), turn, scene.frame)
        for _ in range(30):
            shift = _inside(thing.bounds, _spot(rng, group, placed, scene), _stands(group), scene.frame)
            bounds = _shifted(thing.bounds, shift)
            apart = all(_hidden(bounds, other.bounds) <= crowd for other in others)
            if apart and all(_hidden(bounds, other.bounds) <= 0.12 for other in placed):
                placed.append(_put(thing, shift, group, scene.frame))
                break
    return placed


def _spot(rng: Rng, group: Group, placed: list[Thing], scene: _Stage) -> tuple[float, float]:
    """Where the foot (standing things) or the centre goes, in pixels."""
    width, height = scene.frame
    top, bottom = scene.place.bands.get(group.zone, (0.2, 0.8))
    x, y = float(rng.uniform(0.06, 0.94)) * width, float(rng.uniform(top, bottom)) * height
    if placed and rng.random() < 0.8:
        x0, y0, x1, y1 = placed[-1].bounds
        side = 1 if rng.random() < 0.5 else -1
        x = (x0 + x1) / 2 + side * (x1 - x0) * float(rng.uniform(1.0, 1.25))
        anchor = y1 if _stands(group) else (y0 + y1) / 2
        y = anchor + float(rng.uniform(-0.15, 0.15)) * (y1 - y0)
    return x, y


def _stands(group: Group) -> bool:
    return group.zone in ("ground", "surface")


def _build(rng: Rng, index: int, group: Group, reach: float, turn: float, frame: tuple[int, int]) -> Thing:
    """The shape with its longest side scaled to `reach` pixels and tilted by `turn` degrees, centred on the origin."""
    words: list[Lettering] = []
    if group.lines:
        sign = board(list(group.lines), group.font, group.zone == "air")
        parts, words = sign.parts, sign.words
    else:
        parts = _shape(rng, group)
    if group.facing == "left":
        parts = [replace(part, points=mirrored(part.points)) for part in parts]
    outline = np.concatenate([part.points for part in parts])
    low, high = outline.min(axis=0), outline.max(axis=0)
    side = float((high - low).max())
    if group.lines:
        reach = max(reach, MIN_CAP_HEIGHT * max(frame) * side)  # the frame of a board is in cap heights
    middle, scale = (low + high) / 2, reach / side

    def put(points: OutlinePoints) -> OutlinePoints:
        return turned((points - middle) * scale, turn)

    return Thing(
        index,
        [replace(part, points=put(part.points)) for part in parts],
        [Lettering(word.text, [put(ring) for ring in word.rings], put(word.quad)) for word in words],
        Coat(tone(group.colour, rng), group.texture, float(rng.uniform(3.2, 4.8)), _own_frame(reach / 2, turn)),
        _bounds(put(outline)),
        0.0,
    )


def _put(thing: Thing, shift: tuple[float, float], group: Group, frame: tuple[int, int]) -> Thing:
    """The thing moved to its place, with its depth: air behind water behind the ground, there by foot."""
    bounds = _shifted(thing.bounds, shift)
    depth = bounds[3] if _stands(group) else bounds[1] - (frame[1] if group.zone == "air" else 0)
    coat_frame = thing.coat.frame.copy()
    coat_frame[:, 2] = -SCALE * coat_frame[:, :2] @ np.array(shift)
    return replace(
        thing,
        parts=[replace(part, points=part.points + shift) for part in thing.parts],
        words=[Lettering(w.text, [moved(r, *shift) for r in w.rings], moved(w.quad, *shift)) for w in thing.words],
        coat=replace(thing.coat, frame=coat_frame),
        bounds=bounds,
        depth=depth,
    )


def _shape(rng: Rng, group: Group) -> list[FilledOutline]:
    if group.kind.shape is None:
        raise ValueError(f"a {group.kind.name} must have lines of words to be drawn, got none")
    return group.kind.shape(rng, group.pose)


def _inside(bounds: Bounds, spot: tuple[float, float], stands: bool, frame: tuple[int, int]) -> tuple[float, float]:
    """The shift that brings the foot or centre to `spot`, but leaves at most a tenth outside the picture."""
    x0, y0, x1, y1 = bounds
    slack_x, slack_y = 0.1 * (x1 - x0), 0.1 * (y1 - y0)
    dy = spot[1] - (y1 if stands else 0.0)
    bottom = frame[1] - y1 + (0.0 if stands else slack_y)
    return min(max(spot[0], -x0 - slack_x), frame[0] - x1 + slack_x), min(max(dy, -y0 - slack_y), bottom)


def _own_frame(radius: float, turn: float) -> NDArray[np.float64]:
    """[2, 3] from drawn pixels about the origin to the thing's own x, y in about -1..1."""
    angle = np.radians(-turn)
    inverse = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / (radius * SCALE)
    return np.concatenate([inverse, np.zeros((2, 1))], axis=1)


def _bounds(points: OutlinePoints) -> Bounds:
    (x0, y0), (x1, y1) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    return x0, y0, x1, y1


def _shifted(bounds: Bounds, shift: tuple[float, float]) -> Bounds:
    return bounds[0] + shift[0], bounds[1] + shift[1], bounds[2] + shift[0], bounds[3] + shift[1]


def _hidden(a: Bounds, b: Bounds) -> float:
    """Overlap of two boxes as a share of the smaller one."""
    wide = min(a[2], b[2]) - max(a[0], b[0])
    tall = min(a[3], b[3]) - max(a[1], b[1])
    if wide <= 0 or tall <= 0:
        return 0.0
    smaller = min((a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1]))
    return wide * tall / smaller
