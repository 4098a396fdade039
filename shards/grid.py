"""Which boxes may overlap a box this much? Asked of 20,000 boxes, it must not look at 20,000.

    grid = BoxGrid(min_iou=0.5)
    grid.add(0, (10, 10, 90, 90)); grid.add(1, (500, 500, 520, 530))
    grid.near((12, 8, 88, 92))          [0]

Two boxes with an IoU of t have widths, and heights, whose ratio is in [t, 1/t], and centres that are no further apart
than half their widths together. So boxes are kept by the powers of two of their sides, and by centre in cells as large
as these; what `near` leaves out overlaps less than `min_iou` for certain. Of boxes that overlap each other less than
that, only so many fit around one place: what looks at the kept ones of `suppress` is near linear.

The few boxes of a common picture are looked at one by one, which takes a fraction of the time that cells do.
"""

import math

from shards.finding import Box

_Cell = tuple[int, int, int, int]
_SLACK = 1e-9  # of an IoU, for rounding
_FEW = 128
"""Boxes up to which no cells are made."""


class BoxGrid:
    """Numbered boxes, in pixels of one image. min_iou: above 0."""

    def __init__(self, min_iou: float) -> None:
        self._steps = math.ceil(math.log2(1 / max(min_iou - _SLACK, _SLACK)))
        self._boxes: dict[int, Box] = {}
        self._cells: dict[_Cell, dict[int, None]] = {}  # empty until there are many boxes
        self._has_cells = False

    def add(self, number: int, box: Box) -> None:
        """Put a box in; the number is not in use."""
        self._boxes[number] = box
        if self._has_cells:
            self._put(number, box)
        elif len(self._boxes) > _FEW:
            self._has_cells = True
            for other, place in self._boxes.items():
                self._put(other, place)

    def remove(self, number: int) -> None:
        """Take out a box; one that is not there is fine."""
        box = self._boxes.pop(number, None)
        if box is None or not self._has_cells:
            return
        cell = _cell(box)
        del self._cells[cell][number]
        if not self._cells[cell]:
            del self._cells[cell]

    def near(self, box: Box) -> list[int]:
        """Ascending numbers of all boxes that overlap `box` by `min_iou`, and of some that do not."""
        if self._has_cells:
            return self._near_cells(box)
        x0, y0, x1, y1 = box
        return sorted(
            number
            for number, (left, top, right, bottom) in self._boxes.items()
            if left < x1 and right > x0 and top < y1 and bottom > y0
        )

    def _put(self, number: int, box: Box) -> None:
        self._cells.setdefault(_cell(box), {})[number] = None

    def _near_cells(self, box: Box) -> list[int]:
        x0, y0, x1, y1 = box
        columns = self._around(x0, x1)
        rows = self._around(y0, y1)
        numbers_near: list[int] = []
        if sum(len(c) for _, c in columns) * sum(len(r) for _, r in rows) > len(self._cells):
            for (wide, high, column, row), numbers in self._cells.items():
                if any(wide == w and column in c for w, c in columns) and any(high == h and row in r for h, r in rows):
                    numbers_near += numbers
            return sorted(numbers_near)
        for wide, places in columns:
            for column in places:
                for high, lines in rows:
                    for row in lines:
                        numbers_near += self._cells.get((wide, high, column, row), ())
        return sorted(numbers_near)

    def _around(self, low: float, high: float) -> list[tuple[int, range]]:
        """(power of two of a side, the cells of that size) in which the other box can be, in one direction."""
        side, centre = high - low, (low + high) / 2
        own = math.frexp(side)[1]
        spans = []
        for power in range(own - self._steps, own + self._steps + 1):
            size = math.ldexp(1.0, power)
            reach = (side + size) / 2
            spans.append((power, range(math.floor((centre - reach) / size), math.floor((centre + reach) / size) + 1)))
        return spans


def _cell(box: Box) -> _Cell:
    x0, y0, x1, y1 = box
    wide, high = math.frexp(x1 - x0)[1], math.frexp(y1 - y0)[1]
    column = math.floor((x0 + x1) / 2 / math.ldexp(1.0, wide))
    return wide, high, column, math.floor((y0 + y1) / 2 / math.ldexp(1.0, high))
