"""`fld run`, `ingest`, `annotate` and `filter`: what was typed goes to `engine/api/rounds.py`, reports to stderr."""

from collections.abc import Sequence
from shlex import quote

from engine.api import rounds
from engine.config.config import load
from engine.console.terminal import err, styled
from engine.verbs.printing import failed_line, printer
from shards.reader import Corpus, Round, Row
from shards.reviews import told_waiting, waiting_reviews
from shards.store import Store, open_store

SMOKE_TEST = (
    "The embedded models know generated scenes only: on other pictures these labels, but for what is read (OCR), are a"
    " smoke test. Real ones: --config open, or annotators of your own."
)

_UNHEARD = "annotators."
"""Settings that writing a round does not look at: what the annotators said is there already."""


def run(images: list[str], corpus: str, source: str | None, assignments: list[str]) -> None:
    """`fld run`."""
    report = rounds.run(images, corpus, source, assignments, progress=True, tell=printer(corpus))
    store = open_store(corpus)
    look, one = (
        styled("bold", f"fld view {quote(corpus)}"),
        styled("bold", f"fld show {quote(corpus)} {_some_key(store)}"),
    )
    err.print("Look at it:", look, "  one image:", one)
    if "embedded:" in str(load(None, [], store).annotators):
        err.print(styled("yellow", SMOKE_TEST))
    if report.failed or report.filter.incomplete:
        err.print(styled("yellow", failed_line(report.failed, report.read, corpus, report.filter.incomplete)))


def _some_key(store: Store) -> str:
    """A key that round 0 kept and that can be typed, as a shell takes it."""
    round_ = Corpus(store).round(0)
    kept = (row["key"] for shard in round_.shards() for row in _rows(round_, shard) if row["status"] == "kept")
    return quote(next(filter(str.isprintable, kept), "KEY"))


def _rows(round_: Round, shard: str) -> list[Row]:
    """key and status of the images of a shard."""
    summary = round_.summary(shard)
    rows: list[Row] = [] if summary is None else summary.select(["key", "status"]).to_pylist()
    return rows


def ingest(
    images: list[str], corpus: str, source: str | None, assignments: list[str], *, retry_quarantined: bool
) -> None:
    """`fld ingest`."""
    printer(corpus)(rounds.ingest(images, corpus, source, assignments, retry_quarantined=retry_quarantined))


def annotate(
    corpus: str,
    source: str | None,
    assignments: list[str],
    reset: Sequence[str] = (),
    *,
    retry_quarantined: bool,
    part: str | None = None,
) -> None:
    """`fld annotate`."""
    report = rounds.annotate(
        corpus, source, assignments, reset=reset, retry_quarantined=retry_quarantined, part=part, progress=True
    )
    printer(corpus)(report)


def refilter_round(
    corpus: str,
    number: int,
    source: str | None,
    assignments: list[str],
    reset: Sequence[str] = (),
    *,
    dry_run: bool,
) -> None:
    """`fld filter`."""
    report = rounds.filter(corpus, source, assignments, reset=reset, round=number, dry_run=dry_run)
    printer(corpus)(report)
    if report.chosen:
        err.print(f"{report.chosen}; `--reset KEY` goes back")
    if unheard := [key for key in (each.partition("=")[0].strip() for each in assignments) if key.startswith(_UNHEARD)]:
        err.print(styled("yellow", f"{', '.join(unheard)}: no annotator ran here; `fld annotate` works with it"))
    store = open_store(corpus)
    for other in Corpus(store).rounds():
        waiting = 0 if dry_run or other == number else waiting_reviews(store, other)
        if waiting:
            err.print(
                f"Round {other}: {told_waiting(waiting)}:",
                styled("bold", f"fld filter {quote(corpus)} --round {other}"),
            )
