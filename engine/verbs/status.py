"""`fld status`: the report of `engine/api/status.py` as tables."""

from collections.abc import Mapping
from shlex import quote

from rich.table import Table

from engine.api import status as api
from engine.api.status import RoundState
from engine.console.terminal import out
from engine.runtime.refilter import OUTCOME_KEPT
from shards.reviews import told_waiting
from shards.rounds import INCOMPLETE, OF_IMAGES
from stages.fuse.settings import GENERALIST

FAILURES_SHOWN = 20
KEYS_SHOWN = 3


def status(corpus: str) -> None:
    """Print the state of a corpus. Raises what is wrong with it, after all is printed."""
    report = api.status(corpus)
    table = Table("column", "shards", "images", "failed", box=None, pad_edge=False)
    for column in report.columns:
        table.add_row(column.name, f"{column.done}/{column.planned}", f"{column.kept:,}", f"{column.failed:,}")
    out.print(table)
    for each in report.parts:
        out.print(f"part {each.part}: {each.holder or 'nobody is at work on it'}")
    for state in report.rounds:
        _print_round(state)
        if state.waiting:
            filter_it = f"`fld filter {quote(corpus)} --round {state.number}`"
            out.print(f"  {told_waiting(state.waiting)}: {filter_it} applies {'it' if state.waiting == 1 else 'them'}")
    for line in report.costs:
        out.print(f"cost of {line}")
    _print_failures(report.failures, corpus)
    for note in report.notes:
        out.print(note)
    report.check()


def _print_round(state: RoundState) -> None:
    counts, tally = state.images, state.tally
    incomplete = tally["missing", INCOMPLETE]
    lacking = f" ({incomplete:,} incomplete: an annotator failed)" if incomplete else ""
    numbers = f"{counts.kept:,} kept{lacking}, {counts.dropped:,} dropped, {counts.failed:,} failed"
    out.print(f"round {state.number}: {numbers}")
    kinds = sorted({kind for kind, _ in tally} - OF_IMAGES)
    kept = ", ".join(
        f"{tally[kind, OUTCOME_KEPT]:,} of {sum(n for (k, _), n in tally.items() if k == kind):,} {kind}"
        for kind in kinds
    )
    out.print(f"  annotations kept: {kept}")
    for learner, promotion in state.promotions.items():
        verdict = "promoted" if promotion.promoted else "refused"
        name = "model" if learner == GENERALIST else learner
        out.print(f"  the {name} trained on it is {verdict}: {promotion.reason}")


def _print_failures(failures: Mapping[tuple[str, str], list[str]], corpus: str) -> None:
    if not failures:
        return
    table = Table("failed", "where", "why", "images", box=None, pad_edge=False)
    for (where, why), keys in sorted(failures.items(), key=lambda entry: -len(entry[1]))[:FAILURES_SHOWN]:
        more = ", ..." if len(keys) > KEYS_SHOWN else ""
        table.add_row(f"{len(keys):,}", where, why, ", ".join(keys[:KEYS_SHOWN]) + more)
    out.print(table)
    if len(failures) > FAILURES_SHOWN:
        out.print(f"... and {len(failures) - FAILURES_SHOWN} more reasons")
    if any(where != "ingest" for where, _ in failures):
        out.print(f"`fld annotate {quote(corpus)} --retry-quarantined` runs only the failed ones again")
