"""An overview opened: whole columns as arrays, each read when it is first asked for.

    images = open_overview(store, 0)         reads 2 kB
    images.numbers("score_min")              float32 [images], NaN where there is none
    images.lists("labels")                   names, and two int32 arrays: (row, number of the name) of every entry
    images.text("caption")                   a pyarrow string array
    images.cells([0, 1, 2], ["key", "score_min"])    of some images, from their part of the file if they lie together

A million images are 64 MB on disk, and as much again in memory per hundred characters of text that is searched.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from shards import commit
from shards.layout import round_folder
from shards.overview import IMAGES_FILE, NAME, NAMES_FILE, Progress, find_overview, overview_files, overview_folder
from shards.store import LocalStore, Store

_NUMBERS = ("offset", "size", "record_offset", "record_size", "record_crc32", "first_row", "last_row")
PLACE = ("key", "shard", "status", "ext", *_NUMBERS)
"""What `OverviewTable.place` holds."""
_FEW_PARTS = 8
"""Parts of the file that are read by themselves, all in all; who asks for more is served from whole columns."""


@dataclass(frozen=True, eq=False)
class Lists:
    """A column of lists: `names[codes[i]]` is an entry of the list of image `rows[i]`; rows ascend."""

    names: list[str]
    rows: NDArray[np.int32]
    codes: NDArray[np.int32]


class OverviewTable:
    """All images of a round, column by column. Safe to use from several threads. images, names: the two files, as a
    path or as bytes."""

    def __init__(self, images: str | bytes, names: str | bytes) -> None:
        self._lock = RLock()
        self._file = _open(images)
        self._names = _open(names)
        groups = range(self._file.metadata.num_row_groups)
        self._ends = np.cumsum([self._file.metadata.row_group(group).num_rows for group in groups])
        self._parts: dict[tuple[int, tuple[str, ...]], pa.Table] = {}
        self._columns: dict[str, pa.ChunkedArray] = {}
        self._numbers: dict[str, NDArray[Any]] = {}
        self._lists: dict[str, Lists] = {}

    def __len__(self) -> int:
        return int(self._file.metadata.num_rows)

    def numbers(self, name: str) -> NDArray[Any]:
        """A column of numbers, one per image; NaN where there is none, 0 in columns of 64 bits."""
        with self._lock:
            if name not in self._numbers:
                column = self._read(name)
                if column.null_count and column.type in (pa.int64(), pa.uint32()):
                    column = column.fill_null(0)
                self._numbers[name] = column.to_numpy()
            return self._numbers[name]

    def text(self, name: str) -> pa.ChunkedArray:
        """A column of strings, one per image, null where there is none."""
        with self._lock:
            return self._column(name)

    def words(self, name: str) -> Lists:
        """A column of strings as lists of one: for those with few different values."""
        with self._lock:
            if name not in self._lists:
                column = self._read(name).combine_chunks().fill_null("").dictionary_encode()
                codes = column.indices.to_numpy(zero_copy_only=False).astype(np.int32)
                self._lists[name] = Lists(column.dictionary.to_pylist(), np.arange(len(codes), dtype=np.int32), codes)
            return self._lists[name]

    def lists(self, name: str) -> Lists:
        """A column of lists of names."""
        with self._lock:
            if name not in self._lists:
                column = self._read(name).combine_chunks()
                lengths = np.diff(column.offsets.to_numpy())
                rows = np.repeat(np.arange(len(column), dtype=np.int32), lengths)
                named = self._names.read(use_threads=False).to_pydict()
                names = [each for of, each in zip(named["column"], named["name"], strict=True) if of == name]
                self._lists[name] = Lists(names, rows, column.flatten().to_numpy())
            return self._lists[name]

    def place(self, row: int) -> dict[str, Any]:
        """What `Round.record_of`, `image_of` and `rows_of` want to know of an image."""
        return self.cells([row], PLACE)[0]

    def cells(self, rows: Sequence[int], names: Sequence[str]) -> list[dict[str, Any]]:
        """Name -> value, None without one, of some columns of numbers and strings, for each of these images. The first
        few parts of the file that are asked about are read by themselves: a page in the order of the round is there at
        once. Who looks at images all over the round gets whole columns, once."""
        with self._lock:
            groups = np.searchsorted(self._ends, np.asarray(rows), side="right").tolist()
            wanted = {(group, tuple(names)) for group in groups}
            if len(self._parts.keys() | wanted) > _FEW_PARTS:
                columns = {name: self._column(name) for name in names}
                return [{name: column[row].as_py() for name, column in columns.items()} for row in rows]
            for part in wanted - self._parts.keys():
                self._parts[part] = self._file.read_row_group(part[0], list(names), use_threads=False)
            return [
                self._row_of(self._parts[group, tuple(names)], group, row)
                for row, group in zip(rows, groups, strict=True)
            ]

    def _row_of(self, part: pa.Table, group: int, row: int) -> dict[str, Any]:
        at = row - (int(self._ends[group]) - part.num_rows)
        return {name: part.column(name)[at].as_py() for name in part.column_names}

    def _column(self, name: str) -> pa.ChunkedArray:
        if name not in self._columns:
            self._columns[name] = self._read(name)
        return self._columns[name]

    def _read(self, name: str) -> pa.ChunkedArray:
        return self._file.read([name], use_threads=False).column(name)


def open_overview(store: Store, number: int, progress: Progress | None = None) -> OverviewTable:
    """The overview of a round; gathered in memory, and not written, where the corpus has none. Raises DamageError for
    one that is not as it was written: checked once, here, since its columns are read where they lie."""
    folder = overview_folder(number)
    if find_overview(store, number) is None:
        manifests = commit.committed(store, round_folder(number))
        made: Mapping[str, bytes] = {
            path: b"".join(parts) for path, parts in overview_files(store, number, manifests, progress).items()
        }
        return OverviewTable(made[IMAGES_FILE], made[NAMES_FILE])
    for path in (IMAGES_FILE, NAMES_FILE):
        commit.check_file(store, folder, NAME, path)
    if isinstance(store, LocalStore):
        root = Path(store.url)
        return OverviewTable(str(root / folder / IMAGES_FILE), str(root / folder / NAMES_FILE))
    return OverviewTable(store.read(f"{folder}/{IMAGES_FILE}"), store.read(f"{folder}/{NAMES_FILE}"))


def _open(source: str | bytes) -> pq.ParquetFile:
    if isinstance(source, str):
        return pq.ParquetFile(source, memory_map=True)
    return pq.ParquetFile(pa.BufferReader(source))
