"""Lists of images: txt, csv, tsv, jsonl, json (array of objects), parquet.

Comes in: a file with one image per line or row. Goes out: entries. A csv, its columns found by name:

    url,caption,id                                     Entry(uri="https://a.org/1.jpg", key="1",
    https://a.org/1.jpg,a dog with a ball,1      ->          given=[text "a dog with a ball", brief])
    dogs/2.jpg,,2                                      Entry(uri="dogs/2.jpg", location="<folder>/dogs/2.jpg")

A txt has one path or URL per line; empty lines and lines that start with "#" are skipped. A caption may be a list of
texts. jsonl and parquet rows may carry a `given` column: a list of findings (`shards.finding.Finding` as JSON), in
pixels of an image of the row's `width` and `height` where it has these. None, NaN and "" are missing values.

A row that cannot be used as it is becomes an entry with a problem, one without a place is counted.
"""

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import msgspec

from shards.errors import InputError
from shards.finding import Caption, Finding, coordinates_of, scores_of
from stages.ingest.csv_rows import CsvRow
from stages.ingest.entry import Entry, SourceError
from stages.ingest.left_out import LeftOut
from stages.ingest.locations import absolute, join, parent, place_name
from stages.ingest.parquet import Cell
from stages.ingest.rows import list_rows
from stages.ingest.secrets import public
from stages.ingest.settings import ColumnNames

LIST_SUFFIXES = frozenset({".txt", ".csv", ".tsv", ".jsonl", ".ndjson", ".parquet"})

KNOWN = {
    "uri": ("uri", "url", "image", "image_path", "image_url", "path", "file", "file_name", "filename", "filepath"),
    "key": ("key", "id", "image_id", "__key__"),
    "text": ("text", "caption", "alt", "alt_text", "brief", "description"),
}
"""Names tried in this order when the settings name no column; upper and lower case are the same."""


class RowError(InputError):
    """A value of a row that cannot be used; the message names its column."""


class _Columns(NamedTuple):
    """The column that plays each role, None where there is none."""

    uri: str | None
    key: str | None
    text: str | None


def read_list(
    location: str, data: bytes, columns: ColumnNames, root: str | None, kind: str, left_out: LeftOut
) -> Iterator[Entry]:
    """Entries of a list. `kind` is its suffix, like ".csv". Raises SourceError for a file that is no such list."""
    base = absolute(root) if root is not None else parent(location)
    shown = public(location)
    known: dict[tuple[str, ...], _Columns] = {}
    problem: SourceError | None = None
    for row in list_rows(location, data, kind):
        where = f"{shown}, row {row.number}"
        present = tuple(map(str, row.values))
        if present and present not in known:
            try:
                known[present] = _columns(location, row.values, columns)
                left_out.columns |= dict.fromkeys(name for name in present if _is_unread(name, known[present]))
            except SourceError as error:  # every object of a jsonl has columns of its own
                problem = problem or error
        if present not in known:
            left_out.row("row", f"{where} {row.problem or 'has no column with a place'}")
            continue
        entry = _entry(location, row, known[present], base, left_out)
        if entry is not None:
            yield entry
    if problem is not None and not known:
        raise problem


def _is_unread(name: str, columns: _Columns) -> bool:
    return bool(name.strip()) and name not in (*columns, "given", "width", "height")


def _columns(location: str, values: Mapping[str, object], names: ColumnNames) -> _Columns:
    present = [str(name) for name in values]
    by_lower = {name.strip().lower(): name for name in present}
    columns: dict[str, str | None] = {}
    for role, known in KNOWN.items():
        named = getattr(names, role)
        if named is not None and named not in present:
            raise SourceError(f"source {location}: columns.{role} is {named!r}, but the list has {', '.join(present)}")
        columns[role] = named or next((by_lower[name] for name in known if name in by_lower), None)
    if names.uri is None:
        columns["uri"] = next((name for name, value in values.items() if isinstance(value, Cell)), columns["uri"])
    if columns["uri"] is None:
        raise SourceError(
            f"source {location}: no column tells where the images are, it has {', '.join(present)}:"
            f" name one with columns.uri{_delimiter_hint(present)}"
        )
    return _Columns(**columns)


