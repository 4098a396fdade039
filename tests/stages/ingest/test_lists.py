import gzip
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from shards.finding import Caption, Detection, text_of
from stages.ingest.entry import Entry, SourceError
from stages.ingest.left_out import LeftOut
from stages.ingest.lists import read_list
from stages.ingest.rows import unzipped
from stages.ingest.settings import ColumnNames


def entries(data: bytes | str, kind: str, root: str | None = None, **columns: str) -> list[Entry]:
    return counted(data, kind, root, **columns)[0]


def counted(data: bytes | str, kind: str, root: str | None = None, **columns: str) -> tuple[list[Entry], LeftOut]:
    raw = data.encode() if isinstance(data, str) else data
    left_out = LeftOut()
    found = list(read_list(f"/lists/list{kind}", raw, ColumnNames.model_validate(columns), root, kind, left_out))
    return found, left_out


def texts(entry: Entry) -> list[str]:
    return [text_of(finding) for finding in entry.given]


def parquet(rows: list[dict[str, Any]]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), out)
    return out.getvalue()


def test_txt_has_one_place_per_line() -> None:
    found = entries("# mine\ndogs/1.jpg\n\n/abs/2.jpg\nhttps://a.org/x/3.jpg?size=9\n", ".txt")
    assert [entry.uri for entry in found] == ["dogs/1.jpg", "/abs/2.jpg", "https://a.org/x/3.jpg?size=9"]
    assert [entry.location for entry in found] == ["/lists/dogs/1.jpg", "/abs/2.jpg", "https://a.org/x/3.jpg?size=9"]
    assert [entry.name for entry in found] == ["dogs/1.jpg", "abs/2.jpg", "a.org/x/3.jpg"]


def test_relative_paths_start_at_the_root(tmp_path: Path) -> None:
    [entry] = entries("1.jpg", ".txt", root=str(tmp_path))
    assert entry.location == str(tmp_path / "1.jpg")


@pytest.mark.parametrize("kind", [".csv", ".tsv", ".jsonl", ".json", ".parquet"])
def test_every_kind_of_table_gives_the_same_entries(kind: str) -> None:
    rows = [{"URL": "1.jpg", "caption": "a dog, brown", "id": "k1"}, {"URL": "2.jpg", "caption": "", "id": "k2"}]
    data: bytes | str
    if kind == ".parquet":
        data = parquet(rows)
    elif kind == ".jsonl":
        data = "\n".join(json.dumps(row) for row in rows) + "\n\n"
    elif kind == ".json":
        data = json.dumps(rows)
    else:
        comma = "," if kind == ".csv" else "\t"
        data = f'URL{comma}caption{comma}id\r\n1.jpg{comma}"a dog, brown"{comma}k1\r\n2.jpg{comma}{comma}k2\r\n'
    first, second = entries(data, kind)
    assert (first.uri, first.key, texts(first)) == ("1.jpg", "k1", ["a dog, brown"])
    assert first.given[0] == Caption("a dog, brown", granularity="brief")
    assert (second.uri, second.key, texts(second)) == ("2.jpg", "k2", [])


def test_named_columns_win() -> None:
    [entry] = entries("url,there,alt,words\na.jpg,b.jpg,no,yes\n", ".csv", uri="there", text="words")
    assert (entry.uri, texts(entry)) == ("b.jpg", ["yes"])


def test_a_named_column_must_be_there() -> None:
    with pytest.raises(SourceError, match=r"columns\.uri is 'nope', but the list has url, key"):
        entries("url,key\na,b\n", ".csv", uri="nope")


def test_a_list_without_a_known_column_says_what_it_has() -> None:
    with pytest.raises(SourceError, match=r"no column tells where the images are, it has foo, bar: .*columns\.uri"):
        entries("foo,bar\na,b\n", ".csv")


def test_a_row_without_a_place_is_counted_and_named() -> None:
    found, left_out = counted("url,key\na,b\n,c\nd,e\n", ".csv")
    assert [entry.uri for entry in found] == ["a", "d"]
    assert left_out.lines() == ["cannot be read: 1 x row (/lists/list.csv, row 2 is empty in column url)"]
    assert left_out.rows == 1


