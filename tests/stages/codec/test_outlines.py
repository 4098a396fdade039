"""Outlines in few corners."""

import numpy as np
import pytest

from shards.finding import Polygons
from shards.geometry import signed_area
from specialists.masks import mask_iou, polygons_to_mask
from stages.codec.outlines import simple_outline
from stages.scenes.gold import draw_scene


def test_a_square_starts_at_its_top_left_and_runs_clockwise() -> None:
    ring = [60.0, 60, 10, 60, 10, 10, 60, 10]
    assert simple_outline([ring], 100, 100, 48) == [[100, 100, 600, 100, 600, 600, 100, 600]]


def test_holes_are_left_out_whichever_way_the_rings_run() -> None:
    outer, hole = [0.0, 0, 90, 0, 90, 90, 0, 90], [20.0, 20, 20, 40, 40, 40, 40, 20]
    wanted = [[0, 0, 900, 0, 900, 900, 0, 900]]
    assert simple_outline([outer, hole], 100, 100, 48) == wanted
    reverse: Polygons = [np.reshape(ring, (-1, 2))[::-1].ravel().tolist() for ring in (outer, hole)]
    assert simple_outline(reverse, 100, 100, 48) == wanted


@pytest.mark.parametrize(
    "polygons", [[], [[1.0, 1, 1, 1, 1, 1]], [[0.0, 0, 50, 50, 90, 90]], [[5.0, 5, 5.01, 5, 5, 5.01]]]
)
def test_what_has_no_area_in_bins_has_no_outline(polygons: Polygons) -> None:
    assert simple_outline(polygons, 100, 100, 48) == []


def test_the_largest_parts_stay_where_there_are_more_than_the_budget_has_triangles() -> None:
    parts = [[x, 0.0, x + size, 0, x, size] for x, size in ((0, 10), (20, 30), (60, 20))]
    found = simple_outline(parts, 100, 100, 6)
    assert [ring[0] for ring in found] == [200, 600]


@pytest.mark.thorough
@pytest.mark.parametrize(("budget", "least"), [(48, 0.93), (16, 0.8)])
def test_outlines_of_scenes_keep_to_the_budget_and_to_their_shape(budget: int, least: float) -> None:
    overlaps = []
    for index in range(12):
        of = draw_scene(3000, index).record
        for region in of.regions:
            rings = simple_outline(region.polygons or [], of.width, of.height, budget)
            if not rings:
                continue
            assert sum(map(len, rings)) <= 2 * budget
            assert all(signed_area(np.reshape(ring, (-1, 2))) > 0 for ring in rings)
            there: Polygons = [[v * (of.height if i % 2 else of.width) / 1000 for i, v in enumerate(r)] for r in rings]
            outer = [ring for ring in region.polygons or [] if signed_area(np.reshape(ring, (-1, 2))) > 0]
            masks = [polygons_to_mask(each, of.height, of.width) for each in (there, outer)]
            overlaps.append(mask_iou(*masks))
    assert len(overlaps) > 20
    assert np.mean(overlaps) > least
