"""Where a Ray of our own lies: folders of killed runs are removed, those of others stay, a bad place is one line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from engine.runtime.backend import StartError
from engine.runtime.ray_session import MARK, check_place, remove_stale


def session(folder: Path, name: str, *, marked: bool) -> Path:
    place = folder / f"session_{name}"
    (place / "logs").mkdir(parents=True)
    if marked:
        (place / MARK).touch()
    return place


def test_folders_of_runs_that_were_killed_are_removed_and_others_stay(tmp_path: Path) -> None:
    killed, foreign = session(tmp_path, "killed", marked=True), session(tmp_path, "foreign", marked=False)
    alive = session(tmp_path, "alive", marked=True)
    with FileLock(alive / MARK):
        remove_stale(tmp_path)
        assert (killed.exists(), foreign.exists(), alive.exists()) == (False, True, True)
    remove_stale(tmp_path)
    assert not alive.exists()


def test_a_process_that_is_killed_lets_go_of_its_folder(tmp_path: Path) -> None:
    place = session(tmp_path, "run", marked=True)
    code = (
        f"import sys; from filelock import FileLock; lock = FileLock({str(place / MARK)!r}); lock.acquire();"
        " print(flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        remove_stale(tmp_path)
        assert place.exists()
        process.kill()
    remove_stale(tmp_path)
    assert not place.exists()


def test_a_folder_of_another_user_is_left_alone(tmp_path: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can give a folder away")
    place = session(tmp_path, "theirs", marked=True)
    os.chown(place, 65534, 65534)
    remove_stale(tmp_path)
    assert place.exists()


def test_a_place_where_ray_cannot_be_is_one_line(tmp_path: Path) -> None:
    check_place(Path("/tmp"))
    with pytest.raises(StartError, match="would be longer than 107 bytes; set RAY_TMPDIR"):
        check_place(tmp_path / ("deep" * 30))
    with pytest.raises(StartError, match=r"is not there, or not yours to write; set RAY_TMPDIR to a short folder"):
        check_place(Path("/nowhere"))
