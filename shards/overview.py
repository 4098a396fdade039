"""The summaries of all shards of a round in one file, so that a million images are looked at without opening thousands.

    rounds/00/overview/images.parquet     the rows of `shards/summary.py`, in corpus order; the lists hold numbers
    rounds/00/overview/names.parquet      column, name string: what number 0, 1, ... of `labels` and so on stands for
    rounds/00/overview/manifest/overview.json

It follows from the summaries. Whoever writes a shard of the round withdraws it first and completes it last
(`engine/runtime/refilter.py`), so that an overview that is there is up to date.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np
import pyarrow as pa

from shards import commit, summary, table
from shards.commit import ImageCounts, Manifest
from shards.layout import round_folder
from shards.store import Store
from shards.summaries import add_summary, has_summary, read_summary

NAME = "overview"
IMAGES_FILE, NAMES_FILE = "images.parquet", "names.parquet"
LISTS = ("labels", "annotators", "rules")
_ROWS = 65_536  # of a row group
_NUMBERS = pa.list_(pa.int32())
SCHEMA = table.versioned(
    NAME,
    summary.VERSION,
    [(field.name, _NUMBERS if field.name in LISTS else field.type) for field in summary.SCHEMA],
)
NAMES = table.versioned("overview_names", 1, [("column", pa.string()), ("name", pa.string())])
Progress = Callable[[int, int], None]
"""Is told how many shards of how many are read."""


def overview_folder(number: int) -> str:
    """`overview_folder(0)` is "rounds/00/overview"."""
    return f"{round_folder(number)}/{NAME}"


def withdraw_overview(store: Store, number: int) -> None:
    """Before a shard of the round is written."""
    commit.retire(store, overview_folder(number), NAME)


def complete_overview(store: Store, number: int, progress: Progress | None = None) -> Manifest | None:
    """Write what is missing: summaries of shards that an older release wrote, then the overview. Only for the holder of
    the corpus lock. None for a round without shards."""
    overview = commit.find(store, overview_folder(number), NAME)
    if overview is not None and overview.fingerprint == _fingerprint():
        return overview
    done = commit.committed(store, round_folder(number))
    if not done:
        return None
    current = {
        shard: manifest if has_summary(manifest) else add_summary(store, number, manifest)
        for shard, manifest in done.items()
    }
    counts = [manifest.counts for manifest in current.values()]
    whole = ImageCounts(
        sum(count.read for count in counts),
        sum(count.kept for count in counts),
        sum(count.dropped for count in counts),
        sum(count.failed for count in counts),
    )
    files = overview_files(store, number, current, progress)
    return commit.publish(store, overview_folder(number), NAME, files, whole, _fingerprint())


def find_overview(store: Store, number: int) -> Manifest | None:
    """The manifest of an overview of this version; None if there is none."""
    overview = commit.find(store, overview_folder(number), NAME)
    return overview if overview is not None and overview.fingerprint == _fingerprint() else None


def overview_files(
    store: Store, number: int, manifests: Mapping[str, Manifest], progress: Progress | None = None
) -> dict[str, Iterable[bytes]]:
    """The two files, to be read in this order: the names are known when the images were read."""
    known: dict[str, dict[str, int]] = {column: {} for column in LISTS}

    def tables() -> Iterator[pa.Table]:
        for position, manifest in enumerate(manifests.values()):
            yield _numbered(read_summary(store, number, manifest), known)
            if progress is not None:
                progress(position + 1, len(manifests))

    return {IMAGES_FILE: table.encode_parts(_gathered(tables()), SCHEMA), NAMES_FILE: _names(known)}


def _fingerprint() -> str:
    return f"version={summary.VERSION}"


def _numbered(summary_table: pa.Table, known: dict[str, dict[str, int]]) -> pa.Table:
    """The table with numbers in place of the names in its lists; new names get the next number."""
    columns = {name: summary_table[name].combine_chunks() for name in SCHEMA.names}
    for name, numbers in known.items():
        lists = columns[name]
        names = lists.flatten().dictionary_encode()
        own = np.array([numbers.setdefault(entry, len(numbers)) for entry in names.dictionary.to_pylist()], np.int32)
        values = own[names.indices.to_numpy(zero_copy_only=False)] if len(own) else np.empty(0, np.int32)
        lengths = np.nan_to_num(lists.value_lengths().to_numpy(zero_copy_only=False)).astype(np.int64)
        offsets = np.concatenate([[0], lengths.cumsum()]).astype(np.int32)
        columns[name] = pa.ListArray.from_arrays(pa.array(offsets), pa.array(values))
    return pa.Table.from_arrays([columns[name] for name in SCHEMA.names], schema=SCHEMA)


def _gathered(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The same rows in larger tables: a row group per shard would be read slowly."""
    waiting: list[pa.Table] = []
    for part in tables:
        waiting.append(part)
        if sum(part.num_rows for part in waiting) >= _ROWS:
            yield pa.concat_tables(waiting).combine_chunks()
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting).combine_chunks()


def _names(known: Mapping[str, Mapping[str, int]]) -> Iterator[bytes]:
    """A generator, because the names are known only when the images were read."""
    rows = [(column, name) for column, numbers in known.items() for name in numbers]
    columns = [pa.array([row[place] for row in rows], pa.string()) for place in range(2)]
    yield table.encode(pa.Table.from_arrays(columns, schema=NAMES))
