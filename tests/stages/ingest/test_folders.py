import json
import os
from pathlib import Path

import pytest

from shards.finding import Caption, Detection
from stages.ingest.entry import SourceError
from stages.ingest.locations import files_below
from tests.stages.ingest.broken import encoded, picture
from tests.stages.ingest.test_lists import parquet
from tests.stages.ingest.test_sources import read, read_counted, write
from tests.stages.ingest.test_tars import write_tar
from tests.stages.ingest.test_voc import an_object, annotation

JPEG = encoded(picture(0), "JPEG")


def test_a_voc_folder(tmp_path: Path) -> None:
    write(tmp_path, "JPEGImages/1.jpg", "JPEGImages/2.jpg", "ImageSets/Main/train.txt")
    write(tmp_path, "Annotations/1.xml", data=annotation("1.jpg", an_object("dog", 1, 1, 5, 5)))
    found, left_out = read_counted(tmp_path)
    assert [(entry.uri, entry.given) for entry in found] == [
        (f"{tmp_path}/JPEGImages/1.jpg", [Detection("dog", box=(0, 0, 5, 5))]),
        (f"{tmp_path}/JPEGImages/2.jpg", []),
    ]
    assert left_out.counts == {"file that is no image by its name (.txt)": 1}


@pytest.mark.parametrize("source", ["", "data.yaml"])
def test_a_yolo_folder_or_its_yaml(tmp_path: Path, source: str) -> None:
    write(tmp_path, "images/val/1.jpg")
    write(tmp_path, "data.yaml", data=b"path: /on/another/machine\nnames: [dog]\ntrain: ../train/images")
    write(tmp_path, "labels/val/1.txt", data=b"0 0.5 0.5 1 1\n7 0.5 0.5 1 1")
    [entry], left_out = read_counted(tmp_path / source)
    assert (entry.name, entry.given) == ("images/val/1.jpg", [Detection("dog", box=(0, 0, 1, 1))])
    assert (left_out.unreadable, left_out.rows) == ({"label": 1}, 0)


def test_yolo_labels_without_names_say_what_is_missing(tmp_path: Path) -> None:
    write(tmp_path, "images/1.jpg", "labels/1.txt")
    with pytest.raises(SourceError, match=r"names of the classes: a data\.yaml with names, or classes\.txt"):
        read(tmp_path, format="yolo")


def test_photographs_with_some_xml_and_yaml_are_photographs(tmp_path: Path) -> None:
    write(tmp_path, "a.jpg", "b/c.jpg")
    write(tmp_path, "meta.xml", data=b"<xmp/>")
    write(tmp_path, "settings.yaml", data=b"a: 1")
    found, left_out = read_counted(tmp_path)
    assert [entry.name for entry in found] == ["a.jpg", "b/c.jpg"]
    assert sum(left_out.counts.values()) == 2


def test_img2dataset_as_files(tmp_path: Path) -> None:
    write(tmp_path, "00000/000000000.jpg", "00000/000000001.jpg", "00000_stats.json", "00000.parquet")
    write(tmp_path, "00000/000000000.json", data=json.dumps({"caption": "a dog"}).encode())
    write(tmp_path, "00000/000000000.txt", data=b"a dog\n")
    found, left_out = read_counted(tmp_path)
    assert [entry.given for entry in found] == [[Caption("a dog", granularity="brief")], []]
    assert sum(left_out.counts.values()) == 3


def test_a_folder_of_tars_is_their_samples(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    write_tar(tmp_path / "d/00000.tar", {"1.jpg": JPEG, "1.txt": b"one"})
    write_tar(tmp_path / "d/00001.tar", {"2.jpg": JPEG})
    write(tmp_path, "d/00000.parquet", "d/00000_stats.json")
    found, left_out = read_counted(tmp_path / "d")
    assert [(entry.key, entry.uri) for entry in found] == [
        ("1", f"{tmp_path}/d/00000.tar/1.jpg"),
        ("2", f"{tmp_path}/d/00001.tar/2.jpg"),
    ]
    assert sum(left_out.counts.values()) == 2


def test_a_folder_of_parquet_files_is_their_rows(tmp_path: Path) -> None:
    for number in range(2):
        data = parquet([{"image": {"bytes": JPEG, "path": "x.jpg"}, "caption": "one"}])
        write(tmp_path, f"data/train-{number}.parquet", data=data)
    found = read(tmp_path)
    assert [(entry.name, entry.cell) for entry in found] == [
        ("train-0/x.jpg", "image.bytes"),
        ("train-1/x.jpg", "image.bytes"),
    ]


def test_a_folder_of_lists_asks_which(tmp_path: Path) -> None:
    write(tmp_path, "train.csv", "val.jsonl")
    with pytest.raises(
        SourceError, match=r"a folder without images, but with lists: name one of them, like .*train\.csv"
    ):
        read(tmp_path)


def test_hidden_files_and_folders_are_counted(tmp_path: Path) -> None:
    write(tmp_path, "a.jpg", ".b.jpg", ".cache/c.jpg", ".cache/d.jpg", "e/.f")
    found, left_out = read_counted(tmp_path)
    assert [entry.name for entry in found] == ["a.jpg"]
    assert left_out.counts == {"hidden file or folder (.*)": 3}


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_no_empty_one(tmp_path: Path) -> None:
    write(tmp_path, "a.jpg", "b/c.jpg")
    (tmp_path / "b").chmod(0)
    with pytest.raises(SourceError, match="b: cannot be read: Permission denied"):
        read(tmp_path)
    (tmp_path / "b").chmod(0o700)


def test_a_folder_that_goes_away_is_no_empty_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(files_below(str(tmp_path / "gone")))


def test_a_damaged_data_yaml_beside_labels_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, "images/1.jpg", "labels/1.txt")
    write(tmp_path, "data.yaml", data=b"names: [dog")
    with pytest.raises(SourceError, match=r"data\.yaml: not sound YAML"):
        read(tmp_path)
    write(tmp_path, "other.yaml", data=b"names: [dog")
    (tmp_path / "data.yaml").unlink()
    assert len(read(tmp_path)) == 1
