"""A training's progress on stderr: steps done, time left, and the last number that is known.

In a terminal it is one line that is drawn again and again, without one a line now and then:

    train round 0: 0/300 steps
    train round 0: 120/300 steps, 0:00:15 left, loss 1.234, 17.1 images/s

What workers on other machines do is read from the file of metrics that they write into the folder which all share.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from engine.console.terminal import err
from engine.runtime.progress_view import PLAIN_EVERY_S, duration
from stages.retrain.metrics import F1, LOSSES, Event, Watch

_COLUMNS = (
    TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
    TextColumn("{task.fields[news]}"),
)  # fmt: skip


def unwatched(event: Event) -> None:
    """Nobody looks."""
    del event


@contextmanager
def training_bar(title: str, steps: int) -> Iterator[Watch]:
    """What the trainer calls with its events while they are shown."""
    if not err.is_terminal:
        yield training_lines(title, steps, err.print)
        return
    with Progress(*_COLUMNS, console=err, transient=True) as bar:
        row = bar.add_task(title, total=steps, news="")

        def show(event: Event) -> None:
            bar.update(row, completed=event["step"], news=_news(event))

        yield show


def training_lines(
    title: str, steps: int, write: Callable[[str], object], clock: Callable[[], float] = time.monotonic
) -> Watch:
    """A line at once, then one every ten seconds and one for the last step."""
    write(f"{title}: 0/{steps} steps")
    first: tuple[float, int] | None = None  # of the first event: a run may go on in the middle
    shown = clock()

    def show(event: Event) -> None:
        nonlocal first, shown
        now, step = clock(), event["step"]
        first = first or (now, step)
        if now - shown < PLAIN_EVERY_S and step < steps:
            return
        shown = now
        pace = (now - first[0]) / (step - first[1]) if step > first[1] else None
        left = "" if pace is None or step >= steps else f", {duration(pace * (steps - step))} left"
        write(f"{title}: {step}/{steps} steps{left}, {_news(event)}")

    return show


@contextmanager
def followed(metrics: Path, watch: Watch, every_s: float = 1.0) -> Iterator[None]:
    """While in here, `watch` hears of the events that other processes add to the file `metrics`, from a thread."""
    ended = threading.Event()
    heard = len(_events(metrics))

    def follow() -> None:
        nonlocal heard
        is_over = False
        while not is_over:
            is_over = ended.wait(every_s)
            events = _events(metrics)
            for event in events[heard:]:
                watch(event)
            heard = len(events)  # less than before where a run forgot what it does again

    thread = threading.Thread(target=follow, name="metrics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _events(metrics: Path) -> list[Event]:
    """Those of whole lines; none while there is no file."""
    try:
        lines = metrics.read_text(encoding="utf-8").splitlines(keepends=True)
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def _news(event: Event) -> str:
    """One line of what is known."""
    if "loss" in event:
        return f"loss {event['loss']:.3f}, {event['images_per_s']:.1f} images/s"
    if F1 in event:
        return "held-out F1 " + ", ".join(f"{name} {value:.2f}" for name, value in event[F1].items())
    return "held-out " + ", ".join(f"{task.strip('<>').lower()} {loss:.2f}" for task, loss in event[LOSSES].items())
