"""Named colours and textures: what a caption says is what the picture shows.

tone("red", rng)  -> (206, 41, 48), one of many reds
shade((206, 41, 48), 0.7) -> darker, shade(c, 1.3) -> lighter (towards white)
"""

from typing import Literal

import numpy as np

Rng = np.random.Generator
Rgb = tuple[int, int, int]
Texture = Literal["plain", "striped", "spotted", "checkered"]
TEXTURES: tuple[Texture, ...] = ("plain", "striped", "spotted", "checkered")

COLOURS: dict[str, Rgb] = {
    "red": (212, 40, 45),
    "orange": (243, 134, 32),
    "yellow": (248, 210, 60),
    "green": (70, 160, 70),
    "blue": (45, 105, 205),
    "purple": (130, 65, 175),
    "pink": (246, 135, 180),
    "brown": (134, 84, 46),
    "white": (244, 244, 240),
    "gray": (138, 141, 146),
    "black": (45, 45, 50),
}

INK: Rgb = (40, 36, 44)
WHEEL: Rgb = (48, 48, 54)
GLASS: Rgb = (196, 226, 240)
WOOD: Rgb = (122, 80, 48)
LEAF: Rgb = (74, 142, 62)
CREAM: Rgb = (250, 240, 214)


def tone(name: str, rng: np.random.Generator) -> Rgb:
    """One of the many tones of a named colour, near enough to keep its name."""
    reach = 5 if name in ("white", "gray", "black") else 14  # a tinted white is not white any more
    spread = rng.integers(-reach, reach + 1, size=3)
    lighter = int(rng.integers(-10, 11))
    red, green, blue = (int(np.clip(c + s + lighter, 0, 255)) for c, s in zip(COLOURS[name], spread, strict=True))
    return red, green, blue


def shade(colour: Rgb, factor: float) -> Rgb:
    """Below 1: towards black in proportion. Above 1: towards white, 2 = white."""
    if factor <= 1:
        red, green, blue = (round(channel * factor) for channel in colour)
    else:
        red, green, blue = (round(channel + (255 - channel) * min(1.0, factor - 1)) for channel in colour)
    return red, green, blue


def luminance(colour: Rgb) -> float:
    """Perceived brightness in [0, 255] (Rec. 601)."""
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]
