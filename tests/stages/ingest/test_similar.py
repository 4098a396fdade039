import numpy as np
import pytest
from numpy.typing import NDArray

from stages.ingest.similar import equal_ones, near_originals

DISTANCES = [0, 2, 3, 4, 5, 6, 8, 12, 15]


def drifting(count: int, seed: int, distance: int) -> NDArray[np.uint64]:
    """Random hashes, many of them equal to an earlier one or a few bits from it."""
    rng = np.random.default_rng(seed)
    values: list[int] = []
    for _ in range(count):
        base = int(rng.integers(0, 2**63)) if not values or rng.random() < 0.4 else values[rng.integers(len(values))]
        for bit in rng.choice(64, rng.integers(0, distance + 3), replace=False):
            base ^= 1 << int(bit)
        values.append(base)
    return np.array(values, np.uint64)


def one_after_the_other(hashes: NDArray[np.uint64], distance: int) -> list[int]:
    originals: list[int] = []
    found: list[int] = []
    for place, value in enumerate(hashes.tolist()):
        near = (other for other in originals if (int(hashes[other]) ^ value).bit_count() <= distance)
        found.append(next(near, -1))
        if found[-1] < 0:
            originals.append(place)
    return found


def test_equal_rows_and_the_first_of_each() -> None:
    one, two = np.array([7, 9, 7, 7, 9], np.uint64), np.array([1, 1, 1, 2, 1], np.uint64)
    assert [found.tolist() for found in equal_ones(one)] == [[2, 3, 4], [0, 0, 1]]
    assert [found.tolist() for found in equal_ones(one, two)] == [[2, 4], [0, 1]]
    assert [found.tolist() for found in equal_ones(one[:0])] == [[], []]


@pytest.mark.parametrize("distance", DISTANCES)
def test_what_is_found_is_what_a_full_comparison_finds(distance: int) -> None:
    hashes = drifting(1500, distance, distance)  # more than are compared each with each
    assert near_originals(hashes, distance).tolist() == one_after_the_other(hashes, distance)


def test_what_is_known_is_not_compared_and_an_original_for_the_others() -> None:
    hashes = drifting(1500, 1, 4)
    whole = one_after_the_other(hashes, 4)
    known = [place for place in range(500) if whole[place] < 0]
    places = np.array([*known, *range(500, 1500)])
    found = near_originals(hashes[places], 4, len(known))
    assert np.where(found < 0, -1, places[found])[len(known) :].tolist() == whole[500:]
    assert (found[: len(known)] == -1).all()


def test_a_hash_that_many_images_share_is_looked_for_once() -> None:
    """Blank pictures: if each were compared with all before it, this test would take minutes."""
    hashes = np.concatenate([np.zeros(200_000, np.uint64), drifting(100, 0, 4)])
    found = near_originals(hashes, 4)
    assert (found[1:200_000] == 0).all()


def test_more_pairs_than_are_looked_at_in_one_step() -> None:
    """All share most of their bits, and are still no duplicates."""
    hashes = np.arange(3000, dtype=np.uint64) << np.uint64(40)
    assert near_originals(hashes, 4).tolist() == one_after_the_other(hashes, 4)
