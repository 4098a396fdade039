"""What the user sees of a run: a live table in a terminal, a few lines now and then without one.

    annotator  shards   images  failed      pace  actors       left
    captions      1/1    40/40       0   0.9 / s       1       done
    words         0/1    32/40       0   0.7 / s       1    0:00:12
    masks         0/1     0/40       0  31 s each       1    0:20:40
    whole run     1/3   72/120       0                       0:20:52

Rows are in order of dependence: what looks at others' findings comes after them. "left" says waiting (for those
findings), starting (actors start, weights are loaded), running (the first images), then the time that is left. As soon
as all have tried an image, one line says how long the run will take.
"""

import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TextIO, get_args

from engine.console.cleaning import clean
from engine.runtime.progress import ESTIMATE, QUARANTINED, ColumnProgress, Logged, Reporter, RunLeft, State, run_left
from shards.store import Store

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

PLAIN_EVERY_S = 10.0
LIVE_EVERY_S = 0.25
TICK_S = 1.0
WORTH_SAYING_S = 30.0
"""Shorter runs are over before anybody has read how long they take."""
WHOLE = "whole run"
Clock = Callable[[], float]


class Countdown:
    """Time goes on while calls run: what is left falls from call to call. How late one is nobody knows, so a tenth is
    left until it ends."""

    def __init__(self) -> None:
        self._told = RunLeft(None, is_least=True)
        self._since = 0.0

    def left(self, columns: list[ColumnProgress], now: float) -> RunLeft:
        """As `run_left`, less what has passed since that changed."""
        if (told := run_left(columns)) != self._told:
            self._told, self._since = told, now
        if told.seconds is None:
            return told
        return RunLeft(max(told.seconds - (now - self._since), 0.1 * told.seconds), told.is_least)


class Plain:
    """Every ten seconds a line per column that has moved and one of the whole run, and one per column at the end."""

    def __init__(self, stream: TextIO, every_s: float = PLAIN_EVERY_S, clock: Clock = time.monotonic) -> None:
        self._stream = stream
        self._every_s = every_s
        self._clock = clock
        self._began = self._shown = clock()
        self._last: dict[str, str] = {}
        self._countdown = Countdown()

    def begin(self, columns: list[ColumnProgress]) -> None:
        self._began = self._shown = self._clock()
        self._write([column for column in columns if not column.finished])

    def update(self, columns: list[ColumnProgress]) -> None:
        now = self._clock()
        if now - self._shown < self._every_s:
            return
        self._shown = now
        unfinished = [column for column in columns if not column.finished]
        self._write([column for column in unfinished if self._last.get(column.name) != _line(column)])
        if unfinished:
            self._stream.write(self._whole(columns, now))
            self._stream.flush()

    def log(self, event: str, fields: Mapping[str, object]) -> None:
        for line in _said(event, fields):
            self._stream.write(f"{clean(line)}\n")
            self._stream.flush()

    def end(self, columns: list[ColumnProgress]) -> None:
        self._write(columns)

    def _whole(self, columns: list[ColumnProgress], now: float) -> str:
        done, total = sum(column.shards_done for column in columns), sum(column.shards_total for column in columns)
        left, is_least = self._countdown.left(columns, now)
        rest = "" if left is None else f", {'more than' if is_least else 'about'} {duration(left)} left"
        return f"{WHOLE}: {done}/{total} shards of columns, {duration(now - self._began)} so far{rest}\n"

    def _write(self, columns: list[ColumnProgress]) -> None:
        for column in columns:
            self._last[column.name] = _line(column)
            self._stream.write(self._last[column.name])
        self._stream.flush()


class Live:
    """A table that is redrawn in place."""

    def __init__(self, console: "Console", clock: Clock = time.monotonic) -> None:
        from rich.live import Live as RichLive

        self._live = RichLive(console=console, auto_refresh=False, transient=False)
        self._clock = clock
        self._shown = clock()
        self._countdown = Countdown()

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
        for line in _said(event, fields):
            self._live.console.print(line, style="yellow" if event == QUARANTINED else "")

    def end(self, columns: list[ColumnProgress]) -> None:
        self._draw(columns)
        self._live.stop()

    def _draw(self, columns: list[ColumnProgress]) -> None:
        self._live.update(progress_table(columns, self._countdown.left(columns, self._clock())), refresh=True)


