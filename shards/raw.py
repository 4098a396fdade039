"""Raw columns: everything one annotator said about the images of one shard, before any filter.

raw/detector-3fa9c1/000000.parquet   one row per annotated image, in the shard's image order:

key string             the image
status string          "ok" | "failed" | "blocked" (an annotator that this one needs failed on the image)
error string           why, "" if ok
findings list<...>     shards/finding_column.py; `detector/4` is the fifth of them
"""

from collections.abc import Iterable
from typing import Literal

import msgspec
import pyarrow as pa

from shards import commit, finding_column, table
from shards.commit import ImageCounts, Manifest
from shards.finding import Finding
from shards.layout import raw_folder
from shards.store import Store

SCHEMA = table.versioned(
    "raw",
    1,
    [("key", pa.string()), ("status", pa.string()), ("error", pa.string()), ("findings", finding_column.TYPE)],
)


class RawRow(msgspec.Struct, frozen=True):
    """What one annotator said about one image; an image it could not annotate has an error and no findings."""

    key: str
    status: Literal["ok", "failed", "blocked"] = "ok"
    error: str = ""
    findings: list[Finding] = []


def write_raw(store: Store, annotator: str, fingerprint: str, shard: str, rows: Iterable[RawRow]) -> Manifest:
    """Commit one shard of one column. Raises ValueError for a row that contradicts itself or a key given twice."""
    rows = list(rows)
    _check(rows)
    kept = sum(row.status == "ok" for row in rows)
    counts = ImageCounts(read=len(rows), kept=kept, failed=len(rows) - kept)
    columns = [
        pa.array([row.key for row in rows], pa.string()),
        pa.array([row.status for row in rows], pa.string()),
        pa.array([row.error for row in rows], pa.string()),
        finding_column.encode(row.findings for row in rows),
    ]
    files = {f"{shard}.parquet": table.encode(pa.Table.from_arrays(columns, schema=SCHEMA))}
    return commit.publish(store, raw_folder(annotator, fingerprint), shard, files, counts, fingerprint)


def read_raw(store: Store, annotator: str, fingerprint: str, shard: str) -> list[RawRow]:
    """All rows of a committed shard, in the order written. Raises FileNotFoundError if there is none."""
    path = f"{raw_folder(annotator, fingerprint)}/{shard}.parquet"
    found = table.decode(store.read(path), SCHEMA, path)
    plain = [found.column(name).to_pylist() for name in ("key", "status", "error")]
    return [RawRow(*row) for row in zip(*plain, finding_column.decode(found.column("findings")), strict=True)]


def _check(rows: list[RawRow]) -> None:
    keys: set[str] = set()
    for row in rows:
        if row.key in keys:
            raise ValueError(f"key {row.key!r} is given twice in one shard: a raw column has one row per image")
        keys.add(row.key)
        if (row.status == "ok") == bool(row.error) or (row.status != "ok" and row.findings):
            raise ValueError(
                f"image {row.key!r}: status 'ok' has no error, 'failed' and 'blocked' have an error and no findings;"
                f" got {row.status!r} with error {row.error!r} and {len(row.findings)} findings"
            )