def test_given_findings_with_the_size_they_were_made_on() -> None:
    row = {
        "path": "a.jpg",
        "width": 40,
        "height": 30,
        "given": [{"kind": "object", "text": "dog", "box": [1, 2, 3, 4]}],
    }
    for data, kind in ((json.dumps(row), ".jsonl"), (parquet([row]), ".parquet")):
        [entry] = entries(data, kind)
        assert entry.given == [Detection("dog", box=(1.0, 2.0, 3.0, 4.0))]
        assert entry.given_wh == (40, 30)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ([{"text": "x"}], "row: row 1 given must be a list of findings: .*kind"),
        ([{"kind": "object", "box": [0, 0, 1, float("nan")]}], "given must (be|have)"),
        (3, "given must be a list of findings"),
    ],
)
def test_given_that_is_no_finding_fails_its_row(given: object, problem: str) -> None:
    bad, good = entries(json.dumps({"path": "a.jpg", "given": given}) + '\n{"path": "b.jpg"}', ".jsonl")
    assert re.search(problem, bad.problem)
    assert (bad.uri, good.uri, good.problem) == ("a.jpg", "b.jpg", "")


def test_a_line_that_is_no_object_is_counted_and_the_rest_is_read() -> None:
    found, left_out = counted('{"path": "a.jpg"}\n{oops\n3\n{"caption": "no place"}\n{"path": "b.jpg"}\n', ".jsonl")
    assert [entry.uri for entry in found] == ["a.jpg", "b.jpg"]
    assert left_out.rows == 3
    [line] = left_out.lines()
    assert re.search(r"3 x row \(.*row 2 is not JSON: .*row 3 must be an object with columns, got int; .*row 4", line)


def test_a_list_of_which_no_line_has_a_place_is_an_error() -> None:
    with pytest.raises(SourceError, match="no column tells where the images are, it has caption"):
        entries('{"caption": "x"}\n{"caption": "y"}', ".jsonl")


@pytest.mark.parametrize("value", ["NaN", "null", '""', "[]", '["", NaN]'])
def test_nan_and_nothing_are_no_text(value: str) -> None:
    found = entries(f'{{"path": "a.jpg", "caption": {value}, "id": NaN}}\n{{"path": "b.jpg"}}', ".jsonl")
    assert [(entry.given, entry.key, entry.problem) for entry in found] == [([], "", "")] * 2


def test_several_captions_are_several_texts() -> None:
    row = {"path": "a.jpg", "caption": ["one", " two "]}
    for data, kind in ((json.dumps(row), ".jsonl"), (parquet([row]), ".parquet")):
        [entry] = entries(data, kind)
        assert texts(entry) == ["one", "two"]


def test_only_line_feeds_end_a_line() -> None:
    found = entries('{"path": "a.jpg", "caption": "x\u2028y\u0085z"}\r\n{"path": "b.jpg"}', ".jsonl")
    assert texts(found[0]) == ["x\u2028y\u0085z"]
    assert [entry.uri for entry in entries("odd\u2028name.jpg\rb.jpg", ".txt")] == ["odd\u2028name.jpg", "b.jpg"]


def test_whole_numbers_that_pandas_made_floats_are_keys() -> None:
    found = entries(parquet([{"path": "a.jpg", "id": 7.0}, {"path": "b.jpg", "id": None}]), ".parquet")
    assert [entry.key for entry in found] == ["7", ""]


@pytest.mark.parametrize("width", [float("inf"), -3.0])
def test_a_size_that_is_none_fails_its_row(width: float) -> None:
    bad, good = entries(
        parquet([{"path": "a.jpg", "width": width, "height": 2.0}, {"path": "b.jpg", "width": 3.0, "height": 2.0}]),
        ".parquet",
    )
    assert bad.problem == f"row: row 1 width must be a number of pixels, got {str(width)!r}"
    assert (good.given_wh, good.problem) == ((3, 2), "")


def test_text_that_is_not_utf_8_stays_with_its_row() -> None:
    first, second = entries(b"caf\xe9.jpg\nb.jpg", ".txt")
    assert first.uri == "caf\udce9.jpg"
    assert second.uri == "b.jpg"


def test_utf_16_as_excel_writes_it() -> None:
    assert [entry.uri for entry in entries("url\tid\nä.jpg\t1\n".encode("utf-16"), ".tsv")] == ["ä.jpg"]


def test_byte_order_mark_and_gzip() -> None:
    data, kind = unzipped("/lists/list.CSV.gz", gzip.compress("\ufeffurl\na.jpg\n".encode()), 1000)
    assert [entry.uri for entry in entries(data, kind)] == ["a.jpg"]


