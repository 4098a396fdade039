"""Findings as one nested column: `list<struct<...>>`, one field per field that any type of finding has.

    kind string | text string | score double | about string | granularity string | box struct<x0 y0 x1 y1 double> |
    quad list<double> | polygons list<list<double>> | span struct<start end int32> | phrase_score double | slot string

What a type of finding has not is null; "" in `text` and `about`. Numbers are doubles, so that what is read is exactly
what was written.

Older releases took more from a list with given findings: an object without a box, a phrase without a span. Such a row
is read as a box without area or an empty span, which fusion drops by the same rules as it did then.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate, chain, pairwise
from operator import attrgetter
from typing import Any, Final, cast, get_args

import numpy as np
import pyarrow as pa

from shards.finding import (
    Box,
    Caption,
    Detection,
    Finding,
    Kind,
    Mask,
    Match,
    OcrLine,
    PhraseGrounding,
    Quad,
    Span,
)
from shards.geometry import quad_box
from shards.table import BOX, null_mask, tuples

SPAN = pa.struct([("start", pa.int32()), ("end", pa.int32())])
_QUAD = pa.list_(pa.float64())
FINDING = pa.struct(
    [
        ("kind", pa.string()),
        ("text", pa.string()),
        ("score", pa.float64()),
        ("about", pa.string()),
        ("granularity", pa.string()),
        ("box", BOX),
        ("quad", _QUAD),
        ("polygons", pa.list_(pa.list_(pa.float64()))),
        ("span", SPAN),
        ("phrase_score", pa.float64()),
        ("slot", pa.string()),
    ]
)
TYPE = pa.list_(FINDING)
_BLANK = ("text", "about")
_NO_AREA: Final[Box] = (0.0, 0.0, 0.0, 0.0)
_NO_SPAN: Final[Span] = (0, 0)


def encode(rows: Iterable[Sequence[Finding]]) -> pa.Array:
    """One list of findings per row. Built field by field: a dict per finding would be five times slower."""
    lists = list(rows)
    flat = list(chain.from_iterable(lists))
    return _lists(lists, lambda _: _structs(flat))


def decode(column: pa.ChunkedArray) -> list[list[Finding]]:
    """What `encode` was given."""
    lists = column.combine_chunks()
    structs = lists.flatten()
    flat: list[Finding] = _findings(structs)
    ends = lists.offsets.to_pylist()
    return [flat[start:end] for start, end in pairwise([end - ends[0] for end in ends])]


def _structs(flat: list[Finding]) -> pa.StructArray:
    """Type by type, then put back into their order: most columns hold one or two types."""
    places: dict[type[Finding], list[int]] = {}
    for place, finding in enumerate(flat):
        places.setdefault(type(finding), []).append(place)
    if len(places) < 2:
        return _structs_of(next(iter(places), Caption), flat)
    parts = [_structs_of(of, [flat[place] for place in mine]) for of, mine in places.items()]
    return pa.concat_arrays(parts).take(pa.array(np.argsort(list(chain.from_iterable(places.values())))))


def _structs_of(of: type[Finding], findings: list[Finding]) -> pa.StructArray:
    size = len(findings)
    fields = [pa.repeat(pa.scalar(_kind(of)), size)]
    for field in list(FINDING)[1:]:
        if field.name in of.__struct_fields__:
            fields.append(_field(field, list(map(attrgetter(field.name), findings))))
        else:
            fields.append(pa.repeat(pa.scalar(""), size) if field.name in _BLANK else pa.nulls(size, field.type))
    return pa.StructArray.from_arrays(fields, fields=list(FINDING))


def _field(field: pa.Field, values: list[Any]) -> pa.Array:
    match field.name:
        case "box" | "span":
            return tuples(values, field.type)
        case "quad":
            return _lists(values, _doubles)
        case "polygons":
            return _lists(values, _rings)
        case _:
            return pa.array(values, field.type)


def _findings(structs: pa.StructArray) -> list[Finding]:
    fields = dict(zip(FINDING.names, structs.flatten(), strict=True))
    kinds = fields["kind"].to_numpy(zero_copy_only=False)
    flat = np.empty(len(structs), object)
    for of in get_args(Finding):
        places = np.flatnonzero(kinds == _kind(of))
        chosen = None if len(places) == len(flat) else pa.array(places)
        own = (fields[name] if chosen is None else fields[name].take(chosen) for name in of.__struct_fields__)
        if len(places):
            flat[places] = _BUILDERS[of](zip(*map(_values, own), strict=True))
    return cast(list[Finding], flat.tolist())


_BUILDERS: Final[Mapping[type[Finding], Callable[[Iterable[Any]], list[Finding]]]] = {
    Caption: lambda rows: [Caption(*row) for row in rows],
    Detection: lambda rows: [
        Detection(text, score, box=box or _NO_AREA, polygons=polygons) for text, score, box, polygons in rows
    ],
    OcrLine: lambda rows: [
        OcrLine(text, score, box=box or _bounds(quad), quad=quad) for text, score, box, quad in rows
    ],
    PhraseGrounding: lambda rows: [
        PhraseGrounding(text, score, about=about, box=box, span=span or _NO_SPAN, phrase_score=phrase_score)
        for text, score, about, box, span, phrase_score in rows
    ],
    Mask: lambda rows: [Mask(score=score, about=about, polygons=polygons or []) for score, about, polygons in rows],
    Match: lambda rows: [
        Match(text, score, about=about, granularity=granularity, slot=slot)
        for text, score, about, granularity, slot in rows
    ],
}


def _bounds(quad: Quad | None) -> Box:
    return quad_box(quad) if quad else _NO_AREA


def _kind(of: type[Finding]) -> Kind:
    return cast(Kind, of.__struct_config__.tag)


def _values(array: pa.Array) -> list[Any]:
    if array.null_count == len(array):
        return [None] * len(array)
    if pa.types.is_struct(array.type):
        rows = zip(*(field.to_pylist() for field in array.flatten()), strict=True)
        return [None if row[0] is None else row for row in rows]
    if array.type == _QUAD:
        return [None if quad is None else tuple(quad) for quad in array.to_pylist()]
    values: list[Any] = array.to_pylist()
    return values


def _lists(rows: Sequence[Sequence[Any] | None], build: Callable[[list[Any]], pa.Array]) -> pa.Array:
    """A list column: `build` makes the array of all elements together. None is null."""
    present = [row or () for row in rows]
    offsets = pa.array(list(accumulate(map(len, present), initial=0)), pa.int32())
    return pa.ListArray.from_arrays(offsets, build(list(chain.from_iterable(present))), mask=null_mask(rows))


def _rings(polygons: list[Any]) -> pa.Array:
    return _lists(polygons, _doubles)


def _doubles(values: list[Any]) -> pa.Array:
    return pa.array(values, pa.float64())
