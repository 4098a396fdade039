import io
import json
import tarfile
from pathlib import Path

import pytest

from shards.finding import text_of
from stages.ingest.entry import Entry, SourceError
from stages.ingest.left_out import LeftOut
from stages.ingest.tars import read_tar


def write_tar(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def counted(path: Path) -> tuple[list[Entry], LeftOut]:
    left_out = LeftOut()
    return list(read_tar(path.name, str(path), left_out)), left_out


def entries(path: Path) -> list[Entry]:
    return counted(path)[0]


def texts(path: Path) -> dict[str, list[str]]:
    return {entry.key: [text_of(finding) for finding in entry.given] for entry in entries(path)}


def test_samples_keep_key_text_and_place(tmp_path: Path) -> None:
    path = write_tar(
        tmp_path / "a.tar",
        {
            "0001.jpg": b"first picture",
            "0001.txt": b"a dog\n",
            "x/0002.json": json.dumps({"caption": "a cat", "url": "?"}).encode(),
            "x/0002.seg.png": b"second",
            "0003.cls": b"7",
            "__meta__.json": b"{}",
        },
    )
    first, second = entries(path)
    assert (first.key, first.uri, [text_of(found) for found in first.given]) == ("0001", "a.tar/0001.jpg", ["a dog"])
    assert (second.key, [text_of(found) for found in second.given]) == ("x/0002", ["a cat"])
    data = path.read_bytes()
    assert data[first.offset : first.offset + first.size] == b"first picture"
    assert data[second.offset : second.offset + second.size] == b"second"


def test_two_images_of_one_sample_are_two_entries(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", {"1.left.jpg": b"l", "1.right.jpg": b"r"})
    assert [entry.key for entry in entries(path)] == ["1.left.jpg", "1.right.jpg"]


@pytest.mark.parametrize("cut", [512 + 100, 1024, 300])
def test_a_cut_tar_is_refused(tmp_path: Path, cut: int) -> None:
    path = write_tar(tmp_path / "a.tar", {"1.jpg": bytes([7]) * 400, "2.jpg": bytes([8]) * 400})
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(SourceError, match=r"a\.tar"):
        entries(path)


def test_what_is_no_tar_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(b"not a tar" * 200)
    with pytest.raises(SourceError, match=r"a\.tar: not a sound, uncompressed tar"):
        entries(tmp_path / "a.tar")


@pytest.mark.parametrize(
    "member", [{"1.json": b"{oops"}, {"1.txt": b"caf\xe9"}, {"1.json": b'{"caption": {}}'}, {"1.txt": bytes(2 << 20)}]
)
def test_text_that_cannot_be_read_fails_its_sample_alone(tmp_path: Path, member: dict[str, bytes]) -> None:
    first, second = entries(write_tar(tmp_path / "a.tar", {"1.jpg": b"x", **member, "2.jpg": b"y", "2.txt": b"two"}))
    assert first.problem.startswith("text: 1")
    assert (second.problem, text_of(second.given[0])) == ("", "two")


def test_text_of_another_encoding_is_named_by_its_first_byte(tmp_path: Path) -> None:
    [sample] = entries(write_tar(tmp_path / "a.tar", {"1.jpg": b"x", "1.txt": b"caf\xe9"}))
    assert sample.problem == "text: 1: the text is not UTF-8 at byte 0xe9: save it as UTF-8"


def test_members_of_a_sample_come_in_any_order(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", {"2.txt": b"two", "1.jpg": b"x", "2.jpg": b"y", "1.txt": b"one"})
    assert texts(path) == {"1": ["one"], "2": ["two"]}


def test_dots_in_names(tmp_path: Path) -> None:
    members = {
        "img.v2.jpg": b"1",
        "img.v3.jpg": b"2",
        "img.v2.txt": b"two",
        "img.v3.txt": b"three",
        "Side 1.5 (x).jpg": b"3",
        "Side 1.5 (x).txt": b"side",
    }
    path = write_tar(tmp_path / "a.tar", members)
    assert texts(path) == {"img.v2": ["two"], "img.v3": ["three"], "Side 1.5 (x)": ["side"]}


def test_nan_and_lists_of_captions(tmp_path: Path) -> None:
    members = {"1.jpg": b"1", "1.json": b'{"caption": NaN, "text": ["a", "b"]}', "2.jpg": b"2", "2.json": b"[NaN]"}
    assert texts(write_tar(tmp_path / "a.tar", members)) == {"1": ["a", "b"], "2": []}


def test_links_are_files_or_counted(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        info = tarfile.TarInfo("1.jpg")
        info.size = 3
        tar.addfile(info, io.BytesIO(b"abc"))
        for name, kind in (("2.jpg", tarfile.LNKTYPE), ("3.jpg", tarfile.SYMTYPE), ("4", tarfile.FIFOTYPE)):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = kind, "1.jpg"
            tar.addfile(link)
    found, left_out = counted(tmp_path / "a.tar")
    assert [(entry.key, entry.offset, entry.size) for entry in found] == [("1", 512, 3), ("2", 512, 3)]
    assert left_out.counts == {"tar member that is no plain file (symbolic link, device, sparse file)": 2}


def test_names_that_differ_in_case_or_not_at_all_are_all_there(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for name in ("a.jpg", "a.JPG", "b.jpg", "b.jpg"):
            info = tarfile.TarInfo(name)
            info.size = 1
            tar.addfile(info, io.BytesIO(b"x"))
    assert [entry.key for entry in entries(tmp_path / "a.tar")] == ["a.jpg", "a.JPG", "b.jpg", "b.jpg"]


def test_what_is_no_image_and_no_text_of_one_is_counted(tmp_path: Path) -> None:
    members = {"1.jpg": b"x", "1.cls": b"7", "2.txt": b"lost", "__meta__.json": b"{}", "3.txt": b"lost too"}
    _, left_out = counted(write_tar(tmp_path / "a.tar", members))
    assert left_out.counts == {
        "tar member that is neither an image nor a text of one (.txt)": 2,
        "tar member that is neither an image nor a text of one (.cls)": 1,
        "hidden tar member (__*, .*)": 1,
    }


def test_a_damaged_header_between_members_is_an_error(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", {"1.jpg": b"x", "2.jpg": b"y", "3.jpg": b"z"})
    data = bytearray(path.read_bytes())
    data[1024 + 3] ^= 0xFF
    path.write_bytes(bytes(data))
    with pytest.raises(SourceError, match=r"a\.tar: damaged at byte 1024"):
        entries(path)


def test_a_second_archive_behind_the_first_is_an_error(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", {"1.jpg": b"x"})
    path.write_bytes(path.read_bytes() * 2)
    with pytest.raises(SourceError, match="damaged at byte 1024"):
        entries(path)


@pytest.mark.parametrize("name", ["a.tar.gz", "a.tgz"])
def test_compressed_tars_say_what_to_do(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(SourceError, match="a compressed tar, but tars are read in place: unpack it"):
        entries(tmp_path / name)


def test_http_tars_are_refused() -> None:
    with pytest.raises(SourceError, match="download it first"):
        list(read_tar("https://a.org/1.tar", "https://a.org/1.tar", LeftOut()))


def test_tars_are_read_through_fsspec(tmp_path: Path) -> None:
    import fsspec

    path = write_tar(tmp_path / "a.tar", {"1.jpg": b"x"})
    fsspec.filesystem("memory").pipe_file("/tars/a.tar", path.read_bytes())
    [entry] = read_tar("memory://tars/a.tar", "memory://tars/a.tar", LeftOut())
    assert (entry.uri, entry.offset, entry.size) == ("memory://tars/a.tar/1.jpg", 512, 1)


def test_texts_with_marks_and_json_that_is_a_text(tmp_path: Path) -> None:
    members = {f"{number}.jpg": b"x" for number in range(5)}
    members |= {"0.txt": "\ufeffa dog".encode(), "1.txt": "a dog".encode("utf-16"), "2.json": b'"a dog"'}
    members |= {"3.json": b'["a dog", "a cat"]', "4.json": b"7"}
    assert texts(write_tar(tmp_path / "a.tar", members)) == {
        "0": ["a dog"],
        "1": ["a dog"],
        "2": ["a dog"],
        "3": ["a dog", "a cat"],
        "4": ["7"],
    }
