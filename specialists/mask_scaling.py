"""Masks enlarged to the size of their image, only where there may be something in them.

Comes in: logits, float32 [h, w]. Goes out: which pixels of the large image are above a threshold, bool [H, W]. A pixel
between others is never above all of them, so whatever lies outside the rows and columns that hold a value above the
threshold stays empty, and need not be computed: most masks of a photograph are small, and the photograph is not.
"""

import numpy as np
from numpy.typing import NDArray


def enlarged(logits: NDArray[np.float32], hw: tuple[int, int], threshold: float) -> NDArray[np.bool_]:
    """bool [n, *hw] of logits [n, h, w]: bilinear, with the pixel centres of torch's `interpolate` (align_corners
    False), then above the threshold."""
    large = np.zeros((len(logits), *hw), bool)
    down, across = _neighbours(hw[0], logits.shape[1]), _neighbours(hw[1], logits.shape[2])
    for small, mask in zip(logits, large, strict=True):
        is_above = small > threshold
        rows, columns = np.flatnonzero(is_above.any(axis=1)), np.flatnonzero(is_above.any(axis=0))
        if len(rows):
            y, x = down.around(rows), across.around(columns)
            values = _between(_between(small, down, y).T, across, x).T
            mask[y, x] = values > threshold
    return large


class _Neighbours:
    """Of each place on the long side: the two on the short side between which it lies, and the second's weight."""

    def __init__(self, first: NDArray[np.int64], second: NDArray[np.int64], weight: NDArray[np.float32]) -> None:
        self.first = first
        self.second = second
        self.weight = weight

    def around(self, places: NDArray[np.int64]) -> slice:
        """The places that have one of these (rising) among their neighbours, or lie between two of them."""
        start = np.searchsorted(self.second, places[0], "left")
        return slice(int(start), int(np.searchsorted(self.first, places[-1], "right")))


def _neighbours(long: int, short: int) -> _Neighbours:
    middles = (np.arange(long, dtype=np.float32) + np.float32(0.5)) * np.float32(short / long) - np.float32(0.5)
    at = np.maximum(middles, np.float32(0))
    first = np.minimum(at.astype(np.int64), short - 1)
    return _Neighbours(first, np.minimum(first + 1, short - 1), (at - first).astype(np.float32))


def _between(values: NDArray[np.float32], of: _Neighbours, part: slice) -> NDArray[np.float32]:
    """The rows of `part` out of those of `values` [rows, ...]."""
    weight = of.weight[part, None]
    mixed: NDArray[np.float32] = values[of.first[part]] * (1 - weight) + values[of.second[part]] * weight
    return mixed