def _delimiter_hint(present: list[str]) -> str:
    [whole, *others] = present or [""]
    return ", or put commas between the fields (a .tsv has tabs)" if not others and {*";\t|"} & {*whole} else ""


def _entry(location: str, row: CsvRow, names: _Columns, base: str, left_out: LeftOut) -> Entry | None:
    """None for a row that says of no image where it is; it is counted."""
    try:
        place = _placed(location, row, row.values.get(names.uri or ""), base)
    except RowError as error:
        left_out.row("row", f"{public(location)}, row {row.number} {error}")
        return None
    if place is None:
        left_out.row("row", f"{public(location)}, row {row.number} {row.problem or f'is empty in column {names.uri}'}")
        return None
    entry, problem = place, row.problem
    try:
        key = "" if names.key is None else _key(names.key, row.values.get(names.key))
        texts = [] if names.text is None else row_texts(names.text, row.values.get(names.text))
        given = [Caption(text, granularity="brief") for text in texts]
        size = _size(row.values)
        entry = msgspec.structs.replace(entry, key=key, given=given + _given(row.values), given_wh=size)
    except RowError as error:
        problem = problem or str(error)
    return msgspec.structs.replace(entry, problem=f"row: row {row.number} {problem}") if problem else entry


def _placed(location: str, row: CsvRow, value: object, base: str) -> Entry | None:
    if isinstance(value, Cell):
        name = value.path.lstrip("/") or f"{row.number - 1:06d}"
        stem = place_name(location).rpartition("/")[2].rpartition(".")[0]
        return Entry(f"{location}/{name}", location, f"{stem}/{name}", offset=row.number - 1, cell=value.column)
    if isinstance(value, Mapping):  # an Image column of which all bytes are null
        value = value.get("path")
    if isinstance(value, bytes):
        value = value.decode(errors="surrogateescape")
    if isinstance(value, list | dict):
        raise RowError(f"the place of an image must be a text, got {type(value).__name__}")
    uri = "" if is_missing(value) else str(value).strip()
    return Entry(uri, absolute(join(base, uri)), place_name(uri)) if uri else None


def is_missing(value: object) -> bool:
    """None, NaN and "": what csv, json and pandas write where there is nothing."""
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def row_texts(column: str, value: object) -> list[str]:
    """One text, or a list of texts, without the empty ones. Raises RowError."""
    texts: list[str] = []
    for text in value if isinstance(value, list) else [value]:
        if is_missing(text):
            continue
        if isinstance(text, bytes):
            text = text.decode(errors="surrogateescape")
        if not isinstance(text, (str, int, float)):
            raise RowError(f"{column} must be a text or a list of texts, got {type(text).__name__}")
        texts.append(str(text).strip())
    return [text for text in texts if text]


def _key(column: str, value: object) -> str:
    """Integers that pandas turned into floats, because one was missing, are integers again."""
    if is_missing(value):
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, (str, int)) or isinstance(value, bool):
        raise RowError(f"{column} must be a text or a whole number, got {value!r}")
    return str(value).strip()


def _given(values: Mapping[str, object]) -> list[Finding]:
    value = values.get("given")
    if is_missing(value) or value == []:
        return []
    try:
        if isinstance(value, str):
            findings = msgspec.json.decode(value, type=list[Finding])
        else:
            findings = msgspec.convert(value, list[Finding])
    except (ValueError, RecursionError) as error:
        raise RowError(f"given must be a list of findings: {error}") from error
    if not all(
        math.isfinite(value) for finding in findings for value in (*scores_of(finding), *coordinates_of(finding))
    ):
        raise RowError("given must have finite numbers, got NaN or infinity")
    return findings


def _size(values: Mapping[str, object]) -> tuple[int, int] | None:
    size = [_side(name, values.get(name)) for name in ("width", "height")]
    return (size[0], size[1]) if min(size) > 0 else None


def _side(name: str, value: object) -> int:
    """Pixels; 0 where nothing is said."""
    if is_missing(value):
        return 0
    try:
        side = float(value) if isinstance(value, (str, int, float)) else math.nan
    except (ValueError, OverflowError):
        side = math.nan
    if not 0 <= side < 2**31:
        raise RowError(f"{name} must be a number of pixels, got {str(value)[:20]!r}")
    return int(side)
