"""`fld retrain`: held-out losses and F1 before and after the training, as tables."""

from rich.table import Table

from engine.api import retrain as api
from engine.console.terminal import err
from stages.retrain.job import RetrainResult
from stages.retrain.student import shortcomings
from stages.retrain.student_settings import TrainerName


def retrain(
    corpus: str,
    number: int,
    checkpoint: str,
    revision: str | None,
    source: str | None,
    assignments: list[str],
    *,
    again: bool,
    student: TrainerName | None = None,
) -> None:
    """Train and print what came of it."""
    result = api.retrain(
        corpus,
        checkpoint,
        source,
        assignments,
        round=number,
        revision=revision,
        again=again,
        student=student,
        progress=True,
    )
    if result.training.held_out:
        err.print(_losses(result))
    for name, value in result.training.measures.items():
        err.print(f"held-out {name} against round {number}: {value:.3f}")
    if result.training.held_out_f1:
        err.print(_f1(result))
    if result.training.unreadable_images:
        err.print(f"{result.training.unreadable_images} images could not be read: `fld verify` says why")
    for line in shortcomings(result.training):
        err.print(line)
    for reason, count in result.training.refused_labels.items():
        err.print(f"not taught: {count:,} labels, {reason}")
    state = "was trained before" if result.already else f"trained in {result.training.seconds:.0f} s"
    err.print(f"{result.folder}: {state}, {result.training.steps} steps on {result.training.images} images")


def _losses(result: RetrainResult) -> Table:
    """Held-out loss per task, before and after."""
    table = Table("task", "loss before", "after", "tokens", box=None, pad_edge=False)
    for task, loss in result.training.held_out.items():
        table.add_row(task, f"{loss.before:.3f}", f"{loss.after:.3f}", str(loss.tokens))
    return table


def _f1(result: RetrainResult) -> Table:
    """What the model says about held-out images against the round's labels, before and after."""
    table = Table("measure", "F1 before", "after", box=None, pad_edge=False)
    for name, f1 in result.training.held_out_f1.items():
        table.add_row(name, f"{f1.before:.3f}", f"{f1.after:.3f}")
    return table
