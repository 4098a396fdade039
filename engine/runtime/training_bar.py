"""A training's progress as one line on stderr: steps done, time left, and the last number that is known."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from engine.console.terminal import err
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
    """What the trainer calls with its events while the bar is drawn."""
    with Progress(*_COLUMNS, console=err, transient=True) as bar:
        row = bar.add_task(title, total=steps, news="")

        def show(event: Event) -> None:
            bar.update(row, completed=event["step"], news=_news(event))

        yield show


def _news(event: Event) -> str:
    """One line of what is known."""
    if "loss" in event:
        return f"loss {event['loss']:.3f}, {event['images_per_s']:.1f} images/s"
    if F1 in event:
        return "held-out F1 " + ", ".join(f"{name} {value:.2f}" for name, value in event[F1].items())
    return "held-out " + ", ".join(f"{task.strip('<>').lower()} {loss:.2f}" for task, loss in event[LOSSES].items())
