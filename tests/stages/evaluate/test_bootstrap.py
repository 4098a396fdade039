import math

import numpy as np
import pytest

from stages.evaluate.bootstrap import change, estimate, ratio


def test_the_value_is_the_ratio_of_the_sums_not_the_mean_of_ratios() -> None:
    assert estimate(np.array([[1.0, 1.0], [0.0, 9.0]]), ratio, 10, 0).value == pytest.approx(0.1)


def test_the_interval_of_a_share_is_as_wide_as_theory_says() -> None:
    hits = np.array([[float(i % 2), 1.0] for i in range(400)])

    found = estimate(hits, ratio, 400, 2000)

    assert found.high - found.low == pytest.approx(2 * 1.96 * 0.5 / 20, rel=0.1)


def test_nothing_to_measure_is_nan() -> None:
    assert math.isnan(estimate(np.zeros((3, 2)), ratio, 0, 10).value)
    assert math.isnan(estimate(np.zeros((0, 2)), ratio, 0, 10).value)


def test_a_change_is_paired_so_what_is_common_cancels_out() -> None:
    hard = np.random.default_rng(1).random(200)
    before = estimate(np.stack([hard, np.ones(200)], axis=1), ratio, 200, 100)
    after = estimate(np.stack([hard + 0.01, np.ones(200)], axis=1), ratio, 200, 100)
    assert before.high > after.low  # the intervals overlap by far
    found = change(before, after)
    assert (found.value, found.low, found.high) == pytest.approx((0.01, 0.01, 0.01))


def test_estimates_of_different_resamples_have_no_change() -> None:
    sums = np.ones((4, 2))
    with pytest.raises(ValueError, match="paired estimates must have as many resamples, got 10 and 20"):
        change(estimate(sums, ratio, 4, 10), estimate(sums, ratio, 4, 20))
