"""Answers that were paid for, kept on this machine as they come.

Comes in: the hash of a request, and the text that answered it. Goes out: the text, in any later process, for a month. A
shard is written when all of its images are done: without this, a run that is stopped, killed or out of credit would pay
for the images of its open shards once more. One SQLite file in the user's cache folder, for the user's eyes only. Where
it cannot be written, answers are asked for again.
"""

import contextlib
import os
import sqlite3
import threading
import time
from pathlib import Path

KEEP_S = 30 * 24 * 3600
WAIT_S = 10.0
"""For another process that writes."""


class KeptAnswers:
    """Safe in many threads and processes."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._base: sqlite3.Connection | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            self._base = sqlite3.connect(path, timeout=WAIT_S, check_same_thread=False, isolation_level=None)
            self._base.execute("create table if not exists answers (request blob primary key, text text, at real)")
            self._base.execute("delete from answers where at < ?", (time.time() - KEEP_S,))
        except (OSError, sqlite3.Error):
            self.close()

    def get(self, request: bytes) -> str | None:
        """The text that answered, None if none is known."""
        with self._lock:
            if self._base is None:
                return None
            try:
                found = self._base.execute("select text from answers where request = ?", (request,)).fetchone()
            except sqlite3.Error:
                return None
        return str(found[0]) if found else None

    def put(self, request: bytes, text: str) -> None:
        """Keep it; a store that cannot take it only costs asking again."""
        with self._lock, contextlib.suppress(sqlite3.Error):
            if self._base is not None:
                self._base.execute("insert or replace into answers values (?, ?, ?)", (request, text, time.time()))

    def close(self) -> None:
        """Let go of the file."""
        if self._base is not None:
            self._base.close()
        self._base = None
