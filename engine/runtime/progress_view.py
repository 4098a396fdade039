"""What the user sees of a run: a live table in a terminal, a few lines now and then without one.

    annotator  shards   images  failed  images/s  actors       left
    captions      1/1    40/40       0       0.9       1       done
    words         0/1    32/40       0       0.7       1    0:00:12
    phrases       0/1    16/40       0       5.7       1    0:00:04
    masks         0/1     0/40       0                 1    waiting
    whole run     1/4   88/160       0                    > 0:00:12

Rows are in order of dependence: what looks at others' findings comes after them. "left" says waiting (for those
findings), starting (actors start, weights are loaded), running (the first images), then the time that is left; of the
run at least that of its slowest column.
"""

import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TextIO

from engine.console.cleaning import clean
from engine.runtime.progress import ColumnProgress, Logged, Reporter, run_left
from shards.store import Store

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

PLAIN_EVERY_S = 10.0
LIVE_EVERY_S = 0.25
WHOLE = "whole run"
Clock = Callable[[], float]


class Plain:
    """A line per unfinished column and one of the whole run every ten seconds, and one per column at the end."""

    def __init__(self, stream: TextIO, every_s: float = PLAIN_EVERY_S, clock: Clock = time.monotonic) -> None:
        self._stream = stream
        self._every_s = every_s
        self._clock = clock
        self._began = self._shown = clock()

    def begin(self, columns: list[ColumnProgress]) -> None:
        self._began = self._shown = self._clock()
        self._write([column for column in columns if not column.finished])

    def update(self, columns: list[ColumnProgress]) -> None:
        now = self._clock()
        if now - self._shown < self._every_s:
            return
        self._shown = now
        unfinished = [column for column in columns if not column.finished]
        self._write(unfinished)
        if len(columns) > 1 and unfinished:
            self._stream.write(self._whole(columns, now))
            self._stream.flush()

    def log(self, event: str, fields: Mapping[str, object]) -> None:
        if event == "quarantined":
            line = f"{fields.get('column')}: {fields.get('key')} quarantined: {fields.get('error')}"
            self._stream.write(f"{clean(line)}\n")

    def end(self, columns: list[ColumnProgress]) -> None:
        self._write(columns)

    def _whole(self, columns: list[ColumnProgress], now: float) -> str:
        done, total = sum(column.shards_done for column in columns), sum(column.shards_total for column in columns)
        left, is_least = run_left(columns, now)
        rest = "" if left is None else f", {'more than ' if is_least else ''}{duration(left)} left"
        return f"{WHOLE}: {done}/{total} shards of columns, {duration(now - self._began)} so far{rest}\n"

    def _write(self, columns: list[ColumnProgress]) -> None:
        now = self._clock()
        for column in columns:
            state = _state(column, now)
            rate = f"{column.rate(now):.1f} images/s, " if column.began is not None else ""
            self._stream.write(
                f"{column.name}: {column.shards_done}/{column.shards_total} shards,"
                f" {column.images_done:,}/{column.images_total:,} images, {column.failed} failed,"
                f" {rate}{column.actors} actors, {state if state in _STATES else f'{state} left'}\n"
            )
        self._stream.flush()


class Live:
    """A table that is redrawn in place."""

    def __init__(self, console: "Console", clock: Clock = time.monotonic) -> None:
        from rich.live import Live as RichLive

        self._live = RichLive(console=console, auto_refresh=False, transient=False)
        self._clock = clock
        self._shown = clock()

    def begin(self, columns: list[ColumnProgress]) -> None:
        self._shown = self._clock()
        self._live.start()
        self._draw(columns)

    def update(self, columns: list[ColumnProgress]) -> None:
        now = self._clock()
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
        self._live.update(progress_table(columns, self._clock()), refresh=True)


def open_reporter(store: Store, stream: TextIO | None = None) -> Reporter:
    """A live table if `stream` (default: stderr) is a terminal, plain lines otherwise; logged in the corpus either
    way."""
    stream = sys.stderr if stream is None else stream
    if not stream.isatty():
        return Logged(Plain(stream), store)
    from engine.console.terminal import console

    return Logged(Live(console(stream)), store)


def progress_table(columns: list[ColumnProgress], now: float) -> "Table":
    """The state of a run at `now` (`time.monotonic()`)."""
    from rich.table import Table

    drawn = Table(box=None, pad_edge=False)
    drawn.add_column("annotator", style="bold")
    for name in ("shards", "images", "failed", "images/s", "actors", "left"):
        drawn.add_column(name, justify="right")
    for column in columns:
        drawn.add_row(
            column.name,
            f"{column.shards_done}/{column.shards_total}",
            f"{column.images_done:,}/{column.images_total:,}",
            str(column.failed),
            f"{column.rate(now):.1f}" if column.rate(now) > 0 else "",
            str(column.actors) if column.actors else "",
            _state(column, now),
        )
    if len(columns) > 1:
        drawn.add_row(*_sums(columns, now))
    return drawn


def duration(seconds: float) -> str:
    """`duration(3725)` is "1:02:05"."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}"


_STATES = ("waiting", "starting", "running", "done")


def _state(column: ColumnProgress, now: float) -> str:
    """What it waits for, or how long it takes."""
    left = column.left_s(now)
    return column.state if column.finished or left is None else duration(left)


def _sums(columns: list[ColumnProgress], now: float) -> tuple[str, ...]:
    """The last line of the table."""
    seconds, is_least = run_left(columns, now)
    left = "" if seconds is None else f"{'> ' if is_least else ''}{duration(seconds)}"
    return (
        WHOLE,
        f"{sum(column.shards_done for column in columns)}/{sum(column.shards_total for column in columns)}",
        f"{sum(column.images_done for column in columns):,}/{sum(column.images_total for column in columns):,}",
        str(sum(column.failed for column in columns)),
        "",
        "",
        "done" if all(column.finished for column in columns) else left,
    )
