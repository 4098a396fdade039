"""Lists of images: txt, csv, tsv, jsonl, json (array of objects), parquet; `.gz` of any but parquet.

Comes in: a file with one image per line or row. Goes out: entries. A csv, its columns found by name:

    url,caption,id                                     Entry(uri="https://a.org/1.jpg", key="1",
    https://a.org/1.jpg,a dog with a ball,1      ->          given=[text "a dog with a ball", brief])
    dogs/2.jpg,,2                                      Entry(uri="dogs/2.jpg", location="<folder>/dogs/2.jpg")

A txt has one path or URL per line; empty lines and lines that start with "#" are skipped. jsonl and parquet rows may
carry a `given` column: a list of findings (`shards.finding.Finding` as JSON), in pixels of an image of the row's
`width` and `height` where it has these.
"""

import csv
import gzip
import io
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from shards.finding import Finding
from stages.ingest.entry import Entry, SourceError
from stages.ingest.locations import absolute, is_url, join, parent
from stages.ingest.settings import ColumnNames

LIST_SUFFIXES = frozenset({".txt", ".csv", ".tsv", ".jsonl", ".ndjson", ".parquet"})

KNOWN = {
    "uri": ("uri", "url", "image", "image_path", "image_url", "path", "file", "file_name", "filename", "filepath"),
    "key": ("key", "id", "image_id", "__key__"),
    "text": ("text", "caption", "alt", "alt_text", "brief", "description"),
}
"""Names tried in this order when the settings name no column; upper and lower case are the same."""

Row = Mapping[str, Any]


def read_list(location: str, data: bytes, columns: ColumnNames, root: str | None, kind: str) -> Iterator[Entry]:
    """Entries of a list. `kind` is its suffix, like ".csv". Raises SourceError naming the line that is wrong."""
    base = absolute(root) if root is not None else parent(location)
    if kind == ".txt":
        lines = _text(location, data).splitlines()
        rows: Iterator[tuple[int, Row]] = (
            (number, {"uri": line.strip()})
            for number, line in enumerate(lines, 1)
            if line.strip() and not line.lstrip().startswith("#")
        )
    else:
        rows = enumerate(read_rows(location, data, kind), 1)
    names: dict[str, str | None] | None = None
    for number, row in rows:
        if names is None or kind in (".jsonl", ".ndjson", ".json"):
            names = _columns(location, list(row), columns)
        yield _entry(f"{location}, row {number}", row, names, base)


def read_rows(location: str, data: bytes, kind: str) -> Iterator[Row]:
    """Rows of a csv, tsv, jsonl, json or parquet file as mappings."""
    if kind == ".parquet":
        import pyarrow.parquet

        for batch in pyarrow.parquet.ParquetFile(io.BytesIO(data)).iter_batches():
            yield from batch.to_pylist()
        return
    text = _text(location, data)
    if kind in (".csv", ".tsv"):
        yield from csv.DictReader(io.StringIO(text, newline=""), delimiter="," if kind == ".csv" else "\t")
        return
    lines = text.splitlines() if kind != ".json" else [text]
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            found = msgspec.json.decode(line)
        except msgspec.DecodeError as error:
            raise SourceError(f"source {location}, line {number}: not JSON: {error}") from error
        yield from _objects(f"{location}, line {number}", found, many=kind == ".json")


def _objects(where: str, found: object, many: bool) -> Iterator[Row]:
    for row in found if many and isinstance(found, list) else [found]:
        if not isinstance(row, dict):
            raise SourceError(f"source {where}: wanted an object with columns, got {type(row).__name__}")
        yield row


def unzipped(location: str, data: bytes) -> tuple[bytes, str]:
    """Content and suffix of a list, with `.gz` taken off."""
    name = location.partition("?")[0].lower()
    if name.endswith(".gz"):
        data, name = gzip.decompress(data), name.removesuffix(".gz")
    return data, "." + name.rpartition(".")[2]


def _text(location: str, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceError(f"source {location}: wanted UTF-8 text, got {error}: convert the list to UTF-8") from error


def _columns(location: str, present: list[str], wanted: ColumnNames) -> dict[str, str | None]:
    """Role -> the column that plays it, None where there is none."""
    by_lower = {name.strip().lower(): name for name in present if name is not None}
    found: dict[str, str | None] = {}
    for role, known in KNOWN.items():
        named = getattr(wanted, role)
        if named is not None and named not in present:
            raise SourceError(f"source {location}: columns.{role} is {named!r}, but the list has {', '.join(present)}")
        found[role] = named or next((by_lower[name] for name in known if name in by_lower), None)
    if found["uri"] is None:
        raise SourceError(
            f"source {location}: no column tells where the images are, it has {', '.join(map(str, present))}:"
            " name one with columns.uri"
        )
    return found


def _entry(where: str, row: Row, names: dict[str, str | None], base: str) -> Entry:
    uri = str(row.get(names["uri"] or "") or "").strip()
    if not uri:
        raise SourceError(f"source {where}: column {names['uri']} is empty")
    key = row.get(names["key"]) if names["key"] else None
    text = row.get(names["text"]) if names["text"] else None
    given = [Finding(kind="text", text=str(text).strip(), granularity="brief")] if text and str(text).strip() else []
    return Entry(
        uri=uri,
        location=absolute(join(base, uri)),
        name=uri.partition("://")[2].partition("?")[0] if is_url(uri) else uri.lstrip("/"),
        key="" if key is None else str(key).strip(),
        given=given + _given(where, row),
        given_wh=_size(row),
    )


def _given(where: str, row: Row) -> list[Finding]:
    value = row.get("given")
    if not value:
        return []
    try:
        if isinstance(value, str):
            return msgspec.json.decode(value, type=list[Finding])
        return msgspec.convert(value, list[Finding])
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise SourceError(f"source {where}: column given must be a list of findings: {error}") from error


def _size(row: Row) -> tuple[int, int] | None:
    try:
        size = int(row.get("width") or 0), int(row.get("height") or 0)
    except (TypeError, ValueError):
        return None
    return size if min(size) > 0 else None
