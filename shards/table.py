"""Arrow tables as parquet bytes.

Equal tables give equal bytes: no clock, no random part; only a new pyarrow release may encode differently. The name and
version of each table stand in its schema metadata (`fld_table`, `fld_version`); another version is refused.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import RawIOBase
from itertools import chain

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from shards.errors import CorpusError
from shards.quiet_arrow import forget_pandas

forget_pandas()
ROW_GROUP = 65_536
ROWS_AT_ONCE = 2048
"""What is in memory of a table that is read or written piece by piece. A row group holds a whole number of them."""
_ZSTD_LEVEL = 3

BOX = pa.struct([(side, pa.float64()) for side in ("x0", "y0", "x1", "y1")])
BOX_SMALL = pa.struct([(side, pa.float32()) for side in ("x0", "y0", "x1", "y1")])


def versioned(name: str, version: int, fields: list[tuple[str, pa.DataType]]) -> pa.Schema:
    """A schema that says which table it is."""
    return pa.schema(fields, metadata={"fld_table": name, "fld_version": str(version)})


def version_of(data: bytes) -> str:
    """The version that a table was written with; "" for what is no table of ours."""
    try:
        return str((pq.read_schema(pa.BufferReader(data)).metadata or {}).get(b"fld_version", b"").decode())
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        return ""


def encode(table: pa.Table) -> bytes:
    """Parquet bytes: zstd, dictionary-coded strings, byte-stream-split doubles, page checksums."""
    return b"".join(encode_parts([table], table.schema))


def encode_parts(tables: Iterable[pa.Table], schema: pa.Schema) -> Iterator[bytes]:
    """The bytes of one parquet file of many tables, each in row groups of its own, as they come: nothing is held for
    longer than a table."""
    plain, split = _columns_by_encoding(schema)
    sink = _Chunks()
    with pq.ParquetWriter(
        pa.PythonFile(sink, "w"),
        schema,
        compression="zstd",
        compression_level=_ZSTD_LEVEL,
        use_dictionary=plain,
        use_byte_stream_split=split,
        write_page_checksum=True,
    ) as writer:
        for table in tables:
            writer.write_table(table, row_group_size=ROW_GROUP)
            yield from sink.taken()
    yield from sink.taken()


class _Chunks:
    """A file to write to, whose bytes can be taken away meanwhile."""

    closed = False

    def __init__(self) -> None:
        self._chunks: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._chunks.append(bytes(data))
        return len(data)

    def taken(self) -> list[bytes]:
        taken, self._chunks = self._chunks, []
        return taken

    def flush(self) -> None:
        """Nothing waits anywhere else."""

    def close(self) -> None:
        self.closed = True


def decode(data: bytes, schema: pa.Schema, path: str, columns: list[str] | None = None) -> pa.Table:
    """The table in `data`, page checksums verified. Raises CorpusError if it is damaged or of another version."""
    with _damage_named(path):
        return _opened(data, schema, path).read(columns, use_threads=False)


def decode_rows(data: bytes, schema: pa.Schema, path: str, first: int, last: int) -> pa.Table:
    """Rows first to last, both included, of the table in `data`: only their row groups are decoded. Raises like
    `decode`."""
    with _damage_named(path):
        file = _opened(data, schema, path)
        groups = range(first // ROW_GROUP, last // ROW_GROUP + 1)
        return file.read_row_groups(list(groups), use_threads=False).slice(first % ROW_GROUP, last - first + 1)


def decode_parts(file: RawIOBase, schemas: Sequence[pa.Schema], path: str) -> Iterator[pa.Table]:
    """The table in a file, of one of these versions, some rows at a time. Raises like `decode`."""
    with _damage_named(path):
        found = pq.read_schema(file).metadata or {}
        schema = next((each for each in schemas if each.metadata.items() <= found.items()), schemas[0])
        opened = _opened(file, schema, path)
        for batch in opened.iter_batches(ROWS_AT_ONCE, use_threads=False):
            yield pa.Table.from_batches([batch])


def _opened(data: bytes | RawIOBase, schema: pa.Schema, path: str) -> pq.ParquetFile:
    file = pq.ParquetFile(pa.BufferReader(data) if isinstance(data, bytes) else data, page_checksum_verification=True)
    _check_version(file.schema_arrow.metadata or {}, schema.metadata, path)
    if not file.schema_arrow.equals(schema):
        raise pa.ArrowInvalid(f"its columns must be {schema.names} with their types, got {file.schema_arrow.names}")
    return file


@contextmanager
def _damage_named(path: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise CorpusError(f"{path} is damaged: {error}; `fld verify --repair` writes it again") from error


def tuples(rows: Sequence[tuple[float, ...] | None], kind: pa.StructType) -> pa.Array:
    """A struct column of numbers, one field per position. None is null."""
    nothing = (0,) * kind.num_fields
    numbers = np.fromiter(chain.from_iterable([nothing if row is None else row for row in rows]), np.float64)
    columns = numbers.reshape(-1, kind.num_fields).T
    fields = [
        pa.array(column.astype(field.type.to_pandas_dtype())) for column, field in zip(columns, kind, strict=True)
    ]
    return pa.StructArray.from_arrays(fields, fields=list(kind), mask=null_mask(rows))


def null_mask(rows: Sequence[object]) -> pa.Array:
    """True where there is nothing."""
    return pa.array([row is None for row in rows], pa.bool_())


def _columns_by_encoding(schema: pa.Schema) -> tuple[list[str], list[str]]:
    """Parquet paths of the leaves that are dictionary-coded (strings) and byte-stream-split (floating point)."""
    leaves = [leaf for field in schema for leaf in _leaves(field.name, field.type)]
    strings = [path for path, kind in leaves if pa.types.is_string(kind)]
    floats = [path for path, kind in leaves if pa.types.is_floating(kind)]
    return strings, floats


def _leaves(path: str, kind: pa.DataType) -> list[tuple[str, pa.DataType]]:
    if pa.types.is_struct(kind):
        return [leaf for field in kind for leaf in _leaves(f"{path}.{field.name}", field.type)]
    if pa.types.is_list(kind):
        return _leaves(f"{path}.list.element", kind.value_type)
    return [(path, kind)]


def _check_version(found: dict[bytes, bytes], wanted: dict[bytes, bytes], path: str) -> None:
    name, version = wanted[b"fld_table"].decode(), wanted[b"fld_version"].decode()
    got_name, got_version = (found.get(field, b"none").decode() for field in (b"fld_table", b"fld_version"))
    if (got_name, got_version) != (name, version):
        raise CorpusError(
            f"{path} must be a {name!r} table of version {version}, got {got_name!r} of version {got_version}:"
            " use the fld-engine release that wrote it, or build a new corpus with this one"
        )
