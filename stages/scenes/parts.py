"""What a shape function returns: filled outlines, back to front, in the unit frame of the object."""

from dataclasses import dataclass
from typing import Literal

from stages.scenes.palette import Rgb
from stages.scenes.paths import Points

Paint = Literal["main", "light", "dark"] | Rgb
"""`main` is the colour that captions name; `light` and `dark` are shades of it; a triple is fixed."""


@dataclass(frozen=True, eq=False)
class Part:
    """One filled outline. textured: the object's texture covers it. outlined: gets a thin darker edge."""

    points: Points
    paint: Paint = "main"
    textured: bool = False
    outlined: bool = True


def main(points: Points) -> Part:
    """The part that carries the object's colour and texture."""
    return Part(points, "main", textured=True)


def plain(points: Points, paint: Paint) -> Part:
    """A part with an edge and no texture."""
    return Part(points, paint)


def detail(points: Points, paint: Paint) -> Part:
    """A small part without an edge: eyes, windows, highlights."""
    return Part(points, paint, outlined=False)
