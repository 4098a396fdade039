"""Rows of csv and tsv files as people write them, not only as the standard has them.

A quoted field may hold the delimiter, doubled quotes and line ends. But most lists are written by hand or with
`print`, and a caption that begins with a lone quote would swallow every row up to the next one:

    path,caption                              row 1  {"path": "a.jpg", "caption": '"a sign that says stop'}
    a.jpg,"a sign that says stop       ->     row 2  {"path": "b.jpg", "caption": "two boxes"}
    b.jpg,two boxes

So a line is read as the standard says where that works out (a blank before a quote, which it forbids, is none), and its
quotes are taken as plain characters where it does not: no end of the quotes, characters behind it, or a row within it.
A row with more fields than the header has names (a comma in a text without quotes) fails: nobody knows which comma was
meant.
"""

import csv
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice, zip_longest
from typing import NamedTuple

from stages.ingest.locations import IMAGE_SUFFIXES

MAX_LINES = 200
"""Lines that one quoted field may span; so much is read again at most for a quote that has no end."""

csv.field_size_limit(sys.maxsize)  # Python's 128 KiB is no protection here, the file is in memory; for the process


class CsvRow(NamedTuple):
    """number: from 1, the header not counted. problem: "" or why the row cannot be used, whatever it has of values."""

    number: int
    values: dict[str, object]
    problem: str = ""


def csv_rows(lines: Iterable[str], delimiter: str) -> Iterator[CsvRow]:
    """Rows below the header line; blank lines are none. Columns that a short row lacks are None."""
    records = (fields for fields in _records(iter(lines), delimiter) if fields != [""])
    header = next(records, [])
    doubled = [name for name in header if name.strip() and header.count(name) > 1]
    for number, fields in enumerate(records, 1):
        extra = len(fields) - len(header)
        problem = f"has two columns that are called {doubled[0]!r}: rename one" if doubled else ""
        if extra > 0 and any(fields[len(header) :]):
            problem = f"has {len(fields)} fields, the header {len(header)}: put texts with {delimiter!r} in quotes"
        yield CsvRow(number, dict(zip_longest(header, fields[: len(header)])), problem)


def _records(lines: Iterator[str], delimiter: str) -> Iterator[list[str]]:
    ahead: deque[str] = deque()  # lines that a quote before them might have held
    while ahead or (ahead := deque(islice(lines, 1))):
        if '"' not in ahead[0]:
            yield ahead.popleft().split(delimiter)
            continue
        fields, used = _quoted(ahead, lines, delimiter)
        yield fields
        for _ in range(used):
            ahead.popleft()


def _quoted(ahead: deque[str], lines: Iterator[str], delimiter: str) -> tuple[list[str], int]:
    """The record that begins with the first line of `ahead`, and how many lines it takes. `ahead` gets more of them."""
    text = ""
    for used in range(1, MAX_LINES + 1):
        if len(ahead) < used:
            ahead.extend(islice(lines, 1))
        if len(ahead) < used or (used > 1 and _looks_like_a_row(ahead[used - 1], delimiter)):
            break
        text += ("\n" if used > 1 else "") + ahead[used - 1]
        try:
            [fields] = csv.reader([text], delimiter=delimiter, strict=True, skipinitialspace=True)
        except (csv.Error, ValueError) as error:
            if _is_open(error):
                continue
            break
        return fields, used
    return ahead[0].split(delimiter), 1


def _is_open(error: Exception) -> bool:
    """Whether the quotes have no end yet; csv tells by its words alone."""
    return "unexpected end of data" in str(error)


def _looks_like_a_row(line: str, delimiter: str) -> bool:
    """Whether a line within quotes is rather a row of its own: fields, one of which is the place of an image."""
    fields = line.split(delimiter)
    return len(fields) > 1 and any(_is_place(field.strip(' "')) for field in fields)


def _is_place(field: str) -> bool:
    return " " not in field and ("://" in field or f".{field.rpartition('.')[2].lower()}" in IMAGE_SUFFIXES)
