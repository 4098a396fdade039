"""How an export ends that finds nothing, or fails in the middle: nothing of it is left in the way of the next."""

from pathlib import Path

import pytest

import engine
from shards.errors import FldError
from stages.export.choose import QueryError
from tests.engine.commands import fld
from tests.engine.projects import build


@pytest.mark.parametrize("out", ["out", "out.json"])
def test_a_condition_that_no_image_meets_is_said_and_leaves_nothing(tmp_path: Path, out: str) -> None:
    corpus = build(tmp_path, 2)
    there = sorted(tmp_path.iterdir())
    done = fld("export", str(corpus), str(tmp_path / out), "--where", "key = 'nobody'")
    assert done.code == 2
    assert done.said == "Error: where \"key = 'nobody'\" matches no image of round 0: nothing was written\n"
    assert [path for path in sorted(tmp_path.rglob("*")) if path.name.endswith(".part")] == []
    assert {path for path in tmp_path.iterdir() if path.is_file() or any(path.iterdir())} == {*there}


@pytest.mark.parametrize("format", ["coco", "cvat", "yolo", "jsonl", "hf", "fiftyone", "label-studio", "webdataset"])
def test_an_export_that_fails_leaves_an_empty_folder(tmp_path: Path, format: str) -> None:
    corpus = build(tmp_path, 6)
    tar = corpus / "rounds/00/shards/000001.tar"
    tar.write_bytes(tar.read_bytes()[:700])
    with pytest.raises(FldError, match="cut off"):
        engine.export(str(corpus), tmp_path / "out", format=format)  # type: ignore[arg-type]
    assert list((tmp_path / "out").iterdir()) == []
    with pytest.raises(QueryError, match="matches no image"):
        engine.export(str(corpus), tmp_path / "out", where="key = 'nobody'")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="wants a device that is always full")
def test_a_full_disk_is_told_with_the_name(tmp_path: Path) -> None:
    corpus = build(tmp_path, 2)
    page = tmp_path / "page.html"
    page.symlink_to("/dev/full")
    done = fld("report", str(corpus), "--out", str(page))
    assert (done.code, done.said) == (2, f"Error: out {page} cannot be written: No space left on device\n")
