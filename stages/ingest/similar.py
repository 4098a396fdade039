"""Which of many hashes have an equal or a similar one before them, in arrays: some tens of bytes per hash.

    equal_ones(np.array([7, 9, 7], np.uint64))                               [2], [0]: the last equals the first
    near_originals(np.array([0b000, 0b011, 0b111], np.uint64), distance=2)   [-1, 0, -1]: the last is 3 bits from the
                                                                             first, and the second is no original

Pairs are found by multi-index hashing (Norouzi et al., 2012): 64 bits are cut into a few parts; two hashes within d
bits agree in some part up to d // parts bits, so it is enough to look where such hashes lie in sorted order.
"""

from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
Places = NDArray[np.int64]

_CHUNK = 1024
"""Hashes that are compared with all before them at once, and then each with each."""
_AT_ONCE = 1 << 18
"""Pairs that are looked at in one step; 25 bytes each."""
_PLACE_BITS = 40  # of a sorted entry, below those of the part: 64 - 22


def equal_ones(*columns: Hashes) -> tuple[Places, Places]:
    """The places, rising, of those rows of the columns (of equal length) that are equal to a row before them, and for
    each the first such row."""
    order = np.lexsort(columns)
    is_new = np.zeros(len(order), bool)
    is_new[:1] = True
    for column in columns:
        ordered = column[order]
        is_new[1:] |= ordered[1:] != ordered[:-1]
    again, starts = np.flatnonzero(~is_new), np.flatnonzero(is_new)
    places, first = order[again], order[starts[np.searchsorted(starts, again, "right") - 1]]
    by_place = np.argsort(places)
    return places[by_place], first[by_place]


def near_originals(hashes: Hashes, distance: int, known: int = 0) -> Places:
    """For each hash the place of the earliest *original* before it within the distance, -1 if there is none: then it is
    an original itself. The first `known` are originals, whatever they are near to, and different."""
    again, first = equal_ones(hashes)
    if not len(again):
        return _search(hashes, distance, known)
    is_new = np.ones(len(hashes), bool)
    is_new[again] = False
    different = np.flatnonzero(is_new)
    found = _search(hashes[different], distance, known)
    near = np.full(len(hashes), -1)
    near[different] = np.where(found < 0, -1, different[found])
    near[again] = np.where(near[first] < 0, first, near[first])
    return near


def _search(hashes: Hashes, distance: int, known: int) -> Places:
    """`near_originals` of hashes that are all different."""
    index = _Index(hashes, distance)
    is_original = np.ones(len(hashes), bool)
    found = np.full(len(hashes), -1)
    for start in range(known, len(hashes), _CHUNK):
        chunk = hashes[start : start + _CHUNK]
        answers = found[start : start + _CHUNK]
        answers[:] = index.earliest(chunk, start, is_original)
        alone = np.flatnonzero(answers < 0)
        among = _among(chunk[alone], distance)
        answers[alone] = np.where(among < 0, -1, start + alone[among])
        is_original[start : start + _CHUNK] = answers < 0
    return found


class _Part(NamedTuple):
    """Some bits of all hashes. entries: uint64 [n], sorted: those bits of a hash, then its place. masks: what is to be
    flipped to get to all that are near enough."""

    shift: int
    bits: int
    masks: Hashes
    entries: Hashes

    def of(self, hashes: Hashes) -> Hashes:
        return hashes >> np.uint64(self.shift) & np.uint64((1 << self.bits) - 1)


class _Index:
    """All hashes, sorted by each of their parts."""

    def __init__(self, hashes: Hashes, distance: int) -> None:
        self._hashes = hashes
        self._distance = distance
        self._parts = [self._part(shift, bits) for shift, bits in _cuts(distance)]

    def _part(self, shift: int, bits: int) -> _Part:
        flips = range(self._distance // len(_cuts(self._distance)) + 1)
        masks = [sum(1 << bit for bit in chosen) for count in flips for chosen in combinations(range(bits), count)]
        part = _Part(shift, bits, np.array(masks, np.uint64), np.empty(0, np.uint64))
        entries = part.of(self._hashes) << np.uint64(_PLACE_BITS)
        entries |= np.arange(len(entries), dtype=np.uint64)
        entries.sort()
        return part._replace(entries=entries)

    def earliest(self, wanted: Hashes, before: int, is_original: NDArray[np.bool_]) -> Places:
        """For each of `wanted` the earliest original at a place below `before` within the distance, or -1."""
        best = np.full(len(wanted), before)
        for part in self._parts:
            lowest = (part.of(wanted) ^ part.masks[:, None]) << np.uint64(_PLACE_BITS)
            starts = np.searchsorted(part.entries, lowest.ravel())
            ends = np.searchsorted(part.entries, lowest.ravel() | np.uint64(before))
            for ranges, entries in _spelt_out(starts, ends):
                places = (part.entries[entries] & np.uint64((1 << _PLACE_BITS) - 1)).astype(np.int64)
                asked = ranges % len(wanted)
                near = np.bitwise_count(self._hashes[places] ^ wanted[asked]) <= self._distance
                near &= is_original[places]
                np.minimum.at(best, asked[near], places[near])
        return np.where(best < before, best, -1)


def _cuts(distance: int) -> list[tuple[int, int]]:
    """Lowest bit and number of bits of each part: of three or four parts, what has fewer flips. The larger a part, the
    fewer hashes share it, but the more ways there are to flip its bits."""
    return [(0, 22), (22, 21), (43, 21)] if distance in (0, 1, 2, 4, 5) else [(0, 16), (16, 16), (32, 16), (48, 16)]


def _spelt_out(starts: Places, ends: Places) -> Iterator[tuple[Places, Places]]:
    """The numbers in all ranges start..end (exclusive), each with that of its range; only so many at once."""
    last = np.cumsum(ends - starts)
    total = int(last[-1]) if len(last) else 0
    for low in range(0, total, _AT_ONCE):
        number = np.arange(low, min(low + _AT_ONCE, total))
        ranges = np.searchsorted(last, number, "right")
        yield ranges, ends[ranges] - last[ranges] + number


def _among(hashes: Hashes, distance: int) -> Places:
    """`near_originals` of few hashes, each compared with each."""
    near = np.tril(np.bitwise_count(hashes[:, None] ^ hashes) <= distance, -1)
    found = np.full(len(hashes), -1)
    for place in np.flatnonzero(near.any(axis=1)):
        originals = np.flatnonzero(near[place] & (found < 0))
        if len(originals):
            found[place] = originals[0]
    return found
