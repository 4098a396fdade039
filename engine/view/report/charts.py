"""Numbers as shapes: what the templates put into inline SVG.

    bars([3, 0, 6])          -> rectangles in a field of 240 x 80, the highest as high as the field
    heat([[0, 4], [1, 0]])   -> squares in a field of 120 x 120, with the opacity of each
    share(3.2, 13.3)         -> 24.1, a width in percent

Nothing here knows what the numbers mean; an empty series gives no shapes.
"""

from collections.abc import Sequence
from typing import NamedTuple

WIDTH, HEIGHT, SQUARE = 240.0, 80.0, 120.0
_LEAST = 0.8
"""Height of the bar of a bin that has anything in it."""


class Rect(NamedTuple):
    """A rectangle; value: what it stands for; opacity in [0, 1]."""

    x: float
    y: float
    width: float
    height: float
    value: float
    opacity: float = 1.0


def bars(values: Sequence[float], other: Sequence[float] = ()) -> list[Rect]:
    """One bar per value, from left to right; nothing for a value of 0. other: drawn over it by `outline`."""
    step, tops = WIDTH / max(1, len(values)), _heights(values, other)
    heights = [max(_LEAST, high) if high else 0.0 for high in tops]
    return [
        Rect(round(place * step + 0.4, 2), round(HEIGHT - high, 2), round(step - 0.8, 2), round(high, 2), value)
        for place, (value, high) in enumerate(zip(values, heights, strict=True))
        if value
    ]


def outline(values: Sequence[float], other: Sequence[float] = ()) -> str:
    """The same as one line over the bins, the points of an SVG polyline. other: the bars below it."""
    step, tops = WIDTH / max(1, len(values)), [HEIGHT - high for high in _heights(values, other)]
    return " ".join(f"{place * step:.1f},{y:.1f} {(place + 1) * step:.1f},{y:.1f}" for place, y in enumerate(tops))


def _heights(values: Sequence[float], other: Sequence[float]) -> list[float]:
    """Of the shares of both series on one scale: the highest of all fills the field."""
    total = sum(values) or 1
    highest = max([max(each, default=0) / (sum(each) or 1) for each in (values, other)]) or 1
    return [HEIGHT * value / total / highest for value in values]


def heat(rows: Sequence[Sequence[float]]) -> list[Rect]:
    """One square per cell that is not 0, the more opaque the higher its value is."""
    highest = max((value for row in rows for value in row), default=0)
    side = SQUARE / max(1, len(rows))
    return [
        Rect(round(across * side, 2), round(down * side, 2), round(side, 2), round(side, 2), value,
             round(0.06 + 0.94 * value / highest, 3))
        for down, row in enumerate(rows)
        for across, value in enumerate(row)
        if value
    ]  # fmt: skip


def share(value: float | None, highest: float) -> float:
    """The width of a bar, in percent of the longest."""
    return round(100 * min(1.0, (value or 0) / highest), 1) if highest else 0.0
