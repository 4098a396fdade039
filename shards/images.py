"""Image shards: the original bytes in a tar, everything known about each image in a parquet beside it.

    images/000000.tar       one member per image whose status is ok, `safe_key(key).ext`, in the order of the rows
    images/000000.parquet   one row per image of the list, failed ones too:

    key string        the user's key, unescaped      height int32      ... of the oriented image
    uri string        where it came from             ext string        of the detected format: jpg png webp ...
    status string     "ok" | "failed"                offset int64      of its bytes in the tar; null if failed
    stage string      "" | what failed: fetch ...    size int64        number of its bytes; null if failed
    error string      why                            given list<...>   that came with it (shards/finding_column.py)
    sha256 string     of the original bytes          phash string      perceptual hash, hex
    width int32       px of the oriented image

Rows keep the order they are given in; that is the order of the shard everywhere else.
"""

from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec
import pyarrow as pa

from shards import commit, finding_column, table, tar
from shards.commit import ImageCounts, Manifest
from shards.errors import CorpusError
from shards.finding import Finding
from shards.layout import IMAGES, tar_path
from shards.store import Store

SCHEMA = table.versioned(
    "images",
    1,
    [
        ("key", pa.string()),
        ("uri", pa.string()),
        ("status", pa.string()),
        ("stage", pa.string()),
        ("error", pa.string()),
        ("sha256", pa.string()),
        ("phash", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("ext", pa.string()),
        ("offset", pa.int64()),
        ("size", pa.int64()),
        ("given", finding_column.TYPE),
    ],
)
_PLAIN = [name for name in SCHEMA.names if name != "given"]


class ImageRow(msgspec.Struct, frozen=True):
    """One image of the list. A failed one has a stage and an error and no bytes; an ok one has all but those.
    offset and size are set by `write_images`."""

    key: str
    uri: str
    status: Literal["ok", "failed"] = "ok"
    stage: str = ""
    error: str = ""
    sha256: str = ""
    phash: str = ""
    width: int = 0
    height: int = 0
    ext: str = ""
    offset: int | None = None
    size: int | None = None
    given: list[Finding] = []


def write_images(
    store: Store, shard: str, samples: Iterable[tuple[ImageRow, bytes | None]], fingerprint: str = ""
) -> Manifest:
    """Commit one image shard. samples: rows with the original bytes, None for a failed image; consumed one by one, so
    that only one image need be in memory.

    Raises ValueError for a row that contradicts its bytes or a key given twice; nothing is committed then."""
    rows: list[ImageRow] = []
    files = {f"{shard}.tar": _archive(samples, rows), f"{shard}.parquet": _rows_file(rows)}
    return commit.publish(store, IMAGES, shard, files, lambda: _counts(rows), fingerprint)


def read_image_rows(store: Store, shard: str) -> list[ImageRow]:
    """All rows of a committed shard, in shard order. Raises FileNotFoundError if there is none."""
    path = f"{IMAGES}/{shard}.parquet"
    found = table.decode(store.read(path), SCHEMA, path)
    columns = [found.column(name).to_pylist() for name in _PLAIN]
    given = finding_column.decode(found.column("given"))
    return [ImageRow(*fields) for fields in zip(*columns, given, strict=True)]


def read_image(store: Store, shard: str, row: ImageRow) -> bytes:
    """The original bytes of one image, read from its place in the tar. Raises ValueError for a failed image."""
    if row.offset is None or row.size is None:
        raise ValueError(f"image {row.key!r} has no bytes: it failed at {row.stage}: {row.error}")
    data = store.read(tar_path(shard), row.offset, row.offset + row.size)
    if len(data) != row.size:
        raise CorpusError(f"{tar_path(shard)} is cut off before image {row.key!r} ends: run `fld verify`")
    return data


def _archive(samples: Iterable[tuple[ImageRow, bytes | None]], rows: list[ImageRow]) -> Iterator[bytes]:
    """The tar, while `rows` is filled with what was seen."""
    keys: set[str] = set()
    placed: list[tar.Placed] = []

    def members() -> Iterator[tuple[str, bytes]]:
        for row, data in samples:
            _check(row, data, keys)
            rows.append(row)
            if data is not None:
                yield f"{tar.safe_key(row.key)}.{row.ext}", data

    yield from tar.stream(members(), placed)
    places = iter(placed)
    for index, row in enumerate(rows):
        if row.status == "ok":
            _, offset, size = next(places)
            rows[index] = msgspec.structs.replace(row, offset=offset, size=size)


def _rows_file(rows: list[ImageRow]) -> Iterator[bytes]:
    """The parquet; a generator, because the rows are known only when the tar is written."""
    columns = {name: pa.array([getattr(row, name) for row in rows], SCHEMA.field(name).type) for name in _PLAIN}
    columns["given"] = finding_column.encode(row.given for row in rows)
    yield table.encode(pa.table(columns, SCHEMA))


def _check(row: ImageRow, data: bytes | None, keys: set[str]) -> None:
    if row.key in keys:
        raise ValueError(f"key {row.key!r} is given twice in one shard: keys must be unique in a corpus")
    keys.add(row.key)
    tar.safe_key(row.key)  # raises for a key that is not Unicode
    if (row.status == "ok") != (data is not None):
        raise ValueError(
            f"image {row.key!r}: status 'ok' goes with bytes and 'failed' with None,"
            f" got {row.status!r} with {'None' if data is None else 'bytes'}"
        )
    if row.status == "failed" and not (row.stage and row.error):
        raise ValueError(f"image {row.key!r}: a failed image needs stage and error, got {row.stage!r}, {row.error!r}")
    if row.status == "ok":
        tar.check_extension(row.ext, row.key)


def _counts(rows: list[ImageRow]) -> ImageCounts:
    kept = sum(row.status == "ok" for row in rows)
    return ImageCounts(read=len(rows), kept=kept, failed=len(rows) - kept)
