"""Which session folders of Ray are ours, so that those of killed runs can be removed and no others.

Ray makes a folder per session, of tens of megabytes, and leaves it where its driver is killed. In the folder for
temporary files a driver of ours keeps a mark while it lives: an empty file that it holds locked, from before Ray
starts, and that is renamed after the session as soon as there is one:

    <temp>/fld-engine-ray-4711-3fa9c1.lock                                   while Ray starts, by process 4711
    <temp>/fld-engine-ray-session_2026-01-31_12-00-00_123456_4711.lock       then
    <temp>/ray/session_2026-01-31_12-00-00_123456_4711

The lock goes with the process, however it ends. A mark that nobody holds is that of a killed run: its session is
removed, then the mark. If that run died while Ray was starting, its sessions are those that have its process id in
their name and began soon after the mark was made.
"""

import os
import secrets
import shutil
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

PREFIX = "fld-engine-ray-"
STARTING_S = 600.0
"""A session that begins later than this after the mark is somebody else's who has the process id again: Ray is tried
a few times, and gives up after a minute each time."""
_CLOCK_S = 2.0
_SESSION = "session_"


class SessionMark:
    """The mark of this process in the folder `temp`; nothing is marked where no file can be made."""

    def __init__(self, temp: Path) -> None:
        self._temp = temp
        self._path = temp / f"{PREFIX}{os.getpid()}-{secrets.token_hex(3)}.lock"
        self._lock = FileLock(self._path)
        with suppress(OSError):
            self._lock.acquire(timeout=0)

    def name(self, session: Path) -> None:
        """The session that was started. The lock stays with the file, whatever it is called."""
        if self._lock.is_locked:
            with suppress(OSError):
                self._path = self._path.rename(self._temp / f"{PREFIX}{session.name}.lock")

    def remove(self) -> None:
        """The session is over and its folder is gone."""
        if self._lock.is_locked:
            self._path.unlink(missing_ok=True)
            self._lock.release(force=True)


def remove_stale(temp: Path) -> None:
    """Remove the sessions below `temp`/ray that we started and whose process is gone, and their marks. Those of other
    programs have no mark of ours and stay, as do those of other users, in a folder that all may write."""
    for mark in sorted(temp.glob(f"{PREFIX}*.lock")):
        try:
            made = mark.lstat()
            if made.st_uid != os.getuid():
                continue
            lock = FileLock(mark)
            lock.acquire(timeout=0)
        except (Timeout, OSError):
            continue  # at work, or somebody else removes it
        for session in _sessions_of(mark, made.st_mtime, temp / "ray"):
            shutil.rmtree(session, ignore_errors=True)
        mark.unlink(missing_ok=True)
        lock.release(force=True)


def _sessions_of(mark: Path, made: float, folder: Path) -> list[Path]:
    """The sessions of this user that the mark stands for. made: when, in seconds, before anybody locked it again."""
    name = mark.name.removeprefix(PREFIX).removesuffix(".lock")
    if name.startswith(_SESSION):
        sessions = [folder / name]
    else:
        sessions = [each for each in folder.glob(f"{_SESSION}*_{name.partition('-')[0]}") if _began_after(each, made)]
    return [each for each in sessions if each.is_dir() and each.lstat().st_uid == os.getuid()]


def _began_after(session: Path, moment: float) -> bool:
    """Whether a session, by its name session_YYYY-MM-DD_hh-mm-ss_..., began soon after `moment`, a time in seconds."""
    try:
        began = datetime.strptime("_".join(session.name.split("_")[1:3]), "%Y-%m-%d_%H-%M-%S").timestamp()
    except ValueError:
        return False
    return -_CLOCK_S <= began - moment <= STARTING_S
