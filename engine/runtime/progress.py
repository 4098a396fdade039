"""What the user sees of a run: a live table, plain lines without a terminal, and always a log in the corpus.

Comes in: the state of each column, now and then, and events. Goes out, in the terminal:

    annotator   shards   images      failed  images/s  actors  left
    captioner   3/8      761/2,000   0       41.2      2       0:00:30
    detector    8/8      2,000/2,000 1                         done

and `logs/run.jsonl` of the corpus, one event per line, time in UTC:

    {"time": "2026-01-31T12:00:00.123+00:00", "event": "quarantined", "column": "detector", "key": "dog", ...}
"""

import json
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol, TextIO

from engine.console.cleaning import clean
from shards.store import LocalStore, Store

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

LOG = "logs/run.jsonl"
PLAIN_EVERY_S = 10.0
LIVE_EVERY_S = 0.25


@dataclass
class ColumnProgress:
    """State of one column. images_done counts ok, failed and blocked ones; `already` of them were done before.
    began: `time.monotonic()` of the first call of this run; starting actors and loading weights is not counted."""

    name: str
    shards_total: int
    images_total: int
    shards_done: int = 0
    images_done: int = 0
    already: int = 0
    failed: int = 0
    actors: int = 0
    began: float | None = None

    def rate(self, now: float) -> float:
        """Images per second of this run."""
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


class Plain:
    """A line per unfinished column every ten seconds, and one per column at the end."""

    def __init__(self, stream: TextIO, every_s: float = PLAIN_EVERY_S) -> None:
        self._stream = stream
        self._every_s = every_s
        self._shown = time.monotonic()

    def begin(self, columns: list[ColumnProgress]) -> None:
        self._shown = time.monotonic()
        self._write([column for column in columns if not column.finished])

    def update(self, columns: list[ColumnProgress]) -> None:
        now = time.monotonic()
        if now - self._shown >= self._every_s:
            self._shown = now
            self._write([column for column in columns if not column.finished])

    def log(self, event: str, fields: Mapping[str, object]) -> None:
        if event == "quarantined":
            line = f"{fields.get('column')}: {fields.get('key')} quarantined: {fields.get('error')}"
            self._stream.write(f"{clean(line)}\n")

    def end(self, columns: list[ColumnProgress]) -> None:
        self._write(columns)

    def _write(self, columns: list[ColumnProgress]) -> None:
        now = time.monotonic()
        for column in columns:
            left = column.left_s(now)
            state = "done" if column.finished else "waiting" if left is None else f"{duration(left)} left"
            self._stream.write(
                f"{column.name}: {column.shards_done}/{column.shards_total} shards,"
                f" {column.images_done:,}/{column.images_total:,} images, {column.failed} failed,"
                f" {column.rate(now):.1f} images/s, {column.actors} actors, {state}\n"
            )
        self._stream.flush()


class Live:
    """A table that is redrawn in place."""

    def __init__(self, console: "Console") -> None:
        from rich.live import Live as RichLive

        self._live = RichLive(console=console, auto_refresh=False, transient=False)
        self._shown = time.monotonic()

    def begin(self, columns: list[ColumnProgress]) -> None:
        self._shown = time.monotonic()
        self._live.start()
        self._draw(columns)

    def update(self, columns: list[ColumnProgress]) -> None:
        now = time.monotonic()
        if now - self._shown >= LIVE_EVERY_S:
            self._shown = now
            self._draw(columns)

    def log(self, event: str, fields: Mapping[str, object]) -> None:
        if event == "quarantined":
            line = f"{fields.get('column')}: {fields.get('key')} quarantined: {fields.get('error')}"
            self._live.console.print(line, style="yellow")

    def end(self, columns: list[ColumnProgress]) -> None:
        self._draw(columns)
        self._live.stop()

    def _draw(self, columns: list[ColumnProgress]) -> None:
        self._live.update(table(columns, time.monotonic()), refresh=True)


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


def open_reporter(store: Store, stream: TextIO = sys.stderr) -> Reporter:
    """A live table if `stream` is a terminal, plain lines otherwise; logged in the corpus either way."""
    if not stream.isatty():
        return Logged(Plain(stream), store)
    from engine.console.terminal import console

    return Logged(Live(console(stream)), store)


def quiet_reporter(store: Store) -> Reporter:
    """Shows nothing; logged in the corpus."""
    return Logged(Silent(), store)


def table(columns: list[ColumnProgress], now: float) -> "Table":
    """The state of a run at `now` (`time.monotonic()`)."""
    from rich.table import Table

    drawn = Table(box=None, pad_edge=False)
    drawn.add_column("annotator", style="bold")
    for name in ("shards", "images", "failed", "images/s", "actors", "left"):
        drawn.add_column(name, justify="right")
    for column in columns:
        left = column.left_s(now)
        drawn.add_row(
            column.name,
            f"{column.shards_done}/{column.shards_total}",
            f"{column.images_done:,}/{column.images_total:,}",
            str(column.failed),
            f"{column.rate(now):.1f}" if column.images_done > column.already else "",
            str(column.actors) if column.actors else "",
            "done" if column.finished else duration(left) if left is not None else "",
        )
    return drawn


def duration(seconds: float) -> str:
    """`duration(3725)` is "1:02:05"."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}"


def _state(column: ColumnProgress) -> dict[str, int]:
    return {
        "shards_done": column.shards_done,
        "shards_total": column.shards_total,
        "images_done": column.images_done,
        "images_total": column.images_total,
        "failed": column.failed,
    }
