import json
import os
from pathlib import Path

import pytest

from shards.finding import text_of
from stages.ingest.entry import Entry, SourceError
from stages.ingest.fetch import Fetcher
from stages.ingest.left_out import LeftOut
from stages.ingest.settings import FetchSettings, IngestSettings
from stages.ingest.sources import read_sources
from tests.stages.ingest.broken import encoded, picture
from tests.stages.ingest.test_tars import write_tar

JPEG = encoded(picture(0), "JPEG")


def read(*sources: str | Path, **settings: object) -> list[Entry]:
    return read_counted(*sources, **settings)[0]


def read_counted(*sources: str | Path, **settings: object) -> tuple[list[Entry], LeftOut]:
    skipped = LeftOut()
    wanted = IngestSettings.model_validate(settings)
    found = read_sources([str(source) for source in sources], wanted, Fetcher(FetchSettings()).read_list, skipped)
    return list(found), skipped


def write(folder: Path, *names: str, data: bytes = b"") -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def test_a_folder_at_any_depth_in_sorted_order(tmp_path: Path) -> None:
    write(tmp_path, "b.JPG", "a/2.png", "a/10.png", "notes.txt", ".hidden/x.jpg", ".y.jpg")
    write(tmp_path, "hash", data=JPEG)
    write(tmp_path, "README", data=b"words")
    found, skipped = read_counted(tmp_path)
    assert [entry.name for entry in found] == ["a/10.png", "a/2.png", "b.JPG", "hash"]
    assert found[0].uri == f"{tmp_path}/a/10.png"
    assert skipped.counts == {
        "file that is no image by its name (.txt)": 1,
        "file that is no image by its name (no suffix)": 1,
        "hidden file or folder (.*)": 2,
    }


def test_a_pipe_and_a_name_of_odd_bytes_in_a_folder_stop_nothing(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    os.mkfifo(tmp_path / "pipe.jpg")
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jpg"))).write_bytes(JPEG)
    found, left_out = read_counted(tmp_path)
    assert [entry.name for entry in found] == ["caf\udce9.jpg", "pipe.jpg"]
    assert left_out.counts == {"file that is no image by its name (no suffix)": 1}


def test_coco_with_a_byte_order_mark_is_still_coco(tmp_path: Path) -> None:
    write(tmp_path, "a.jpg")
    write(tmp_path, "a.json", data=b'\xef\xbb\xbf {"images": [{"id": 1, "file_name": "a.jpg"}]}')
    assert [entry.name for entry in read(tmp_path / "a.json")] == ["a.jpg"]


def test_linked_folders_are_followed_once(tmp_path: Path) -> None:
    write(tmp_path, "real/a.jpg")
    (tmp_path / "real/loop").symlink_to(tmp_path / "real")
    (tmp_path / "top").mkdir()
    (tmp_path / "top/linked").symlink_to(tmp_path / "real")
    assert [entry.name for entry in read(tmp_path / "top")] == ["linked/a.jpg"]


def test_files_globs_and_braces_in_the_order_given(tmp_path: Path) -> None:
    write(tmp_path, "b1.jpg", "b2.jpg", "deep/c.png", "a.jpg")
    found = read(tmp_path / "b{2,1}.jpg", tmp_path / "**/*.png", tmp_path / "a.jpg")
    assert [entry.name for entry in found] == ["b2.jpg", "b1.jpg", "c.png", "a.jpg"]


@pytest.mark.parametrize("source", ["{1..100000000}.jpg", "x-{a..z}{a..z}{a..z}{a..z}{a..z}.tar", "{1,2}{0..999999}"])
def test_braces_that_stand_for_too_many_names_are_refused(tmp_path: Path, source: str) -> None:
    with pytest.raises(SourceError, match=r"its braces stand for [\d,]+ names, at most 1,000,000 are spelt out"):
        read(tmp_path / source)


def test_a_name_with_glob_characters_is_taken_as_it_is(tmp_path: Path) -> None:
    write(tmp_path, "a[1].jpg", "a1.jpg")
    assert [entry.name for entry in read(tmp_path / "a[1].jpg")] == ["a[1].jpg"]


def test_lists_and_tars_and_urls(tmp_path: Path) -> None:
    write(tmp_path, "list.csv", data=b"url\n1.jpg\n")
    tar = write_tar(tmp_path / "x.tar", {"2.jpg": b"x"})
    found = read(tmp_path / "list.csv", tar, "https://a.org/b/3.jpg?w=1", "https://a.org/4")
    assert [entry.name for entry in found] == ["1.jpg", "2.jpg", "a.org/b/3.jpg", "a.org/4"]


def test_json_is_coco_or_a_list(tmp_path: Path) -> None:
    write(tmp_path, "1.jpg")
    write(tmp_path, "rows.json", data=b'[{"path": "1.jpg"}]')
    coco = {"images": [{"id": 1, "file_name": "1.jpg"}]}
    write(tmp_path, "coco.json", data=json.dumps(coco).encode())
    assert read(tmp_path / "rows.json")[0].location == read(tmp_path / "coco.json")[0].location


def test_open_images_finds_its_descriptions(tmp_path: Path) -> None:
    header = b"ImageID,LabelName,XMin,XMax,YMin,YMax\n"
    write(tmp_path, "boxes.csv", data=header + b"aa,/m/1,0,1,0,1\n")
    write(tmp_path, "class-descriptions-boxable.csv", data=b"/m/1,Tree\n")
    write(tmp_path, "images/aa.jpg")
    assert text_of(read(tmp_path / "boxes.csv")[0].given[0]) == "Tree"
    write(tmp_path, "mine.csv", data=b"/m/1,Baum\n")
    assert text_of(read(tmp_path / "boxes.csv", class_descriptions=str(tmp_path / "mine.csv"))[0].given[0]) == "Baum"


def test_format_overrules_the_name(tmp_path: Path) -> None:
    write(tmp_path, "odd.data", data=JPEG)
    assert read(tmp_path / "odd.data", format="image")[0].name == "odd.data"


def test_an_fsspec_folder_and_glob() -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    for name in ("a.jpg", "sub/b.png", "c.txt"):
        memory.pipe_file(f"/sources/{name}", JPEG)
    found = read("memory://sources")
    assert [(entry.name, entry.location) for entry in found] == [
        ("a.jpg", "memory://sources/a.jpg"),
        ("sub/b.png", "memory://sources/sub/b.png"),
    ]
    assert [entry.name for entry in read("memory://sources/*.jpg")] == ["sources/a.jpg"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("photos.zip", "archives are not read: unpack it"),
        ("photos.tar.xz", "archives are not read: unpack it"),
        ("nothing/here", "neither an image, a folder nor a list"),
        ("none*.jpg", "no file matches"),
        ("missing.csv", "cannot be read: missing: no such file"),
    ],
)
def test_missing_sources_are_errors(tmp_path: Path, source: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        read(tmp_path / source)


def test_a_source_that_is_empty_is_not_this_folder() -> None:
    with pytest.raises(SourceError, match="a source is empty"):
        list(read_sources([" "], IngestSettings(), lambda _: b"", LeftOut()))


def test_no_source_at_all() -> None:
    with pytest.raises(SourceError, match="no source given"):
        read()


def test_a_missing_image_is_not_the_lists_problem(tmp_path: Path) -> None:
    assert read(tmp_path / "gone.jpg")[0].name == "gone.jpg"
