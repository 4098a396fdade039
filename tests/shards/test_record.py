import json
from pathlib import Path

import msgspec
import pytest

from shards import record
from shards.record import Candidate, GroundedBox, Grounding, Record, RecordError, Region, Source, Text, Vote

SCHEMA_FILE = Path(__file__).parents[2] / "docs" / "record.schema.json"


def full_record() -> Record:
    source = Source("detector", "3fa9c1", 0, 0.91, "detector/0")
    box = (12.0, 30.5, 200.0, 180.25)
    polygons = [[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]]
    candidates = [Candidate("phrase", "dog", 0.2, source), Candidate("brief", "a brown dog", None, source)]
    votes = [Vote(box, "dog", None, 1.0, source)]
    region = Region("r0", "text", box, 0.91, candidates, 1, votes, (0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0), polygons)
    grounding = Grounding("t0", (0, 5), "a dog", 0.8, [GroundedBox(box, 0.77, source, "r0", polygons)])
    texts = [Text("t0", "brief", "a dog with a ball", source)]
    return Record("dog", "photos/dog.jpg", "ab" * 32, 640, 480, 0, texts, [region], [grounding])


def test_a_record_is_read_as_written() -> None:
    assert record.decode(record.encode(full_record())) == full_record()


def test_the_selected_text_is_the_text_of_a_region() -> None:
    assert full_record().regions[0].text == "a brown dog"


def test_equal_records_give_equal_bytes() -> None:
    assert record.encode(full_record()) == record.encode(record.decode(record.encode(full_record())))


@pytest.mark.parametrize("version", [0, 2])
def test_another_version_is_refused(version: int) -> None:
    data = msgspec.json.encode({"version": version, "something": "else"})
    with pytest.raises(RecordError, match=f"record version must be 1, got {version}: write the round again with `fld"):
        record.decode(data)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b'"width":640', b'"width":"wide"', r"not an FLD record: Expected `int`, got `str` - at `\$\.width`"),
        (b'"granularity":"brief"', b'"granularity":"long"', r"Invalid enum value 'long' - at `\$\.texts\[0\]"),
        (b'"box":[12.0,', b'"box":[', r"length 4 - at `\$\.regions\[0\]\.box`"),
        (b'{"key"', b'{"key', "not an FLD record: "),
        (b'"uri":"photos/dog.jpg",', b"", "missing required field `uri`"),
    ],
)
def test_a_malformed_record_names_its_field(old: bytes, new: bytes, message: str) -> None:
    data = record.encode(full_record())
    assert old in data
    with pytest.raises(RecordError, match=message):
        record.decode(data.replace(old, new, 1))


def test_the_schema_in_docs_is_the_schema_of_the_code() -> None:
    """After a change: python -c "import json, shards.record as r; print(json.dumps(r.json_schema(), indent=2))" """
    assert json.loads(SCHEMA_FILE.read_text()) == record.json_schema()


def test_a_line_that_is_no_record_is_named_with_its_file(tmp_path: Path) -> None:
    path = tmp_path / "gold.jsonl"
    path.write_bytes(b'\n{"key": "a"}\n')
    with pytest.raises(record.RecordError, match=r"gold.jsonl, line 2: not an FLD record: it has no version; docs/rec"):
        record.read_record_lines(path)