class Ticking:
    """Passes on, and shows the last state again while nothing comes: a call in this process, or loading weights, may
    take minutes. Nothing is passed on by two threads at once."""

    def __init__(self, inner: Reporter, every_s: float = TICK_S) -> None:
        self._inner = inner
        self._every_s = every_s
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._columns: list[ColumnProgress] = []

    def begin(self, columns: list[ColumnProgress]) -> None:
        self._columns = columns
        with self._lock:
            self._inner.begin(columns)
        threading.Thread(target=self._tick, name="progress", daemon=True).start()

    def update(self, columns: list[ColumnProgress]) -> None:
        with self._lock:
            self._columns = columns
            self._inner.update(columns)

    def log(self, event: str, fields: Mapping[str, object]) -> None:
        with self._lock:
            self._inner.log(event, fields)

    def end(self, columns: list[ColumnProgress]) -> None:
        with self._lock:
            self._ended.set()
            self._inner.end(columns)

    def _tick(self) -> None:
        while not self._ended.wait(self._every_s):
            with self._lock:
                if not self._ended.is_set():
                    self._inner.update(self._columns)


def open_reporter(store: Store, stream: TextIO | None = None) -> Reporter:
    """A live table if `stream` (default: stderr) is a terminal, plain lines otherwise; logged in the corpus either
    way."""
    stream = sys.stderr if stream is None else stream
    if not stream.isatty():
        return Logged(Ticking(Plain(stream)), store)
    from engine.console.terminal import console

    return Logged(Ticking(Live(console(stream))), store)


def progress_table(columns: list[ColumnProgress], whole: RunLeft) -> "Table":
    """The state of a run. whole: what is left of all."""
    from rich.table import Table

    drawn = Table(box=None, pad_edge=False)
    drawn.add_column("annotator", style="bold")
    for name in ("shards", "images", "failed", "pace", "actors", "left"):
        drawn.add_column(name, justify="right")
    for column in columns:
        drawn.add_row(
            column.name,
            f"{column.shards_done}/{column.shards_total}",
            f"{column.images_done:,}/{column.images_total:,}",
            str(column.failed),
            _pace(column.rate),
            str(column.actors) if column.actors else "",
            _state(column),
        )
    if len(columns) > 1:
        drawn.add_row(*_sums(columns, whole))
    return drawn


def duration(seconds: float) -> str:
    """`duration(3725)` is "1:02:05"."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}"


def _said(event: str, fields: Mapping[str, object]) -> list[str]:
    """What of the events is shown."""
    if event == QUARANTINED:
        return [f"{fields.get('column')}: {fields.get('key')} quarantined: {fields.get('error')}"]
    seconds, each_s = fields.get("seconds"), fields.get("each_s")
    if event != ESTIMATE or not isinstance(seconds, int) or seconds < WORTH_SAYING_S or not isinstance(each_s, dict):
        return []
    slowest = sorted(each_s.items(), key=lambda item: -item[1])
    paces = ", ".join(f"{name} {_pace(1 / each)}" for name, each in slowest if each)
    least = "at least" if fields.get("is_least") else "about"
    takes = f"{fields.get('images'):,} images will take {least} {duration(seconds)}"
    return [f"{takes}, by the first of them, which also warm up: {paces}"]


def _line(column: ColumnProgress) -> str:
    rate = f"{_pace(column.rate)}, " if column.rate else ""
    state = _state(column)
    left = state if state in get_args(State) else f"{state} left"
    return (
        f"{column.name}: {column.shards_done}/{column.shards_total} shards,"
        f" {column.images_done:,}/{column.images_total:,} images, {column.failed} failed,"
        f" {rate}{column.actors} actors, {left}\n"
    )


def _pace(rate: float) -> str:
    """images per second: `_pace(8.04)` is "8.0 images/s", `_pace(0.032)` is "31 s per image"; "" if there is none."""
    if not rate:
        return ""
    return f"{rate:.1f} images/s" if rate >= 1 else f"{1 / rate:.{0 if rate < 0.1 else 1}f} s per image"


def _state(column: ColumnProgress) -> str:
    """What it waits for, or how long it takes."""
    left = column.left_s
    return column.state if column.finished or left is None else duration(left)


def _sums(columns: list[ColumnProgress], whole: RunLeft) -> tuple[str, ...]:
    """The last line of the table."""
    seconds, is_least = whole
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
