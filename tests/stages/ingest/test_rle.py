import numpy as np
import pytest

from stages.ingest.rle import oriented_ring, rle_to_mask, rle_to_polygons, trace_rings


def area(ring: list[float]) -> float:
    points = np.array(ring).reshape(-1, 2)
    following = np.roll(points, -1, axis=0)
    return float((points[:, 0] * following[:, 1] - following[:, 0] * points[:, 1]).sum() / 2)


def test_counts_run_down_the_columns() -> None:
    mask = rle_to_mask({"size": [2, 3], "counts": [1, 2, 3]})
    assert mask.tolist() == [[0, 1, 0], [1, 0, 0]]


def test_the_string_form_equals_pycocotools() -> None:
    coco = pytest.importorskip("pycocotools.mask")
    rng = np.random.default_rng(0)
    for number in range(50):
        mask = (rng.random((int(rng.integers(1, 60)), int(rng.integers(1, 60)))) < number / 50).astype(np.uint8)
        rle = coco.encode(np.asfortranarray(mask))
        assert (rle_to_mask(rle) == mask).all()
        assert (rle_to_mask({**rle, "counts": rle["counts"].decode()}) == mask).all()


def test_polygons_have_the_area_of_the_mask_and_holes_run_backwards() -> None:
    mask = np.zeros((12, 14), np.uint8)
    mask[2:10, 3:12] = 1
    mask[4:6, 5:8] = 0
    outer, hole = sorted(trace_rings(mask), key=area, reverse=True)
    assert area(outer) == 72
    assert area(hole) == -6
    assert set(outer) == {2.0, 10.0, 3.0, 12.0}


def test_one_pixel_is_a_unit_square() -> None:
    mask = np.zeros((5, 5), np.uint8)
    mask[3, 1] = 1
    [ring] = trace_rings(mask)
    assert area(ring) == 1
    assert (min(ring[::2]), min(ring[1::2])) == (1, 3)


def test_an_empty_mask_has_no_rings() -> None:
    assert rle_to_polygons({"size": [4, 5], "counts": [20]}) == []


def test_runs_that_do_not_fill_the_mask_are_refused() -> None:
    with pytest.raises(ValueError, match="must add up to 4x5, got 19"):
        rle_to_mask({"size": [4, 5], "counts": [10, 9]})


def test_a_mask_of_a_trillion_pixels_is_not_unpacked() -> None:
    with pytest.raises(ValueError, match="must be at most 64000000 pixels, got 1000000x1000000"):
        rle_to_mask({"size": [10**6, 10**6], "counts": [0, 10**12]})


def test_turned() -> None:
    clockwise = [0.0, 0.0, 2.0, 0.0, 2.0, 2.0]
    assert oriented_ring(clockwise, clockwise=True) == clockwise
    assert area(oriented_ring(clockwise, clockwise=False)) == -2
