import re
from pathlib import Path

import pytest

from shards.finding import Detection, text_of
from stages.ingest.entry import Entry
from stages.ingest.left_out import LeftOut
from stages.ingest.openimages import is_open_images, read_class_names, read_open_images

HEADER = "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf\n"
NAMES = {"/m/1": "Tree", "/m/2": "Dog"}


def read(folder: Path, rows: str, names: dict[str, str] | None) -> tuple[list[Entry], LeftOut]:
    skipped = LeftOut()
    data = (HEADER + rows).encode()
    return list(read_open_images(str(folder / "boxes.csv"), data, names, None, skipped)), skipped


def test_boxes_are_fractions_grouped_by_image(tmp_path: Path) -> None:
    (tmp_path / "images/a").mkdir(parents=True)
    (tmp_path / "images/a/aa.jpg").touch()
    rows = "aa,x,/m/1,1,0.1,0.5,0.2,0.6,0,0,0\nbb,x,/m/2,1,0,1,0,1,0,0,0\naa,x,/m/2,1,0,0.25,0,0.75,0,0,0\n"
    (first, second), _ = read(tmp_path, rows, NAMES)
    assert first.given == [
        Detection("Tree", box=(0.1, 0.2, 0.5, 0.6)),
        Detection("Dog", box=(0, 0, 0.25, 0.75)),
    ]
    assert (first.key, first.normalised) == ("aa", True)
    assert first.location == str(tmp_path / "images/a/aa.jpg")
    assert second.location == str(tmp_path / "images/bb.jpg")  # missing: becomes a failed row


def test_groups_are_counted_but_their_image_stays(tmp_path: Path) -> None:
    [entry], skipped = read(tmp_path, "aa,x,/m/1,1,0.1,0.5,0.2,0.6,0,0,1\n", NAMES)
    assert entry.given == []
    assert skipped.counts == {"group (IsGroupOf: 1)": 1}


def test_without_descriptions_ids_stay(tmp_path: Path) -> None:
    [entry], _ = read(tmp_path, "aa,x,/m/9,1,0.1,0.5,0.2,0.6,0,0,0\n", None)
    assert text_of(entry.given[0]) == "/m/9"


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("aa,x,/m/9,1,0.1,0.5,0.2,0.6,0,0,0", "row 1 has label /m/9, which is not among the class descriptions"),
        ("aa,x,/m/1,1,left,0.5,0.2,0.6,0,0,0", "row 1 must have a number in XMin, got 'left'"),
        ("aa,x,/m/1,1,nan,0.5,0.2,0.6,0,0,0", "row 1 must have a number in XMin"),
        ("aa,x,/m/1,1", "row 1 must have a number in XMin, got None"),
        ("aa,x,/m/1,1,0.1,0.5,0.2,0.6,0,0,0,too,many", "row 1 has 13 fields, the header 11"),
    ],
)
def test_a_box_that_cannot_be_read_is_counted_and_named(tmp_path: Path, row: str, problem: str) -> None:
    [entry], left_out = read(tmp_path, f"{row}\naa,x,/m/1,1,0.1,0.5,0.2,0.6,0,0,0\n", NAMES)
    assert len(entry.given) == 1
    [line] = left_out.lines()
    assert re.search(f"1 x box .*{problem}", line)


def test_a_row_without_an_image_counts(tmp_path: Path) -> None:
    [entry], left_out = read(tmp_path, ",x,/m/1,1,0.1,0.5,0.2,0.6,0,0,0\naa,x,/m/1,1,0.1,0.5,0.2,0.6,0,0,0\n", NAMES)
    assert (entry.key, left_out.rows) == ("aa", 1)


def test_recognised_by_its_header() -> None:
    assert is_open_images(HEADER.encode())
    assert not is_open_images(b"url,caption\n")


@pytest.mark.parametrize("header", ["", "LabelName,DisplayName\n"])
def test_class_descriptions_with_and_without_header(header: str) -> None:
    assert read_class_names(f'{header}/m/1,Tree\n/m/2,"Dog, big"\n'.encode()) == {"/m/1": "Tree", "/m/2": "Dog, big"}
