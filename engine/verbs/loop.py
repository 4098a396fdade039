"""`fld loop`: the loop's news as it goes on, then the table of all rounds (also after a stop)."""

from collections.abc import Sequence

from rich.table import Table

from engine.api.loop import LoopRound, loop_rounds
from engine.api.loop import loop as run_loop
from engine.console.terminal import out
from engine.verbs.printing import printer, verdict
from shards.store import open_store
from stages.fuse.settings import GENERALIST
from stages.gate.decide import Promotion
from stages.watch.judge import WatchReport


def loop(
    corpus: str, count: int, start: str | None, gold: str | None, source: str | None, assignments: list[str]
) -> None:
    """Up to round `count`. Raises RefusedError, WatchError, and what training and annotating raise."""
    try:
        run_loop(corpus, count, start, gold, source, assignments, progress=True, tell=printer(corpus))
    finally:
        if rounds := loop_rounds(open_store(corpus), count):
            out.print(rounds_table(rounds))


def rounds_table(rounds: Sequence[LoopRound]) -> Table:
    """One line per round: its numbers, and the verdict on the model that was trained on it."""
    table = Table(box=None, pad_edge=False)
    for heading in ("round", "boxes/image", "label bits", "words", "as round 0", "alone", "model trained on it"):
        table.add_column(heading, justify="left" if heading.startswith("model") else "right")
    for each in rounds:
        said = [_named(learner, promotion) for learner, promotion in each.promotions.items()]
        table.add_row(str(each.number), *_numbers(each.watch), "; ".join(said))
    return table


def _named(learner: str, promotion: Promotion) -> str:
    return verdict(promotion) if learner == GENERALIST else f"{learner} {verdict(promotion)}"


def _numbers(report: WatchReport) -> tuple[str, ...]:
    """Boxes per image, entropy of labels, vocabulary, agreement with round 0, share that only the model supports."""
    found = report.statistics
    agreement = "" if found.agreement_boxes is None else f"{found.agreement_boxes:.2f}"
    return (
        f"{found.boxes_per_image:.2f}",
        f"{found.label_entropy:.2f}",
        str(found.vocabulary),
        agreement,
        f"{found.unsupported_regions:.2f}",
    )
