"""Findings on disk: the same schema, JSON and parquet bytes as when a finding was one struct with eleven fields."""

import msgspec
import pyarrow as pa
import pytest

from shards import finding_column, table
from shards.finding import Caption, Detection, Finding, Mask, Match, OcrLine, PhraseGrounding

SCHEMA = table.versioned("test", 1, [("findings", finding_column.TYPE)])
BOX = (0.1, 0.2, 30.5, 80.25)
STORED_BOX = dict(zip(("x0", "y0", "x1", "y1"), BOX, strict=True))
QUAD = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
RING = [1.0, 2.0, 3.5, 4.0, 5.0, 6.01]

PAIRS: list[tuple[Finding, str]] = [
    (Caption("a dog", 0.5, "d/0", "brief"),
     '{"kind":"text","text":"a dog","score":0.5,"about":"d/0","granularity":"brief"}'),
    (Caption("a dog"), '{"kind":"text","text":"a dog"}'),
    (Detection("dog", 0.9123, box=BOX, polygons=[RING]),
     '{"kind":"object","text":"dog","score":0.9123,"box":[0.1,0.2,30.5,80.25],"polygons":[[1.0,2.0,3.5,4.0,5.0,6.01]]}'),
    (Detection(box=BOX), '{"kind":"object","box":[0.1,0.2,30.5,80.25]}'),
    (OcrLine("EXIT €", 1.0, box=BOX, quad=QUAD),
     '{"kind":"ocr","text":"EXIT €","score":1.0,"box":[0.1,0.2,30.5,80.25],'
     '"quad":[0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8]}'),
    (PhraseGrounding("a dog", 0.5, about="c/0", box=BOX, span=(0, 5), phrase_score=0.25),
     '{"kind":"phrase","text":"a dog","score":0.5,"about":"c/0","box":[0.1,0.2,30.5,80.25],"span":[0,5],'
     '"phrase_score":0.25}'),
    (PhraseGrounding("a dog", about="c/0", span=(0, 5)), '{"kind":"phrase","text":"a dog","about":"c/0","span":[0,5]}'),
    (Mask(score=0.5, about="d/0", polygons=[RING]),
     '{"kind":"mask","score":0.5,"about":"d/0","polygons":[[1.0,2.0,3.5,4.0,5.0,6.01]]}'),
    (Mask(about="d/0", polygons=[]), '{"kind":"mask","about":"d/0","polygons":[]}'),
    (Match("dog", 0.0, about="d/0", slot="phrase"),
     '{"kind":"match","text":"dog","score":0.0,"about":"d/0","slot":"phrase"}'),
    (Match("a dog", 0.4, about="c/0", granularity="brief"),
     '{"kind":"match","text":"a dog","score":0.4,"about":"c/0","granularity":"brief"}'),
]  # fmt: skip


def stored(finding: dict[str, object]) -> dict[str, object]:
    """The struct of a finding in the column, from its JSON."""
    box, span = finding.get("box"), finding.get("span")
    sides = dict(zip(("x0", "y0", "x1", "y1"), box, strict=True)) if isinstance(box, list) else None
    ends = dict(zip(("start", "end"), span, strict=True)) if isinstance(span, list) else None
    return {"text": "", "about": "", **finding, "box": sides, "span": ends}


def parquet(column: pa.Array) -> bytes:
    return table.encode(pa.table([column], SCHEMA))


@pytest.mark.parametrize(("finding", "line"), PAIRS, ids=lambda value: type(value).__name__)
def test_json_is_as_it_was(finding: Finding, line: str) -> None:
    assert msgspec.json.encode(finding).decode() == line
    assert msgspec.json.decode(line, type=Finding) == finding


@pytest.mark.parametrize(
    "chosen", [slice(0, 0), slice(0, 2), slice(2, 4), slice(7, 9), slice(None), slice(None, None, 3)]
)
def test_the_column_is_as_it_was(chosen: slice) -> None:
    rows = [[finding for finding, _ in PAIRS[chosen]], [], [finding for finding, _ in reversed(PAIRS[chosen])]]
    lines = [stored(msgspec.json.decode(line)) for _, line in PAIRS[chosen]]
    before = pa.array([lines, [], lines[::-1]], finding_column.TYPE)
    assert parquet(finding_column.encode(rows)) == parquet(before)
    assert finding_column.decode(pa.chunked_array([before])) == rows


@pytest.mark.parametrize(
    ("row", "finding"),
    [
        ({"kind": "object", "text": "dog"}, Detection("dog", box=(0, 0, 0, 0))),
        ({"kind": "ocr", "text": "EXIT"}, OcrLine("EXIT", box=(0, 0, 0, 0))),
        ({"kind": "ocr", "text": "EXIT", "quad": list(QUAD)}, OcrLine("EXIT", box=(0.1, 0.2, 0.7, 0.8), quad=QUAD)),
        ({"kind": "phrase", "text": "a dog"}, PhraseGrounding("a dog", about="", span=(0, 0))),
        ({"kind": "mask"}, Mask(about="", polygons=[])),
    ],
)
def test_what_older_lists_left_out_is_read_as_nothing(row: dict[str, object], finding: Finding) -> None:
    before = pa.array([[stored(row)]], finding_column.TYPE)
    assert finding_column.decode(pa.chunked_array([before])) == [[finding]]
