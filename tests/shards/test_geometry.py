"""Overlaps against numbers that can be checked by hand, and against shapely for turned quads."""

import math

import numpy as np
import pytest
from shapely import Polygon  # type: ignore[import-untyped]

from shards.finding import Quad
from shards.geometry import box_quad, clipped, iou, iou_matrix, quad_box, quad_iou, rounded_box


def test_iou_of_half_overlapping_boxes_is_a_third() -> None:
    assert iou((0, 0, 10, 10), (5, 0, 15, 10)) == pytest.approx(1 / 3)


@pytest.mark.parametrize("other", [(10, 0, 20, 10), (20, 20, 30, 30), (0, 10, 10, 20)])
def test_boxes_that_only_touch_do_not_overlap(other: tuple[float, float, float, float]) -> None:
    assert iou((0, 0, 10, 10), other) == 0.0


def test_the_matrix_is_iou_to_the_last_bit() -> None:
    rng = np.random.default_rng(0)
    low = rng.uniform(0, 50, (40, 2))
    boxes = [(x0, y0, x1, y1) for x0, y0, x1, y1 in np.hstack([low, low + rng.uniform(1, 50, (40, 2))]).tolist()]
    assert iou_matrix(boxes, boxes).tolist() == [[iou(box, other) for other in boxes] for box in boxes]


@pytest.mark.parametrize(
    ("box", "inside"),
    [
        ((-5.0, -5.0, 5.0, 5.0), (0.0, 0.0, 5.0, 5.0)),
        ((90.0, 40.0, 120.0, 70.0), (90.0, 40.0, 100.0, 50.0)),
        ((100.0, 0.0, 120.0, 50.0), None),  # outside
        ((5.0, 5.0, 5.0, 9.0), None),  # no width
        ((9.0, 5.0, 5.0, 9.0), None),  # corners swapped
        ((math.nan, 0.0, 5.0, 9.0), None),
        ((0.0, 0.0, math.inf, 9.0), None),
    ],
)
def test_clipped(box: tuple[float, float, float, float], inside: tuple[float, float, float, float] | None) -> None:
    assert clipped(box, 100, 50) == inside


def test_quad_iou_is_that_of_the_polygons() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        quads = [
            turned(rng.uniform(1000, 1020), rng.uniform(1000, 1020), rng.uniform(5, 30), rng.uniform(5, 30), angle)
            for angle in rng.uniform(0, math.pi, 2).tolist()
        ]
        first, second = (Polygon(np.reshape(quad, (4, 2))) for quad in quads)
        expected = first.intersection(second).area / first.union(second).area
        assert quad_iou(quads[0], quads[1]) == pytest.approx(expected, abs=1e-3)


def test_quad_iou_takes_either_winding() -> None:
    quad = box_quad((0, 0, 10, 10))
    mirrored: Quad = (10, 0, 0, 0, 0, 10, 10, 10)
    assert quad_iou(quad, mirrored) == pytest.approx(1.0)


def test_a_quad_without_area_overlaps_nothing() -> None:
    assert quad_iou((0, 5, 10, 5, 10, 5, 0, 5), box_quad((0, 0, 10, 10))) == 0.0


def test_quads_and_boxes() -> None:
    assert quad_box((5, 0, 10, 5, 5, 10, 0, 5)) == (0, 0, 10, 10)
    assert quad_box(box_quad((1, 2, 3, 4))) == (1, 2, 3, 4)
    assert rounded_box((1.004, 2.006, 3.0, 4.123456)) == (1.0, 2.01, 3.0, 4.12)


def turned(x: float, y: float, width: float, height: float, angle: float) -> Quad:
    corners = np.array([[-width, -height], [width, -height], [width, height], [-width, height]]) / 2
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    a, b, c, d, e, f, g, h = (corners @ turn + (x, y)).ravel().tolist()
    return (a, b, c, d, e, f, g, h)
