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
    for round_ in rounds:
        promotions = [_named(learner, promotion) for learner, promotion in round_.promotions.items()]
        table.add_row(str(round_.number), *_numbers(round_.watch), "; ".join(promotions))
    return table


def _named(learner: str, promotion: Promotion) -> str:
    return verdict(promotion) if learner == GENERALIST else f"{learner} {verdict(promotion)}"


def _numbers(report: WatchReport) -> tuple[str, ...]:
    """Boxes per image, entropy of labels, vocabulary, agreement with round 0, share that only the model supports."""
    statistics = report.statistics
    agreement = "" if statistics.agreement_boxes is None else f"{statistics.agreement_boxes:.2f}"
    return (
        f"{statistics.boxes_per_image:.2f}",
        f"{statistics.label_entropy:.2f}",
        str(statistics.vocabulary),
        agreement,
        f"{statistics.unsupported_regions:.2f}",
    )
