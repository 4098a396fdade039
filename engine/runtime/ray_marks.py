"""Which session folders of Ray are ours, so that those of killed runs can be removed and no others.

Ray makes a folder per session, of tens of megabytes, and leaves it where its driver is killed. Beside them, in the
folder for temporary files, a driver of ours keeps a mark while it lives: a file that it holds locked, from before Ray
starts, and into which it writes the name of the session as soon as that is known:

    /tmp/fld-engine-ray-4711-3fa9c1.lock              locked by process 4711; holds "session_2026-01-31_..._4711"
    /tmp/ray/session_2026-01-31_12-00-00_123456_4711

The lock goes with the process, however it ends. A mark that nobody holds is that of a killed run: its session is
removed, then the mark. If that run died while Ray was starting, no name is in the mark, and its sessions are those that
have its process id in their name and began soon after the mark.
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


class SessionMark:
    """The mark of this process in the folder `temp`; nothing is marked where no file can be made."""

    def __init__(self, temp: Path) -> None:
        self._path = temp / f"{PREFIX}{os.getpid()}-{secrets.token_hex(3)}.lock"
        self._lock = FileLock(self._path)
        with suppress(OSError):
            self._lock.acquire(timeout=0)

    def name(self, session: Path) -> None:
        """Keep the name of the session that was started."""
        if self._lock.is_locked:
            self._path.write_text(session.name)

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
            if mark.lstat().st_uid != os.getuid():
                continue
            lock = FileLock(mark)
            lock.acquire(timeout=0)
        except (Timeout, OSError):
            continue  # at work, or somebody else removes it
        for session in _sessions_of(mark, temp / "ray"):
            shutil.rmtree(session, ignore_errors=True)
        mark.unlink(missing_ok=True)
        lock.release(force=True)


def _sessions_of(mark: Path, folder: Path) -> list[Path]:
    """The sessions of this user that the mark stands for."""
    name, began = mark.read_text().strip(), mark.lstat().st_mtime
    pid = mark.name.removeprefix(PREFIX).partition("-")[0]
    named = [folder / name] if name and "/" not in name else []
    started = [] if name else [each for each in folder.glob(f"session_*_{pid}") if _began_after(each, began)]
    return [each for each in (*named, *started) if each.is_dir() and each.lstat().st_uid == os.getuid()]


def _began_after(session: Path, moment: float) -> bool:
    """Whether a session, by its name session_YYYY-MM-DD_hh-mm-ss_..., began soon after `moment`, a time in seconds."""
    try:
        began = datetime.strptime("_".join(session.name.split("_")[1:3]), "%Y-%m-%d_%H-%M-%S").timestamp()
    except ValueError:
        return False
    return -_CLOCK_S <= began - moment <= STARTING_S
