from typing import get_args

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shards import finding_column, table
from shards.errors import CorpusError
from shards.finding import Caption, Detection, Finding, Mask, Match, OcrLine, PhraseGrounding
from tests.shards.corpora import findings

SCHEMA = table.versioned("test", 1, [("findings", finding_column.TYPE)])

numbers = st.floats(allow_nan=False)
coordinates = st.floats(-1e6, 1e6).map(lambda value: round(value, 2))
texts = st.text(st.characters(codec="utf-8"), max_size=20)
scores = st.none() | numbers
references = st.sampled_from(["", "detector/0"])
granularities = st.sampled_from([None, "brief", "detailed", "more_detailed"])
boxes = st.tuples(*[coordinates] * 4)
rings = st.lists(st.lists(coordinates, max_size=6), max_size=3)
spans = st.tuples(st.integers(0, 2**31 - 1), st.integers(0, 2**31 - 1))
slots = st.sampled_from([None, "phrase", "brief", "chunk", "ocr"])
any_finding = st.one_of(
    st.builds(Caption, texts, scores, references, granularities),
    st.builds(Detection, texts, scores, box=boxes, polygons=st.none() | rings),
    st.builds(OcrLine, texts, scores, box=boxes, quad=st.none() | st.tuples(*[coordinates] * 8)),
    st.builds(PhraseGrounding, texts, scores, about=references, box=st.none() | boxes, span=spans, phrase_score=scores),
    st.builds(Mask, score=scores, about=references, polygons=rings),
    st.builds(Match, texts, scores, about=references, granularity=granularities, slot=slots),
)


def encode(rows: list[list[Finding]]) -> bytes:
    return table.encode(pa.table([finding_column.encode(rows)], SCHEMA))


def decode(data: bytes) -> list[list[Finding]]:
    return finding_column.decode(table.decode(data, SCHEMA, "test.parquet")["findings"])


@pytest.mark.parametrize(
    "rows",
    [[], [[]], [[], [], []], [findings()], [[], findings(), [], findings()[:1]]],
    ids=lambda rows: str(len(rows)),
)
def test_findings_are_read_as_written(rows: list[list[Finding]]) -> None:
    assert decode(encode(rows)) == rows


@pytest.mark.thorough
@given(st.lists(st.lists(any_finding, max_size=4), max_size=4))
@settings(deadline=None)
def test_any_findings_are_read_as_written(rows: list[list[Finding]]) -> None:
    assert decode(encode(rows)) == rows


def test_equal_rows_give_equal_bytes() -> None:
    assert encode([findings(), []]) == encode([findings(), []])


def test_more_rows_than_a_row_group_are_read_as_written() -> None:
    rows: list[list[Finding]] = [[Caption(str(number))] for number in range(table.ROW_GROUP + 3)]
    assert decode(encode(rows)) == rows


def test_findings_of_a_slice_are_those_of_its_rows() -> None:
    rows = [findings(), [], findings()[:2]]
    assert finding_column.decode(pa.chunked_array([finding_column.encode(rows)])[1:]) == rows[1:]


def test_a_flipped_bit_never_gives_other_findings() -> None:
    rows = [findings()] * 50
    good = encode(rows)
    refused = 0
    for bit in range(0, len(good) * 8, 151):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        try:
            assert decode(bytes(bad)) == rows
        except CorpusError:
            refused += 1
    assert refused > 100  # the others are flips in statistics and other metadata that nobody reads here


def test_a_damaged_table_is_named() -> None:
    with pytest.raises(CorpusError, match=r"test\.parquet is damaged: .*; `fld verify --repair` writes it again"):
        decode(encode([findings()])[:-3])


@pytest.mark.parametrize(
    ("name", "version", "got"),
    [
        ("test", 2, "got 'test' of version 2"),
        ("raw", 1, "got 'raw' of version 1"),
        (None, None, "got 'none' of version"),
    ],
)
def test_another_version_or_table_is_refused(name: str | None, version: int | None, got: str) -> None:
    schema = pa.schema([("a", pa.int32())])
    if name is not None and version is not None:
        schema = table.versioned(name, version, [("a", pa.int32())])
    data = table.encode(pa.table([pa.array([1], pa.int32())], schema))
    with pytest.raises(CorpusError, match=f"test.parquet must be a 'test' table of version 1, {got}"):
        table.decode(data, SCHEMA, "test.parquet")


def test_the_schema_covers_every_field_of_a_finding() -> None:
    assert {field.name for field in finding_column.FINDING} == {"kind"}.union(
        *(of.__struct_fields__ for of in get_args(Finding))
    )


def test_plain_pyarrow_and_duckdb_read_the_findings() -> None:
    import duckdb

    found = table.decode(encode([findings()]), SCHEMA, "t")
    assert found["findings"].to_pylist()[0][0]["box"] == {"x0": 12.01, "y0": 30.5, "x1": 200.33, "y1": 180.25}
    query = "SELECT f.text, f.box.x0 FROM (SELECT unnest(findings) AS f FROM found) WHERE f.score > 0.5"
    assert duckdb.execute(query).fetchall() == [("dog", 12.01), ("EXIT €", 0.1)]
