"""Answers that were paid for, kept in the corpus as they come.

Comes in: the hash of a request, and the text that answered it. Goes out: the text, in any later process. A shard is
written when all of its images are done: without this, a run that is stopped, killed or out of credit would pay for the
images of its open shards once more. One SQLite file beside the annotator's account, `costs/NAME.answers.sqlite`: a new
corpus asks anew. Where it cannot be written, answers are asked for again.
"""

import contextlib
import sqlite3
import threading
from pathlib import Path

WAIT_S = 10.0
"""For another process that writes."""


class KeptAnswers:
    """Safe in many threads and processes. path: None keeps nothing."""

    def __init__(self, path: Path | None) -> None:
        self._lock = threading.Lock()
        self._base: sqlite3.Connection | None = None
        if path is None:
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._base = sqlite3.connect(path, timeout=WAIT_S, check_same_thread=False, isolation_level=None)
            self._base.execute("pragma trusted_schema = off")  # the file may have come with a stranger's corpus
            self._base.execute("create table if not exists answers (request blob primary key, text text)")
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
        return found[0] if found and isinstance(found[0], str) else None

    def put(self, request: bytes, text: str) -> None:
        """Keep it; a store that cannot take it only costs asking again."""
        with self._lock, contextlib.suppress(sqlite3.Error):
            if self._base is not None:
                self._base.execute("insert or replace into answers values (?, ?)", (request, text))

    def close(self) -> None:
        """Let go of the file."""
        if self._base is not None:
            self._base.close()
        self._base = None
