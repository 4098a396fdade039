"""What stands in a source is an image, a failed row or a number, whatever is in it: each reader gets mangled input.

Nothing but SourceError may come out, and the counts must add up to what was put in.
"""

import csv
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from shards.store import open_store
from stages.ingest.coco import read_coco
from stages.ingest.entry import Entry, SourceError
from stages.ingest.fetch import Fetcher
from stages.ingest.ingest import ingest
from stages.ingest.keys import DuplicateKeyError
from stages.ingest.left_out import LeftOut
from stages.ingest.lists import read_list
from stages.ingest.openimages import read_open_images
from stages.ingest.rows import lines_of, unzipped
from stages.ingest.settings import ColumnNames, IngestSettings
from stages.ingest.tars import read_tar
from stages.ingest.voc import read_voc
from stages.ingest.yolo import Dataset, read_yolo
from tests.stages.ingest.inline import Inline
from tests.stages.ingest.test_lists import parquet

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
captions = st.text(st.characters(exclude_characters="."), max_size=30).filter(lambda text: "://" not in text)
quick = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def read(data: bytes, kind: str) -> tuple[int, LeftOut]:
    """How many entries a list has, and what was left out; (0, nothing) for a file that is refused whole."""
    left_out = LeftOut()
    found: list[Entry] = []
    refused = refusal(lambda: found.extend(read_list(f"/l/list{kind}", data, ColumnNames(), None, kind, left_out)))
    return (0, LeftOut()) if refused else (len(found), left_out)


def refusal(act: Callable[[], object]) -> str:
    """The message of a SourceError, "" if there was none; any other error is the test's failure."""
    message = ""
    try:
        act()
    except SourceError as error:
        message = str(error)
    assert "\n" not in message.strip()
    return message


@quick
@given(st.lists(captions, min_size=1, max_size=6), st.sampled_from([",", "\t"]), st.sampled_from(["\n", "\r\n"]))
def test_what_a_csv_writer_writes_is_read(texts: list[str], delimiter: str, ending: str) -> None:
    assume(not any(character in text for text in texts for character in "\r\0"))
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator=ending)
    writer.writerow(["path", "caption"])
    writer.writerows([f"{number}.jpg", text] for number, text in enumerate(texts))
    kind = ".csv" if delimiter == "," else ".tsv"
    data = out.getvalue().encode(errors="surrogatepass")
    assume(_is_utf_8(data))
    entries = list(read_list(f"/l/list{kind}", data, ColumnNames(), None, kind, LeftOut()))
    found = [[finding.text for finding in entry.given] for entry in entries]  # type: ignore[union-attr]
    assert found == [[text.strip()] if text.strip() else [] for text in texts]


def _is_utf_8(data: bytes) -> bool:
    try:
        return bool(data.decode())
    except UnicodeDecodeError:
        return False


@quick
@given(st.lists(st.text('", x\t', max_size=12), min_size=1, max_size=8), st.sampled_from([".csv", ".tsv"]))
def test_quotes_and_commas_swallow_no_row(texts: list[str], kind: str) -> None:
    comma = "," if kind == ".csv" else "\t"
    lines = [f"{number}.jpg{comma}{text}" for number, text in enumerate(texts)]
    found, left_out = read("\n".join([f"path{comma}caption", *lines]).encode(), kind)
    assert found + left_out.rows == len(texts)


@quick
@given(st.lists(st.dictionaries(st.sampled_from(["path", "caption", "id", "width", "given"]), json_values), max_size=6))
def test_any_json_objects(rows: list[dict[str, object]]) -> None:
    found, left_out = read("\n".join(map(json.dumps, rows)).encode(), ".jsonl")
    assert found + left_out.rows in (len(rows), 0 if not any("path" in row for row in rows) else len(rows))
    whole, left_out = read(json.dumps(rows).encode(), ".json")
    assert whole == found
    assert whole + left_out.rows in (len(rows), 0)


@quick
@given(st.binary(max_size=200), st.sampled_from([".txt", ".csv", ".tsv", ".jsonl", ".json", ".parquet"]))
def test_any_bytes_are_a_list_or_one_line(data: bytes, kind: str) -> None:
    found, left_out = read(data, kind)
    if kind == ".txt":
        lines = (line.strip(" \t") for line in lines_of(data))
        assert found + left_out.rows == sum(bool(line) and not line.startswith("#") for line in lines)
    try:
        unzipped("l.txt.gz", data, 1000)
    except SourceError:
        return


PARQUET = parquet([{"path": f"{number}.jpg", "caption": ["a", None]} for number in range(20)])


