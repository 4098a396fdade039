import pytest

from stages.evaluate.masks import mask_quality, polygon_iou
from tests.stages.evaluate.records import record, thing

SQUARE = [10.0, 10.0, 30.0, 10.0, 30.0, 30.0, 10.0, 30.0]
HALF = [10.0, 10.0, 20.0, 10.0, 20.0, 30.0, 10.0, 30.0]
HOLE = [15.0, 15.0, 15.0, 25.0, 25.0, 25.0, 25.0, 15.0]


def test_half_of_a_square() -> None:
    assert polygon_iou([SQUARE], [HALF], 100, 100) == pytest.approx(0.5, abs=0.03)


def test_a_hole_is_not_part_of_the_mask() -> None:
    assert polygon_iou([SQUARE], [SQUARE, HOLE], 100, 100) == pytest.approx(0.75, abs=0.04)


def test_two_empty_masks_share_nothing() -> None:
    assert polygon_iou([], [], 100, 100) == 0.0


def test_only_regions_with_masks_on_both_sides_count() -> None:
    box = (10.0, 10.0, 30.0, 30.0)
    said = record("a", thing("cat", box, polygons=[SQUARE]), thing("cat", (60.0, 60.0, 80.0, 80.0)))

    found = mask_quality([(said, record("a", thing("dog", box, polygons=[SQUARE])))], resamples=0)["iou"]

    assert (found.value, found.count) == (1.0, 1)