@pytest.mark.parametrize(
    "data",
    # named, since gzip writes the second into its header and every process of the suite must collect the same tests
    [
        pytest.param(b"url\na.jpg\n", id="plain"),
        pytest.param(gzip.compress(b"url\na.jpg\n")[:-9], id="cut-off"),
        pytest.param(gzip.compress(b"x")[:9], id="header-only"),
    ],
)
def test_a_gzip_that_is_none_or_not_whole_is_one_line(data: bytes) -> None:
    with pytest.raises(SourceError, match=r"l\.txt\.gz: not a sound, whole gzip file"):
        unzipped("l.txt.gz", data, 1000)


def test_a_gzip_bomb_ends_at_the_cap() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    with pytest.raises(SourceError, match="more than 1000000 bytes when unpacked"):
        unzipped("l.txt.gz", bomb, 1_000_000)


@pytest.mark.parametrize("data", [b"", b"not a parquet file at all", parquet([{"path": "a"}])[:-20]])
def test_a_damaged_parquet_is_one_line(data: bytes) -> None:
    with pytest.raises(SourceError, match=r"list\.parquet: not a sound parquet file: [^\n]*$"):
        entries(data, ".parquet")


def test_a_list_that_lies_elsewhere_cannot_name_files_of_this_machine() -> None:
    data = b"/etc/x.jpg\nfile:///etc/y.jpg\nb.jpg\nhttp://c.org/c.jpg\n"
    found = read_list("https://a.org/l/list.txt?sig=a/b", data, ColumnNames(), None, ".txt", LeftOut())
    assert [entry.location for entry in found] == [
        "https://a.org/l/etc/x.jpg",
        "https://a.org/l/etc/y.jpg",
        "https://a.org/l/b.jpg",
        "http://c.org/c.jpg",
    ]


def test_two_columns_of_one_name_are_no_guess() -> None:
    [entry] = entries("path,path,caption\na.jpg,b.jpg,x\n", ".csv")
    assert entry.problem == "row: row 1 has two columns that are called 'path': rename one"
    [entry] = entries("path,,\na.jpg,,\n", ".csv")
    assert not entry.problem


@pytest.mark.parametrize(("place", "kind"), [(["b.jpg"], "list"), ({"of": "b.jpg"}, None)])
def test_a_place_that_is_no_text_is_counted(place: object, kind: str | None) -> None:
    lines = [{"path": "a.jpg"}, {"path": place}]
    found, left_out = counted("".join(json.dumps(line) + "\n" for line in lines), ".jsonl")
    assert [entry.uri for entry in found] == ["a.jpg"]
    wanted = f"row 2 the place of an image must be a text, got {kind}" if kind else "row 2 is empty in column path"
    assert wanted in " ".join(left_out.lines())


def test_a_number_of_thousands_of_digits_fails_its_row() -> None:
    first, second = entries('{"path": "a.jpg", "width": 1' + "0" * 5000 + '}\n{"path": "b.jpg"}\n', ".jsonl")
    assert first.problem == "row: row 1 width must be a number of pixels, got 'inf'"
    assert not second.problem


def test_another_delimiter_is_hinted_at() -> None:
    with pytest.raises(SourceError, match=r"it has path;caption: .* or put commas between the fields"):
        entries("path;caption\na.jpg;x\n", ".csv")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (".txt", "é.jpg\n"),
        (".csv", "path,caption\né.jpg,\n"),
        (".jsonl", '{"path": "é.jpg"}\n'),
        (".json", '[{"path": "é.jpg"}]'),
    ],
)
def test_a_mark_says_how_a_list_is_encoded(kind: str, text: str, encoding: str) -> None:
    assert [entry.uri for entry in entries(text.encode(encoding), kind)] == ["é.jpg"]


def test_marks_of_files_that_were_put_together() -> None:
    assert [entry.uri for entry in entries("\ufeff\ufeffpath\n\ufeffa.jpg\nb.jpg\n", ".csv")] == ["a.jpg", "b.jpg"]


def test_lines_of_json_that_are_called_json() -> None:
    with pytest.raises(SourceError, match=r"not JSON: .*one object per line is a \.jsonl"):
        entries('[1]\n{"path": "b.jpg"}', ".json")


def test_columns_that_nothing_is_read_from_are_named() -> None:
    _, left_out = counted('{"path": "a.jpg", "objects": [1]}\n{"path": "b.jpg", "width": 4, "split": "x"}\n', ".jsonl")
    assert left_out.lines() == ["left out: columns objects, split"]
    many = {f"c{number}": number for number in range(10)}
    _, left_out = counted(json.dumps([{"path": "a.jpg", **many}]), ".json")
    assert left_out.lines() == ["left out: columns c0, c1, c2, c3, c4, c5, c6, c7 and 2 more"]