@quick
@given(st.integers(0, len(PARQUET) - 1), st.binary(min_size=1, max_size=8))
def test_a_damaged_parquet(at: int, junk: bytes) -> None:
    read(PARQUET[:at] + junk + PARQUET[at + len(junk) :], ".parquet")
    read(PARQUET[:at], ".parquet")


@quick
@given(
    st.lists(
        json_values
        | st.fixed_dictionaries(
            {"image_id": st.integers(0, 3), "category_id": st.just(1), "bbox": json_values, "segmentation": json_values}
        ),
        max_size=6,
    ),
    st.lists(json_values, max_size=4),
)
def test_any_coco(annotations: list[object], images: list[object]) -> None:
    good = [{"id": number, "file_name": f"{number}.jpg"} for number in range(3)]
    content = {"images": good + images, "annotations": annotations, "categories": [{"id": 1, "name": "x"}]}
    left_out = LeftOut()
    try:
        entries = list(read_coco("/c/a.json", json.dumps(content).encode(), "/c", left_out))
    except SourceError:
        return
    assert len(entries) + left_out.rows == len(good) + len(images)
    labels = sum(len(entry.given) for entry in entries) + sum(left_out.counts.values())
    unreadable = left_out.unreadable["annotation"]
    assert labels + unreadable == len(annotations)


@quick
@given(
    st.lists(
        st.tuples(
            st.text(min_size=1, max_size=12),
            st.sampled_from([".jpg", ".txt", ".json", ".JPG", ""]),
            st.sampled_from([tarfile.REGTYPE, tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.FIFOTYPE]),
            st.binary(max_size=20),
        ),
        max_size=8,
    )
)
def test_any_members_of_a_tar(members: list[tuple[str, str, bytes, bytes]]) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", errors="surrogateescape") as tar:
        for stem, ending, kind, data in members:
            assume(_is_utf_8(stem.encode(errors="surrogatepass")))
            info = tarfile.TarInfo(stem + ending)
            info.type, info.linkname, info.size = kind, "a.jpg", len(data) if kind == tarfile.REGTYPE else 0
            tar.addfile(info, io.BytesIO(data))
    left_out = LeftOut()
    with TemporaryDirectory() as folder:
        (Path(folder) / "a.tar").write_bytes(out.getvalue())
        entries = list(read_tar("a.tar", f"{folder}/a.tar", left_out))
    counted = sum(left_out.counts.values())
    texts_used = len(members) - len(entries) - counted
    assert 0 <= texts_used <= len(entries)


@quick
@given(st.binary(max_size=120))
def test_any_tar_xml_txt_yaml_and_boxes(data: bytes) -> None:
    with TemporaryDirectory() as folder:
        (Path(folder) / "a.tar").write_bytes(data)
        refusal(lambda: list(read_tar("a.tar", f"{folder}/a.tar", LeftOut())))
        header = b"ImageID,LabelName,XMin,XMax,YMin,YMax\n"
        refusal(lambda: list(read_open_images(f"{folder}/b.csv", header + data, None, folder, LeftOut())))
    left_out = LeftOut()
    for entry in read_voc("v", "/v", ["a/1.xml"], ["a/1.jpg"], lambda _: data, left_out):
        assert entry.problem or not entry.given
    names = Dataset("d", b"names: [x]")
    [labelled] = read_yolo("y", "/y", ["a/1.txt"], ["a/1.jpg"], names, lambda _: data, left_out)
    assert len(labelled.given) + left_out.unreadable["label"] == sum(bool(line.split()) for line in lines_of(data))
    refusal(lambda: Dataset("d", data))


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.fixed_dictionaries(
            {"path": json_values}, optional={"caption": json_values, "id": json_values, "given": json_values}
        ),
        min_size=1,
        max_size=5,
    )
)
def test_any_list_becomes_a_corpus(rows: list[dict[str, object]]) -> None:
    with TemporaryDirectory() as folder:
        (Path(folder) / "l.jsonl").write_text("\n".join(map(json.dumps, rows)))
        wanted = IngestSettings.model_validate({"failure_budget": 1, "fetch": {"retries": 0, "timeout_s": 0.1}})
        fetcher = Fetcher(wanted.fetch, look_up=lambda host, port: [])
        store = open_store(f"{folder}/corpus")
        try:
            report = ingest(store, [f"{folder}/l.jsonl"], wanted, fetcher=fetcher, examiner=Inline(wanted, fetcher))
        except (SourceError, DuplicateKeyError):
            return
        assert report.planned + report.repeated + report.unreadable == len(rows)
        assert report.failed == report.planned
