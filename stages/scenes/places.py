"""Where a scene happens: a painted background with clutter, and the bands in which things can be.

All clutter (clouds of grass, pebbles, bubbles, windows of far houses, wallpaper) is background: it has no gold.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stages.scenes import backdrops
from stages.scenes.kinds import Zone
from stages.scenes.palette import Rng
from stages.scenes.raster import SCALE, Canvas

Band = tuple[float, float]
"""From, to as shares of the picture's height, top = 0."""


@dataclass(frozen=True)
class Setting:
    """inside, above: how a caption says that something is there, on the ground or in the air. long: the first sentence
    of a more detailed caption. empty: the caption of a picture without objects. bands: zone -> where the *foot* of a
    standing thing, or the centre of any other thing, can be; a zone that is not named does not exist here."""

    name: str
    inside: str
    above: str
    long: str
    empty: str
    indoors: bool
    bands: dict[Zone, Band]
    paint: Callable[[Canvas, Rng], None]


PLACES: tuple[Setting, ...] = (
    Setting(
        "meadow", "in a meadow", "over a meadow", "a green meadow under a blue sky", "an empty meadow", False,
        {"air": (0.1, 0.42), "ground": (0.62, 0.97)}, backdrops.meadow,
    ),
    Setting(
        "street", "on a street", "over a street", "a street with gray buildings", "an empty street", False,
        {"air": (0.1, 0.4), "ground": (0.66, 0.97)}, backdrops.street,
    ),
    Setting(
        "sea", "in the sea", "over the sea", "the blue sea with a sandy floor", "an empty sea", False,
        {"air": (0.08, 0.2), "surface": (0.38, 0.46), "water": (0.5, 0.84), "ground": (0.9, 0.97)}, backdrops.sea,
    ),
    Setting(
        "snow", "in the snow", "over the snow", "a snowy field in front of mountains", "an empty snowy field", False,
        {"air": (0.1, 0.4), "ground": (0.64, 0.97)}, backdrops.snow,
    ),
    Setting(
        "desert", "in the desert", "over the desert", "a sandy desert under a bright sky", "an empty desert", False,
        {"air": (0.1, 0.42), "ground": (0.62, 0.97)}, backdrops.desert,
    ),
    Setting(
        "night", "at night", "at night", "a dark night over the hills", "a dark night", False,
        {"air": (0.1, 0.5), "ground": (0.74, 0.97)}, backdrops.night,
    ),
    Setting(
        "table", "on a table", "above a table", "a wooden table in front of a wall", "an empty table", True,
        {"air": (0.12, 0.4), "ground": (0.72, 0.95)}, backdrops.table,
    ),
    Setting(
        "room", "in a room", "in a room", "a room with a patterned wall", "an empty room", True,
        {"air": (0.12, 0.48), "ground": (0.76, 0.97)}, backdrops.room,
    ),
)  # fmt: skip


def paint_place(place: Setting, width: int, height: int, rng: Rng) -> Canvas:
    """A new canvas with the place painted on it and nothing in front of it."""
    blank: NDArray[np.uint8] = np.zeros((height * SCALE, width * SCALE, 3), dtype=np.uint8)
    canvas = Canvas(blank)
    place.paint(canvas, rng)
    return canvas
