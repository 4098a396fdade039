import io
import json
import tarfile
from pathlib import Path

import pytest

from stages.ingest.entry import Entry, SourceError
from stages.ingest.tars import read_tar


def write_tar(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def entries(path: Path) -> list[Entry]:
    return list(read_tar(path.name, str(path)))


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
    assert (first.key, first.uri, [found.text for found in first.given]) == ("0001", "a.tar/0001.jpg", ["a dog"])
    assert (second.key, [found.text for found in second.given]) == ("x/0002", ["a cat"])
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


def test_text_that_cannot_be_read_names_its_sample(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", {"1.jpg": b"x", "1.json": b"{oops"})
    with pytest.raises(SourceError, match=r"a\.tar/1: its text cannot be read"):
        entries(path)


def test_http_tars_are_refused() -> None:
    with pytest.raises(SourceError, match="download it first"):
        list(read_tar("https://a.org/1.tar", "https://a.org/1.tar"))


def test_tars_are_read_through_fsspec(tmp_path: Path) -> None:
    import fsspec

    path = write_tar(tmp_path / "a.tar", {"1.jpg": b"x"})
    fsspec.filesystem("memory").pipe_file("/tars/a.tar", path.read_bytes())
    [entry] = read_tar("memory://tars/a.tar", "memory://tars/a.tar")
    assert (entry.uri, entry.offset, entry.size) == ("memory://tars/a.tar/1.jpg", 512, 1)
