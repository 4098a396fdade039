"""Where a Ray of our own lies: folders of killed runs are removed, those of others stay, a bad place is one line."""

import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
from filelock import FileLock

from engine.runtime.backend import StartError
from engine.runtime.ray_marks import PREFIX, SessionMark, remove_stale
from engine.runtime.ray_session import check_place

STARTED = "2026-01-31_12-00-00_123456"
BEGAN = datetime(2026, 1, 31, 12).timestamp()


def session(temp: Path, pid: int, started: str = STARTED) -> Path:
    place = temp / "ray" / f"session_{started}_{pid}"
    (place / "logs").mkdir(parents=True)
    return place


def marked(temp: Path, pid: int, name: str = "") -> Path:
    mark = temp / f"{PREFIX}{name or f'{pid}-abc'}.lock"
    mark.touch()
    os.utime(mark, (BEGAN, BEGAN))
    return mark


def test_sessions_of_runs_that_were_killed_are_removed_and_others_stay(tmp_path: Path) -> None:
    killed, foreign, alive = (session(tmp_path, pid) for pid in (1, 2, 3))
    gone, held = marked(tmp_path, 1, killed.name), marked(tmp_path, 3, alive.name)
    with FileLock(held):
        remove_stale(tmp_path)
        assert [place.exists() for place in (killed, gone, foreign, alive, held)] == [False, False, True, True, True]
    remove_stale(tmp_path)
    assert [place.exists() for place in (foreign, alive, held)] == [True, False, False]


def test_a_run_that_was_killed_while_ray_started_leaves_nothing(tmp_path: Path) -> None:
    ours, later, other = session(tmp_path, 7), session(tmp_path, 7, "2026-02-01_12-00-00_1"), session(tmp_path, 17)
    odd = session(tmp_path, 7, "odd")
    marked(tmp_path, 7)
    remove_stale(tmp_path)
    assert [place.exists() for place in (ours, later, other, odd)] == [False, True, True, True]


def test_a_process_that_is_killed_lets_go_of_its_session(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from engine.runtime.ray_marks import SessionMark;"
        f" mark = SessionMark(Path({str(tmp_path)!r})); mark.name(Path('session_x_1')); print(flush=True);"
        " sys.stdin.read()"
    )
    place = tmp_path / "ray" / "session_x_1"
    place.mkdir(parents=True)
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        remove_stale(tmp_path)
        assert place.exists()
        process.kill()
    remove_stale(tmp_path)
    assert not place.exists()
    assert list(tmp_path.glob("*.lock")) == []


def test_a_run_that_ends_takes_its_mark_away(tmp_path: Path) -> None:
    mark = SessionMark(tmp_path)
    assert len(list(tmp_path.glob(f"{PREFIX}{os.getpid()}-*"))) == 1
    mark.remove()
    assert list(tmp_path.iterdir()) == []
    named = SessionMark(tmp_path)
    named.name(Path("session_x_1"))
    assert [path.name for path in tmp_path.iterdir()] == [f"{PREFIX}session_x_1.lock"]
    named.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_session_of_another_user_is_left_alone(tmp_path: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can give a folder away")
    theirs, behind_our_mark = session(tmp_path, 1), session(tmp_path, 2)
    os.chown(marked(tmp_path, 1, theirs.name), 65534, 65534)
    os.chown(behind_our_mark, 65534, 65534)
    marked(tmp_path, 2, behind_our_mark.name)
    remove_stale(tmp_path)
    assert theirs.exists()
    assert behind_our_mark.exists()


def test_a_place_where_ray_cannot_be_is_one_line(tmp_path: Path) -> None:
    check_place(Path("/tmp"))
    with pytest.raises(StartError, match="would be longer than 107 bytes; set RAY_TMPDIR"):
        check_place(tmp_path / ("deep" * 30))
    with pytest.raises(StartError, match=r"is not there, or not yours to write; set RAY_TMPDIR to a short folder"):
        check_place(Path("/nowhere"))
