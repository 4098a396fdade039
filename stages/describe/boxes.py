"""The paper's figure 5 for a round: how large boxes are, how wide, and where.

Comes in: boxes in pixels with the size of their picture. Goes out: `BoxStatistics`, counts in fixed bins, so that
shards add up and rounds can be compared:

    areas      share of the picture that a box covers, 24 bins from 0.01% to 100%, equal on a log scale
    aspects    width / height, 24 bins from 1/16 to 16, equal on a log scale
    centres    rows of a 24 x 24 grid over the picture, the top first

What lies outside counts in the bin at the edge.
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from shards.finding import Box

BINS = 24
AREA_DECADES = 4
"""From 10**-4 of the picture to all of it."""
ASPECT_OCTAVES = 4
"""From 2**-4 to 2**4."""


class BoxStatistics(msgspec.Struct, frozen=True):
    """See above."""

    count: int
    areas: list[int]
    aspects: list[int]
    centres: list[list[int]]

    def scaled(self, times: float) -> "BoxStatistics":
        """Of a sample, as if of all."""
        areas, aspects, *centres = (
            [round(count * times) for count in line] for line in (self.areas, self.aspects, *self.centres)
        )
        return BoxStatistics(round(self.count * times), areas, aspects, centres)


class BoxCounts:
    """Adds boxes up."""

    def __init__(self) -> None:
        self._areas = np.zeros(BINS, np.int64)
        self._aspects = np.zeros(BINS, np.int64)
        self._centres = np.zeros((BINS, BINS), np.int64)

    def add(self, boxes: Sequence[Box], width: int, height: int) -> None:
        """Boxes of one picture; those without an area are left out."""
        found = np.array(boxes, np.float64).reshape(-1, 4)
        wide, high = found[:, 2] - found[:, 0], found[:, 3] - found[:, 1]
        found, wide, high = (each[(wide > 0) & (high > 0)] for each in (found, wide, high))
        areas = 1 + np.log10(wide * high / (width * height)) / AREA_DECADES
        aspects = (1 + np.log2(wide / high) / ASPECT_OCTAVES) / 2
        across = (found[:, 0] + found[:, 2]) / 2 / width
        down = (found[:, 1] + found[:, 3]) / 2 / height
        np.add.at(self._areas, _bins(areas), 1)
        np.add.at(self._aspects, _bins(aspects), 1)
        np.add.at(self._centres, (_bins(down), _bins(across)), 1)

    def total(self) -> BoxStatistics:
        """All that was added."""
        return BoxStatistics(
            int(self._areas.sum()), self._areas.tolist(), self._aspects.tolist(), self._centres.tolist()
        )


def _bins(shares: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    """Of values in [0, 1]."""
    return np.clip(np.floor(shares * BINS), 0, BINS - 1).astype(np.int64)
