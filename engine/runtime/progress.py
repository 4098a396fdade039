"""How far a run is: the state of each column, and a log of all events in the corpus.

Comes in: what the scheduler counts. Goes out: rates, states and times for who shows them (`progress_view.py`), and
`logs/run.jsonl` of the corpus, one event per line, time in UTC:

    {"time": "2026-01-31T12:00:00.123+00:00", "event": "quarantined", "column": "detector", "key": "dog", ...}
"""

import json
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Literal, NamedTuple, Protocol

from shards.store import LocalStore, Store

LOG = "logs/run.jsonl"
QUARANTINED = "quarantined"
ESTIMATE = "estimate"
"""The event that says, once in a run, how long it will take."""
State = Literal["waiting", "starting", "running", "done"]


@dataclass
class ColumnProgress:
    """State of one column. images_done counts ok, failed and blocked ones; `already` of them were done before.

    ready: some of its images can be looked at now, nobody else's findings are waited for. needs: names of the columns
    whose findings it looks at. each_s: what an image takes in a call, None while that is not known; starting actors and
    loading weights are not counted. pool: whose actors it shares with other columns of the same one; share: of these,
    how many are expected to work while all pools have work. at_once: calls of the whole run that run side by side, on
    average."""

    name: str
    shards_total: int
    images_total: int
    shards_done: int = 0
    images_done: int = 0
    already: int = 0
    failed: int = 0
    actors: int = 0
    ready: bool = False
    needs: tuple[str, ...] = ()
    each_s: float | None = None
    pool: str = ""
    share: float = 1.0
    at_once: float = 1.0

    @property
    def rate(self) -> float:
        """Images per second of all its actors while they work; 0 while that is not known."""
        return max(1, self.actors) / self.each_s if self.each_s else 0.0

    @property
    def left_s(self) -> float | None:
        """Seconds of its actors to the end, at this pace; None while nothing is known."""
        return None if self.calls_s is None else self.calls_s / max(1, self.actors)

    @property
    def calls_s(self) -> float | None:
        """Seconds of all its calls that are left; None while nothing is known."""
        return (self.images_total - self.images_done) * self.each_s if self.each_s else None

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
        return "running" if self.actors or self.each_s is not None else "starting"


class RunLeft(NamedTuple):
    """Seconds to the end of a run, None while no column has a pace. is_least: one that has none yet may take longer."""

    seconds: float | None
    is_least: bool


def run_left(columns: Sequence[ColumnProgress]) -> RunLeft:
    """All calls that are left, as many side by side as run; but no less than the columns take that share actors, and
    no less than those that wait for each other: over many shards the slowest of them, over one shard all that must
    follow each other."""
    unfinished = {column.name: column for column in columns if not column.finished}
    calls_s = {name: left for name, column in unfinished.items() if (left := column.calls_s) is not None}
    if not calls_s:
        return RunLeft(None if unfinished else 0.0, bool(unfinished))

    known = {name: left / max(1.0, unfinished[name].actors, unfinished[name].share) for name, left in calls_s.items()}

    def chain(name: str) -> float:
        before = [chain(need) for need in unfinished[name].needs if need in unfinished]
        return known.get(name, 0.0) + max(before, default=0.0)

    pools: dict[str, float] = defaultdict(float)
    for name, left in known.items():
        pools[unfinished[name].pool or name] += left
    slowest, longest = max(known.values()), max(chain(name) for name in unfinished)
    shards = max(column.shards_total - column.shards_done for column in unfinished.values())
    in_turn = slowest + (longest - slowest) / shards
    at_once = max(column.at_once for column in unfinished.values())
    return RunLeft(max(sum(calls_s.values()) / at_once, max(pools.values()), in_turn), len(calls_s) < len(unfinished))


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
