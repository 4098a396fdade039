"""What a shape function returns: filled outlines, back to front, in the unit frame of the object."""

from dataclasses import dataclass
from typing import Literal

from stages.scenes.palette import Rgb
from stages.scenes.paths import OutlinePoints

Paint = Literal["main", "light", "dark"] | Rgb
"""`main` is the colour that captions name; `light` and `dark` are shades of it; a triple is fixed."""


@dataclass(frozen=True, eq=False)
class FilledOutline:
    """One filled outline. textured: the object's texture covers it. outlined: gets a thin darker edge."""

    points: OutlinePoints
    paint: Paint = "main"
    textured: bool = False
    outlined: bool = True


def main(points: OutlinePoints) -> FilledOutline:
    """The part that carries the object's colour and texture."""
    return FilledOutline(points, "main", textured=True)


def untextured(points: OutlinePoints, paint: Paint) -> FilledOutline:
    """A part with an edge and no texture."""
    return FilledOutline(points, paint)


def detail(points: OutlinePoints, paint: Paint) -> FilledOutline:
    """A small part without an edge: eyes, windows, highlights."""
    return FilledOutline(points, paint, outlined=False)
