"""What became of every image since another round, as a facet: from the columns of two overviews, no record is read.

    "same", "labels" (other kinds of objects), "objects" (other numbers of them), "texts" (another caption, others),
    "phrases", "new" (kept now, not before), "gone" (kept before, not now)

The first difference in this order names an image.
"""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from shards.lookup import key_hash
from shards.overview_table import Lists, OverviewTable

NAMES = ["same", "new", "gone", "labels", "objects", "texts", "phrases"]
_COUNTED = {"objects": ("objects", "words"), "texts": ("texts", "brief_words", "detailed_words", "more_detailed_words"),
            "phrases": ("phrases",)}  # fmt: skip


def change_facet(before: OverviewTable, now: OverviewTable) -> Lists:
    """One value per image of `now`."""
    partner = _partners(before, now)
    there = partner >= 0
    mine, theirs = np.flatnonzero(there), partner[there]
    codes = np.full(len(now), NAMES.index("same"), np.int32)
    kept, was = _kept(now)[mine], _kept(before)[theirs]
    different = {name: np.zeros(len(mine), bool) for name in ("labels", "objects", "texts", "phrases")}
    different["labels"] = _label_sums(now)[mine] != _label_sums(before)[theirs]
    for name, columns in _COUNTED.items():
        for column in columns:
            different[name] |= _whole(now, column)[mine] != _whole(before, column)[theirs]
    captions, old = now.text("caption").take(pa.array(mine)), before.text("caption").take(pa.array(theirs))
    different["texts"] |= ~pc.equal(captions, old).fill_null(True).to_numpy()
    found = np.full(len(mine), NAMES.index("same"), np.int32)
    for name in ("phrases", "texts", "objects", "labels"):
        found[different[name] & kept & was] = NAMES.index(name)
    found[kept & ~was], found[~kept & was] = NAMES.index("new"), NAMES.index("gone")
    codes[mine] = found
    codes[~there & _kept(now)] = NAMES.index("new")
    return Lists(NAMES, np.arange(len(now), dtype=np.int32), codes)


def _partners(before: OverviewTable, now: OverviewTable) -> NDArray[np.int64]:
    """For every image of `now` its position in `before`, -1 where it is not there."""
    keys, old = now.text("key"), before.text("key")
    if len(keys) == len(old) and keys.equals(old):
        return np.arange(len(now))
    found: NDArray[np.int64] = pc.index_in(keys, value_set=old.combine_chunks()).fill_null(-1).to_numpy()
    return found.astype(np.int64)


def _kept(images: OverviewTable) -> NDArray[np.bool_]:
    status = images.words("status")
    kept: NDArray[np.bool_] = np.array([name == "kept" for name in status.names], bool)[status.codes]
    return kept


def _whole(images: OverviewTable, column: str) -> NDArray[Any]:
    whole: NDArray[Any] = np.nan_to_num(images.numbers(column), nan=-1)
    return whole


def _label_sums(images: OverviewTable) -> NDArray[np.uint64]:
    """A number per image that is equal for equal sets of labels, and nearly never otherwise."""
    labels = images.lists("labels")
    hashes = np.array([key_hash(name) for name in labels.names], np.uint64)
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(hashes[labels.codes], dtype=np.uint64)])
    ends = np.searchsorted(labels.rows, np.arange(len(images) + 1))
    own: NDArray[np.uint64] = sums[ends[1:]] - sums[ends[:-1]]  # wraps around, which does no harm
    return own
