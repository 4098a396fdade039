"""What the grid leaves out overlaps less than asked for; and it leaves out nearly everything."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shards.finding import Box
from shards.geometry import iou
from shards.grid import BoxGrid

SIDES = st.floats(0.01, 500)
BOXES = st.tuples(st.floats(-10, 500), st.floats(-10, 500), SIDES, SIDES).map(
    lambda each: (each[0], each[1], each[0] + each[2], each[1] + each[3])
)


@pytest.mark.thorough
@settings(max_examples=200, deadline=None)
@given(st.lists(BOXES, min_size=1, max_size=30), BOXES, st.floats(0.05, 0.95), st.booleans())
def test_no_box_that_overlaps_enough_is_left_out(
    boxes: list[Box], asked: Box, min_iou: float, is_crowded: bool
) -> None:
    grid = BoxGrid(min_iou)
    if is_crowded:
        for number in range(200):
            grid.add(1000 + number, (5000.0 + number, 5000.0, 6000.0 + number, 6000.0))
    for number, box in enumerate(boxes):
        grid.add(number, box)
    near = grid.near(asked)
    assert near == sorted(near)
    assert {number for number, box in enumerate(boxes) if iou(box, asked) >= min_iou} <= {*near}
    grid.remove(0)
    grid.remove(0)
    assert grid.near(asked) == [number for number in near if number]


@pytest.mark.parametrize("min_iou", [0.5, 0.9])
def test_of_many_boxes_only_the_few_around_are_looked_at(min_iou: float) -> None:
    corners = np.random.default_rng(3).uniform(0, 4000, (20_000, 2))
    grid = BoxGrid(min_iou)
    for number, (x, y) in enumerate(corners.tolist()):
        grid.add(number, (x, y, x + 30, y + 30))
    looked_at = sum(len(grid.near((x, y, x + 30, y + 30))) for x, y in corners[:500].tolist())
    assert looked_at / 500 < 20
