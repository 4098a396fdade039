"""The kinds of things in a scene: what a person would call them, where they belong, what they do, how they look.

A pose is a visible state and its verb: a bird that `flies` has its wings up, one that `stands` shows its legs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from stages.scenes import shapes_animals as animals
from stages.scenes import shapes_nature as nature
from stages.scenes import shapes_things as things
from stages.scenes.parts import FilledOutline

Zone = Literal["air", "ground", "water", "surface"]
"""air: above the horizon; ground: standing on it; water: under the surface; surface: floating on it."""
DrawShape = Callable[[np.random.Generator, str], list[FilledOutline]]

PLURAL_VERBS = {
    "stands": "stand", "grows": "grow", "sits": "sit", "walks": "walk", "flies": "fly", "floats": "float",
    "shines": "shine", "swims": "swim", "sails": "sail", "drives": "drive", "lies": "lie", "bounces": "bounce",
    "hangs": "hang",
}  # fmt: skip


@dataclass(frozen=True)
class ThingKind:
    """poses: (verb, zone) pairs. colours: the usual ones. turn: largest tilt in degrees. faces: looks left or right.
    shape: None for a sign, which is as wide as its words (`stages.scenes.words.board`). indoors: also drawn in rooms
    and on tables. share: weight when a kind is drawn by lot."""

    name: str
    plural: str
    shape: DrawShape | None
    poses: tuple[tuple[str, Zone], ...]
    colours: tuple[str, ...]
    turn: float = 5
    faces: bool = False
    indoors: bool = False
    share: float = 1.0


KINDS: tuple[ThingKind, ...] = (
    ThingKind("house", "houses", things.house, (("stands", "ground"),), ("red", "yellow", "white", "blue", "pink"), 0),
    ThingKind("tree", "trees", nature.tree, (("grows", "ground"),), ("green", "green", "orange", "red", "pink"), 4),
    ThingKind("flower", "flowers", nature.flower,
         (("grows", "ground"),), ("red", "purple", "pink", "white", "blue"), 10, indoors=True),
    ThingKind("mushroom", "mushrooms", nature.mushroom,
         (("grows", "ground"),), ("red", "brown", "orange", "purple"), 8),
    ThingKind("cactus", "cactuses", nature.cactus, (("grows", "ground"),), ("green", "green", "blue"), 4, indoors=True),
    ThingKind("car", "cars", things.car,
         (("drives", "ground"),), ("red", "blue", "yellow", "white", "black", "green"), 4, faces=True, indoors=True),
    ThingKind("boat", "boats", things.boat,
         (("sails", "surface"),), ("white", "red", "blue", "orange", "yellow"), 9, faces=True, share=3),
    ThingKind("cat", "cats", animals.cat,
         (("sits", "ground"), ("walks", "ground")),
         ("orange", "gray", "black", "white", "brown"), 4, faces=True, indoors=True),
    ThingKind("bird", "birds", animals.bird,
         (("flies", "air"), ("stands", "ground")),
         ("blue", "red", "yellow", "brown", "black"), 14, faces=True, indoors=True),
    ThingKind("butterfly", "butterflies", animals.butterfly,
         (("flies", "air"),), ("orange", "purple", "blue", "yellow", "pink"), 35, indoors=True),
    ThingKind("kite", "kites", things.kite, (("flies", "air"),), ("red", "purple", "green", "yellow", "blue"), 35),
    ThingKind("balloon", "balloons", things.balloon,
         (("floats", "air"),), ("red", "pink", "yellow", "blue", "green"), 10, indoors=True),
    ThingKind("cloud", "clouds", nature.cloud, (("floats", "air"),), ("white", "white", "gray", "pink"), 4),
    ThingKind("star", "stars", nature.sky_star,
         (("shines", "air"),), ("yellow", "yellow", "white", "orange"), 36, indoors=True),
    ThingKind("rocket", "rockets", things.rocket,
         (("flies", "air"), ("stands", "ground")), ("white", "gray", "blue", "orange"), 30, indoors=True),
    ThingKind("fish", "fish", animals.fish,
         (("swims", "water"),), ("red", "orange", "yellow", "blue", "purple"), 22, faces=True, share=3),
    ThingKind("turtle", "turtles", animals.turtle,
         (("swims", "water"), ("walks", "ground")), ("green", "brown", "purple"), 10, faces=True, share=2),
    ThingKind("cup", "cups", things.cup,
         (("stands", "ground"),), ("white", "blue", "red", "yellow", "green"), 5, faces=True, indoors=True),
    ThingKind("bottle", "bottles", things.bottle,
         (("stands", "ground"), ("lies", "ground")),
         ("green", "brown", "blue", "purple"), 4, indoors=True),
    ThingKind("apple", "apples", nature.apple, (("lies", "ground"),), ("red", "green", "yellow"), 14, indoors=True),
    ThingKind("clock", "clocks", things.clock,
         (("hangs", "air"),), ("black", "brown", "red", "blue", "gray"), 5, indoors=True),
    ThingKind("ball", "balls", things.ball,
         (("lies", "ground"), ("bounces", "air")), ("red", "blue", "orange", "green", "pink"), 30, indoors=True),
    ThingKind("umbrella", "umbrellas", things.umbrella,
         (("stands", "ground"),), ("red", "blue", "purple", "yellow", "pink"), 16, indoors=True),
    ThingKind("hat", "hats", things.hat,
         (("lies", "ground"),), ("black", "brown", "purple", "red", "gray"), 8, indoors=True),
    ThingKind("sign", "signs", None,
         (("stands", "ground"), ("hangs", "air")), ("white", "yellow", "blue", "green", "red", "black"), 14, share=0),
)  # fmt: skip
NAMES: tuple[str, ...] = tuple(kind.name for kind in KINDS)
BY_NAME: dict[str, ThingKind] = {kind.name: kind for kind in KINDS}
