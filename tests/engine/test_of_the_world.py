"""What the world does wrong, through the real command line: exit code 2, and one line that names file and cause."""

import errno
import os
from pathlib import Path

import pytest
import typer

from engine.config.config import load_config, save
from engine.console.exit_codes import report_error, run_to_its_code
from shards.store import LocalStore
from tests.engine.commands import fld

NO_DATE, LOOP = "ingest: {shard_size: 2026-02-31}", "engine: &a {backend: *a}"


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (b"engine: \xff", "is not valid YAML: byte 8 is no UTF-8"),
        (NO_DATE.encode(), "is not valid YAML: day is out of range"),
        (LOOP.encode(), "an alias (*name) repeats or contains itself"),
        (b"ingest:\n  key: path\n  key: stem", "is not valid YAML, line 3: 'key' is given twice"),
        (b"engine: {", "is not valid YAML, line 1"),
    ],
)
def test_damaged_settings_are_named(tmp_path: Path, data: bytes, cause: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(data)
    done = fld("config", "--config", str(path))
    assert (done.code, done.said.count("Error: "), done.said.count("\n")) == (2, 1, 1), done.said
    assert "mine.yaml" in done.said
    assert cause in done.said


@pytest.mark.parametrize("setting", ["ingest.shard_size=2026-02-31", "fuse=&a {x: *a}", "fuse=[", "fuse=" + "[" * 3000])
def test_a_damaged_setting_is_named(setting: str) -> None:
    done = fld("config", "--set", setting)
    assert (done.code, done.said.count("Error: ")) == (2, 1), done.said[:300]
    assert setting[:5] in done.said


def test_a_folder_and_a_name_that_is_too_long(tmp_path: Path) -> None:
    assert fld("config", "--config", str(tmp_path)).code == 2
    done = fld("scenes", str(tmp_path / ("x" * 300)), "--count", "1")
    assert (done.code, "File name too long" in done.said, done.said.count("\n")) == (2, True, 1), done.said
    done = fld("ingest", str(tmp_path / "photos"), str(tmp_path / ("y" * 300)))
    assert (done.code, "File name too long" in done.said) == (2, True), done.said


class Failing(LocalStore):
    """A disk on which nothing can be written any more. The system does not say of which file."""

    number = errno.ENOSPC

    def _write_all(self, descriptor: int, batch: list[bytes]) -> None:
        raise OSError(self.number, os.strerror(self.number))


@pytest.mark.parametrize(
    ("number", "cause"), [(errno.ENOSPC, "No space left on device"), (errno.EROFS, "Read-only file system")]
)
def test_a_full_disk_and_a_read_only_one(
    tmp_path: Path, number: int, cause: str, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Failing(tmp_path)
    store.number = number
    with pytest.raises(OSError, match=cause) as failed:
        save(load_config("embedded"), store)
    assert report_error(failed.value) == 2
    assert capsys.readouterr().err == f"Error: {tmp_path}/corpus.yaml: {cause}\n"


def test_an_object_store_that_lets_nobody_in_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    exceptions = pytest.importorskip("botocore.exceptions")
    app = typer.Typer()

    @app.command()
    def status() -> None:
        raise exceptions.NoCredentialsError

    assert run_to_its_code(app, []) == 2
    assert capsys.readouterr().err == "Error: Unable to locate credentials\n"


@pytest.mark.parametrize("name", ["", "a\0b"])
def test_a_corpus_has_a_name(name: str) -> None:
    done = fld("status", name)
    assert (done.code, "a corpus is a folder or the URL of one" in done.said, done.said.count("\n")) == (2, True, 1)
