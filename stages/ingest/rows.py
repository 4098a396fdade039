"""Bytes of a list to its rows: txt, csv, tsv, jsonl, json (array of objects), parquet; `.gz` of any but parquet.

    list_rows("/data/l.jsonl", b'{"path": "a.jpg"}\\n{oops', ".jsonl")
    -> CsvRow(1, {"path": "a.jpg"}), CsvRow(2, {}, "is not JSON: ...")

A line that cannot be read is a row with a problem; the file goes on. Lines end with LF, CR LF or CR and with nothing
else: U+2028 and U+0085 are characters of texts. NaN, which Python and pandas write into JSON, is a missing value.
"""

import codecs
import gzip
import io
import json
import zlib
from collections.abc import Iterator

import msgspec

from stages.ingest.csv_rows import CsvRow, csv_rows
from stages.ingest.entry import SourceError
from stages.ingest.parquet import parquet_rows

_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32",  # begins like the next
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_BOM = "\ufeff"
_BLOCK = 1 << 20
_MOST_DIGITS = 300


def list_rows(location: str, data: bytes, kind: str) -> Iterator[CsvRow]:
    """Rows of a list, numbered from 1. `kind` is its suffix, like ".csv".

    Text that is not UTF-8 comes with lone surrogates in place of the bytes (PEP 383), so that it is that row's
    problem. Raises SourceError for a file that is not of its kind at all."""
    if kind == ".parquet":
        yield from parquet_rows(location, data)
    elif kind == ".json":
        yield from _array(location, data)
    elif kind in (".csv", ".tsv"):
        yield from csv_rows(lines_of(data), "," if kind == ".csv" else "\t")
    elif kind == ".txt":
        places = (line.strip(" \t") for line in lines_of(data))
        for number, place in enumerate(places, 1):
            if place and not place.startswith("#"):
                yield CsvRow(number, {"uri": place})
    else:
        for number, line in enumerate(lines_of(data), 1):
            if line.strip():
                yield _json_row(number, line)


def lines_of(data: bytes) -> Iterator[str]:
    """Lines of `plain_text` without their ends, and without the marks that files leave which were put together. One
    after the other: a list of all would take three times the file."""
    if any(data.startswith(mark) and encoding != "utf-8" for mark, encoding in _MARKS.items()):
        data = plain_text(data).encode("utf-8", "surrogatepass")
    end = b"\n" if b"\n" in data else b"\r"
    start = 0
    while data.startswith(codecs.BOM_UTF8, start):
        start += len(codecs.BOM_UTF8)
    while start < len(data):
        stop = data.find(end, start)
        line = data[start:] if stop < 0 else data[start:stop].removesuffix(b"\r" if end == b"\n" else b"")
        yield line.decode("utf-8", "surrogateescape").lstrip(_BOM)
        start = len(data) if stop < 0 else stop + 1


def plain_text(data: bytes) -> str:
    """UTF-8, or UTF-16 and UTF-32 with their mark, which is cut off. What is no text is a lone surrogate per byte."""
    for mark, encoding in _MARKS.items():
        if data.startswith(mark) and encoding != "utf-8":
            return data.decode(encoding, errors="replace").lstrip(_BOM)
    return data.decode("utf-8", errors="surrogateescape").lstrip(_BOM)


def decode_json(text: str | bytes) -> object:
    """Any JSON; NaN and Infinity too, which msgspec rightly refuses. Raises ValueError."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        pass
    try:
        return json.loads(text, parse_int=_whole)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _whole(digits: str) -> int | float:
    """An integer; one of hundreds of digits is none of what lists are made of, and Python refuses thousands."""
    return int(digits) if len(digits) < _MOST_DIGITS else float(digits)


def _json_row(number: int, line: str) -> CsvRow:
    try:
        content = decode_json(line)
    except ValueError as error:
        return CsvRow(number, {}, f"is not JSON: {error}")
    return _object(number, content)


def _object(number: int, content: object) -> CsvRow:
    if not isinstance(content, dict):
        return CsvRow(number, {}, f"must be an object with columns, got {type(content).__name__}")
    return CsvRow(number, content)


def _array(location: str, data: bytes) -> Iterator[CsvRow]:
    try:
        content = decode_json(plain_text(data))
    except ValueError as error:
        raise SourceError(f"source {location}: not JSON: {error}; one object per line is a .jsonl") from error
    rows = content if isinstance(content, list) else [content]
    for number, row in enumerate(rows, 1):
        yield _object(number, row)


def unzipped(location: str, data: bytes, max_bytes: int) -> tuple[bytes, str]:
    """Content and suffix of a list, with `.gz` taken off. Raises SourceError for what is no whole gzip file, or
    becomes longer than `max_bytes`."""
    name = location.partition("?")[0].lower()
    if not name.endswith(".gz"):
        return data, "." + name.rpartition(".")[2]
    try:
        return _inflated(location, data, max_bytes), "." + name.removesuffix(".gz").rpartition(".")[2]
    except (EOFError, OSError, zlib.error) as error:
        raise SourceError(f"source {location}: not a sound, whole gzip file: {error}") from error


def _inflated(location: str, data: bytes, max_bytes: int) -> bytes:
    pieces: list[bytes] = []
    left = max_bytes
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
        while piece := file.read(_BLOCK):
            pieces.append(piece)
            left -= len(piece)
            if left < 0:
                raise SourceError(
                    f"source {location}: more than {max_bytes} bytes when unpacked (fetch.max_list_bytes):"
                    " raise that, or split the list"
                )
    return b"".join(pieces)
