import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest

from shards.finding import Finding
from stages.ingest.entry import Entry, SourceError
from stages.ingest.lists import read_list, unzipped
from stages.ingest.settings import ColumnNames


def entries(data: bytes | str, kind: str, root: str | None = None, **columns: str) -> list[Entry]:
    raw = data.encode() if isinstance(data, str) else data
    return list(read_list(f"/lists/list{kind}", raw, ColumnNames.model_validate(columns), root, kind))


def texts(entry: Entry) -> list[str]:
    return [finding.text for finding in entry.given]


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
    assert first.given[0] == Finding(kind="text", text="a dog, brown", granularity="brief")
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


def test_an_empty_place_names_its_row() -> None:
    with pytest.raises(SourceError, match=r"list\.csv, row 2: column url is empty"):
        entries("url,key\na,b\n,c\n", ".csv")


def test_given_findings_with_the_size_they_were_made_on() -> None:
    row = {
        "path": "a.jpg",
        "width": 40,
        "height": 30,
        "given": [{"kind": "object", "text": "dog", "box": [1, 2, 3, 4]}],
    }
    for data, kind in ((json.dumps(row), ".jsonl"), (parquet([row]), ".parquet")):
        [entry] = entries(data, kind)
        assert entry.given == [Finding(kind="object", text="dog", box=(1.0, 2.0, 3.0, 4.0))]
        assert entry.given_wh == (40, 30)


def test_given_that_is_no_finding_names_the_row() -> None:
    with pytest.raises(SourceError, match=r"row 1: column given must be a list of findings: .*kind"):
        entries('{"path": "a.jpg", "given": [{"text": "x"}]}', ".jsonl")


def test_bad_json_and_bad_text_name_the_place() -> None:
    with pytest.raises(SourceError, match=r"list\.jsonl, line 2: not JSON"):
        entries('{"path": "a.jpg"}\n{oops\n', ".jsonl")
    with pytest.raises(SourceError, match="wanted an object with columns, got int"):
        entries("3\n", ".jsonl")
    with pytest.raises(SourceError, match="wanted UTF-8 text"):
        entries(b"caf\xe9.jpg", ".txt")


def test_byte_order_mark_and_gzip() -> None:
    data, kind = unzipped("/lists/list.CSV.gz", gzip.compress("\ufeffurl\na.jpg\n".encode()))
    assert [entry.uri for entry in entries(data, kind)] == ["a.jpg"]
