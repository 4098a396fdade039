"""Parquet files: rows of a list, and pictures that lie in their cells.

A Hugging Face Image column is a struct of bytes and path; img2dataset and others write plain binary columns. Such a
column is not read when the list is: its rows hold a `Cell` instead, and `CellReader` fetches the bytes later.

    image: struct<bytes, path> | text      ->  CsvRow(1, {"image": Cell("image.bytes", "cat.png"), "text": "a cat"})
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, repeat
from threading import Lock
from typing import IO, TYPE_CHECKING, NamedTuple

from stages.ingest.csv_rows import CsvRow
from stages.ingest.entry import SourceError
from stages.ingest.locations import open_binary, starts_like_an_image

if TYPE_CHECKING:
    import pyarrow.parquet as pq

_PEEKED = 64
"""Values of a binary column that are looked at to tell pictures from paths."""


class Cell(NamedTuple):
    """Where the bytes of a row's picture are, and what it was called; "" if nobody says."""

    column: str
    path: str = ""


def parquet_rows(location: str, data: bytes) -> Iterator[CsvRow]:
    """Rows of a parquet list, numbered from 1. Raises SourceError for a file that is damaged."""
    with _sound(location):
        import pyarrow.parquet as pq

        file = pq.ParquetFile(io.BytesIO(data))
        cells = _cell_columns(file)
        plain = [name for name in file.schema_arrow.names if name not in cells]
        paths = [column.removesuffix("bytes") + "path" for column in cells.values() if column.endswith(".bytes")]
        columns = [*plain, *paths]
        batches = file.iter_batches(columns=columns) if columns else ()  # nothing but pictures
        rows = chain.from_iterable(batch.to_pylist() for batch in batches) if columns else repeat({}, _length(file))
        for number, values in enumerate(rows, 1):
            named = {name: Cell(column, _path(values.get(name))) for name, column in cells.items()}
            yield CsvRow(number, {**values, **named})


class CellReader:
    """Bytes of cells. Keeps the column of one row group, since neighbours are read one after the other. Safe to use
    from several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: tuple[str, str, int, int] = ("", "", 0, 0)
        self._values: list[bytes | None] = []

    def read(self, location: str, column: str, row: int) -> bytes | None:
        """The bytes in a row, from 0; None if the cell is empty or the file has no such row.

        Raises SourceError for a file that is no sound parquet, OSError for one that cannot be opened."""
        with self._lock:
            if self._kept[:2] != (location, column) or not self._kept[2] <= row < self._kept[3]:
                with open_binary(location) as file, _sound(location):
                    self._load(location, column, row, file)
            place = row - self._kept[2]
            return self._values[place] if place < len(self._values) else None

    def _load(self, location: str, column: str, row: int, opened: IO[bytes]) -> None:
        import pyarrow.parquet as pq

        file = pq.ParquetFile(opened)
        start = 0
        for group in range(file.num_row_groups):
            rows = file.metadata.row_group(group).num_rows
            if start <= row < start + rows:
                table = file.read_row_group(group, columns=[column], use_threads=False)
                values = table.flatten() if column.endswith(".bytes") else table
                self._values = values.column(0).to_pylist()
                self._kept = (location, column, start, start + rows)
                return
            start += rows
        self._kept, self._values = (location, column, row, row + 1), []


def _length(file: "pq.ParquetFile") -> int:
    return int(file.metadata.num_rows)


def _cell_columns(file: "pq.ParquetFile") -> dict[str, str]:
    """Name of each column of pictures -> path of the leaf that holds the bytes."""
    import pyarrow as pa

    found: dict[str, str] = {}
    for field in file.schema_arrow:
        if pa.types.is_struct(field.type):
            leaf = f"{field.name}.bytes"
            children = {child.name: child.type for child in field.type}
            if _is_binary(children.get("bytes")) and not _all_null(file, leaf):
                found[field.name] = leaf
        elif _is_binary(field.type) and _holds_pictures(file, field.name):
            found[field.name] = field.name
    return found


def _is_binary(kind: object) -> bool:
    import pyarrow as pa

    return kind is not None and (pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _all_null(file: "pq.ParquetFile", leaf: str) -> bool:
    """Whether the statistics say that a column has no value at all; then the struct's path is the place."""
    for group in range(file.num_row_groups):
        chunks = file.metadata.row_group(group)
        for index in range(chunks.num_columns):
            chunk = chunks.column(index)
            if chunk.path_in_schema == leaf and (
                chunk.statistics is None or chunk.statistics.null_count != chunks.num_rows
            ):
                return False
    return True


def _holds_pictures(file: "pq.ParquetFile", name: str) -> bool:
    for batch in file.iter_batches(batch_size=_PEEKED, columns=[name]):
        for value in batch.column(0).to_pylist():
            if value:
                return starts_like_an_image(value[:16])
    return False


def _path(struct: object) -> str:
    path = struct.get("path") if isinstance(struct, dict) else None
    return path if isinstance(path, str) else ""


@contextmanager
def _sound(location: str) -> Iterator[None]:
    """What pyarrow raises for damaged files, as one line."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, ValueError) as error:
        if isinstance(error, SourceError):
            raise
        first_line = str(error).partition("\n")[0]
        raise SourceError(f"source {location}: not a sound parquet file: {first_line}") from error
