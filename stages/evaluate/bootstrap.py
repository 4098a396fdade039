"""Confidence intervals by resampling images.

Comes in: for every image the sums that a metric is made of, such as (hits, predictions). Goes out: the metric over all
images and its 95% percentile interval over resampled sets of images (Efron 1979). Images are resampled, not boxes,
since the boxes of one image are right or wrong together.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Sums = NDArray[np.float64]
"""[images, k]: what one image adds to each of the k sums."""
Reduce = Callable[[Sums], NDArray[np.float64]]
"""[r, k] sums -> [r] values."""


@dataclass(frozen=True)
class Estimate:
    """A metric, its 95% interval and how many things it is measured on; nan where there is nothing to measure.
    drawn: [resamples] its resampled values, from which the interval was read; empty without any."""

    value: float
    low: float
    high: float
    count: int
    drawn: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0), repr=False, compare=False)


def ratio(sums: Sums) -> NDArray[np.float64]:
    """First sum over second sum; nan where the second is 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums[:, 0] / sums[:, 1])


def f1(sums: Sums) -> NDArray[np.float64]:
    """From (hits, predicted, gold): the harmonic mean of precision and recall; nan where there is neither."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(2 * sums[:, 0] / (sums[:, 1] + sums[:, 2]))


def estimate(sums: Sums, reduce: Reduce, count: int, resamples: int, seed: int = 0) -> Estimate:
    """The metric of all images with its interval. resamples 0 gives the value as its own interval."""
    value = float(reduce(sums.sum(axis=0, keepdims=True))[0]) if len(sums) else float("nan")
    if resamples == 0 or len(sums) == 0:
        return Estimate(value, value, value, count)
    drawn = reduce(draws(len(sums), resamples, seed) @ sums)
    return interval(value, drawn, count)


def interval(value: float, drawn: NDArray[np.float64], count: int) -> Estimate:
    """The value with the 2.5% and 97.5% percentiles of its resampled values."""
    usable = drawn[np.isfinite(drawn)]
    if len(usable) == 0:
        return Estimate(value, value, value, count)
    low, high = np.percentile(usable, (2.5, 97.5))
    return Estimate(value, float(low), float(high), count, drawn)


def change(before: Estimate, after: Estimate) -> Estimate:
    """after - before with its interval. Both must come from the same gold images: then their k-th resampled values are
    of the same images, and what is common to both, such as hard images, cancels out (a paired bootstrap).

    Raises ValueError if they were resampled a different number of times."""
    if len(before.drawn) != len(after.drawn):
        raise ValueError(
            f"paired estimates must have as many resamples, got {len(before.drawn)} and {len(after.drawn)}:"
            " measure both on the same gold"
        )
    return interval(after.value - before.value, after.drawn - before.drawn, min(before.count, after.count))


def draws(images: int, resamples: int, seed: int = 0) -> NDArray[np.float64]:
    """[resamples, images]: how often each image is in each resampled set; equal seeds give paired comparisons."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(images, np.full(images, 1 / images), size=resamples).astype(np.float64)
