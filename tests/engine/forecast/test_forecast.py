"""Forecasts that can be worked out by hand."""

import pytest

from engine.forecast.forecast import Capacity, PoolLoad, forecast, grown, needed

SLOW, QUICK = PoolLoad("captions", 0.5), PoolLoad("boxes", 0.1)
BIG = PoolLoad("lmm", 0.4, 1.0, on_gpu=True, gpu_mb=50_000)
SMALL = PoolLoad("sam", 0.1, 1.0, on_gpu=True, gpu_mb=10_000)


def test_cpus_are_shared_and_the_slowest_pool_gets_the_next_actor() -> None:
    found = forecast([SLOW, QUICK], Capacity(4), 600)
    assert found.actors == {"captions": 3, "boxes": 1}
    assert found.images_per_s == pytest.approx(6.0)
    assert found.annotate_s == pytest.approx(100)
    assert found.bottleneck == "captions"
    assert found.bottleneck_share == pytest.approx(5 / 6)
    assert found.cpu_hours == pytest.approx(0.1)


def test_more_pools_than_cpus_share_them() -> None:
    found = forecast([SLOW, QUICK, PoolLoad("masks", 0.4)], Capacity(2), 100)
    assert found.actors == {"captions": 1, "boxes": 1, "masks": 1}
    assert found.images_per_s == pytest.approx(2.0)
    serial = forecast([SLOW, QUICK], Capacity(4, is_serial=True), 60)
    assert serial.annotate_s == pytest.approx(36)


def test_gpus_hold_what_fits_and_share_their_time() -> None:
    found = forecast([BIG, SMALL], Capacity(16, 2, 80_000), 1000)
    assert found.shares == {"lmm": 0.69, "sam": 0.14}
    assert found.packing == [["lmm", "sam"], ["lmm", "sam"]]
    assert found.images_per_s == pytest.approx(4.0)
    assert found.gpu_hours == pytest.approx(1000 * 0.5 / 3600)


def test_what_does_not_fit_beside_the_others_goes_to_another_gpu_or_takes_turns() -> None:
    two = forecast([BIG, SMALL], Capacity(16, 2, 56_000), 1000)
    assert (two.packing, two.actors, two.left_over) == ([["lmm"], ["sam"]], {"lmm": 1, "sam": 1}, [])
    assert two.images_per_s == pytest.approx(2.5)
    one = forecast([BIG, SMALL], Capacity(16, 1, 56_000), 1000)
    assert one.left_over == ["sam"]
    assert one.images_per_s == pytest.approx(2.0)


def test_one_more_and_how_many_for_a_time() -> None:
    capacity = Capacity(8, 1, 80_000)
    assert grown(capacity, 3) == Capacity(24, 3, 80_000)
    assert forecast([BIG, SMALL], grown(capacity, 2), 7200).annotate_s == pytest.approx(1800)
    assert needed([BIG, SMALL], capacity, 7200, 1000).gpus == 4
    assert needed([SLOW, QUICK], Capacity(2), 600, 100).cpus == 4


def test_weights_are_loaded_side_by_side_on_the_cpus_there_are() -> None:
    pools = [PoolLoad("a", 1.0, load_s=10.0), PoolLoad("b", 1.0, load_s=8.0), PoolLoad("c", 1.0, load_s=6.0)]
    assert forecast(pools, Capacity(2), 1).start_s == 12
    assert forecast(pools, Capacity(8), 1).start_s == 10
    assert forecast(pools, Capacity(8, is_serial=True), 1).start_s == 24


def test_nothing_to_do_takes_no_time() -> None:
    found = forecast([], Capacity(2), 1000)
    assert (found.annotate_s, found.actors, found.bottleneck) == (0.0, {}, "")
