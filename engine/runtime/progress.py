"""How far a run is: the state of each column, and a log of all events in the corpus.

Comes in: what the scheduler counts. Goes out: rates, states and times for who shows them (`progress_view.py`), and
`logs/run.jsonl` of the corpus, one event per line, time in UTC:

    {"time": "2026-01-31T12:00:00.123+00:00", "event": "quarantined", "column": "detector", "key": "dog", ...}
"""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Literal, NamedTuple, Protocol

from shards.store import LocalStore, Store

LOG = "logs/run.jsonl"
State = Literal["waiting", "starting", "running", "done"]


@dataclass
class ColumnProgress:
    """State of one column. images_done counts ok, failed and blocked ones; `already` of them were done before.

    ready: some of its images can be looked at now, nobody else's findings are waited for. Times are of
    `time.monotonic()`: began when the first call that came back had begun, so that starting actors and loading weights
    is not counted; ended when its last shard was committed."""

    name: str
    shards_total: int
    images_total: int
    shards_done: int = 0
    images_done: int = 0
    already: int = 0
    failed: int = 0
    actors: int = 0
    ready: bool = False
    began: float | None = None
    ended: float | None = None

    def advance(self, images: int, began: float) -> None:
        """More images are done, by a call that began then."""
        self.began = began if self.began is None else self.began
        self.images_done += images

    def commit(self, now: float) -> None:
        """One more shard is finished."""
        self.shards_done += 1
        self.ended = now if self.finished else None

    def rate(self, now: float) -> float:
        """Images per second of this run; that of a finished column stands still."""
        now = now if self.ended is None else self.ended
        if self.began is None or now <= self.began:
            return 0.0
        return (self.images_done - self.already) / (now - self.began)

    def left_s(self, now: float) -> float | None:
        """Seconds to the end at this pace; None while nothing is known."""
        rate = self.rate(now)
        return (self.images_total - self.images_done) / rate if rate > 0 else None

    @property
    def finished(self) -> bool:
        """Every shard is committed."""
        return self.shards_done >= self.shards_total

    @property
    def state(self) -> State:
        """waiting for what it looks at; starting, while no actor is ready; running; done."""
        if self.finished:
            return "done"
        if not self.ready:
            return "waiting"
        return "running" if self.actors or self.began is not None else "starting"


class RunLeft(NamedTuple):
    """Seconds to the end of a run, None while no column has a pace. is_least: one that has none yet may take longer."""

    seconds: float | None
    is_least: bool


def run_left(columns: Sequence[ColumnProgress], now: float) -> RunLeft:
    """Columns run side by side, and the slowest is the last."""
    left = [column.left_s(now) for column in columns if not column.finished]
    known = [each for each in left if each is not None]
    return RunLeft(max(known, default=None if left else 0.0), len(known) < len(left))


class Reporter(Protocol):
    """Told by the engine what goes on. `update` may be called thousands of times a second."""

    def begin(self, columns: list[ColumnProgress]) -> None: ...
    def update(self, columns: list[ColumnProgress]) -> None: ...
    def log(self, event: str, fields: Mapping[str, object]) -> None: ...
    def end(self, columns: list[ColumnProgress]) -> None: ...


class Silent:
    """Shows and keeps nothing."""

    def begin(self, columns: list[ColumnProgress]) -> None:
        """Nothing."""

    def update(self, columns: list[ColumnProgress]) -> None:
        """Nothing."""

    def log(self, event: str, fields: Mapping[str, object]) -> None:
        """Nothing."""

    def end(self, columns: list[ColumnProgress]) -> None:
        """Nothing."""


class Logged:
    """Passes everything on and keeps events and the final state in the corpus.

    A local corpus is appended to at once, so that the log of a killed run is there too; object stores cannot append:
    there the log of this run is kept aside and uploaded at the end."""

    def __init__(self, inner: Reporter, store: Store) -> None:
        self._inner = inner
        self._store = store
        self._file: IO[str] | None = None

    def begin(self, columns: list[ColumnProgress]) -> None:
        self._inner.begin(columns)
        self.log("begin", {"columns": {column.name: _state(column) for column in columns}})

    def update(self, columns: list[ColumnProgress]) -> None:
        self._inner.update(columns)

    def log(self, event: str, fields: Mapping[str, object]) -> None:
        self._inner.log(event, fields)
        if self._file is None:
            self._file = self._open()
        line = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event, **fields}
        self._file.write(json.dumps(line, default=str) + "\n")
        self._file.flush()

    def end(self, columns: list[ColumnProgress]) -> None:
        self.log("end", {"columns": {column.name: _state(column) for column in columns}})
        self._inner.end(columns)
        self._close()

    def _open(self) -> IO[str]:
        if isinstance(self._store, LocalStore):
            path = Path(self._store.url) / LOG
            path.parent.mkdir(parents=True, exist_ok=True)
            return path.open("a", encoding="utf-8")
        return tempfile.TemporaryFile("w+", encoding="utf-8", prefix="fld-log-")

    def _close(self) -> None:
        if self._file is None:
            return
        if not isinstance(self._store, LocalStore):
            self._file.seek(0)
            stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
            self._store.write(f"logs/run-{stamp}.jsonl", [self._file.read().encode()])
        self._file.close()
        self._file = None


def quiet_reporter(store: Store) -> Reporter:
    """Shows nothing; logged in the corpus."""
    return Logged(Silent(), store)


def _state(column: ColumnProgress) -> dict[str, int]:
    return {
        "shards_done": column.shards_done,
        "shards_total": column.shards_total,
        "images_done": column.images_done,
        "images_total": column.images_total,
        "failed": column.failed,
    }
