"""A round from the command line: ingest, annotate, fuse and filter, write. Each part can be run alone and again.

Comes in: what the user typed. Goes out: a corpus folder (`docs/corpus.md`), lines for people on stderr. What is done is
read from disk every time, so that the same command goes on after a crash, and does nothing when all is done.
"""

import os
from collections.abc import Callable

from rich.table import Table

from engine.config.config_text import ConfigError
from engine.runtime.progress import open_reporter
from engine.runtime.refilter import KEPT, Tally, preview, refilter, tally_round
from engine.session import Session, look, opened
from engine.terminal import err
from shards import commit
from shards.commit import Counts
from shards.layout import IMAGES, round_folder
from shards.reader import Corpus
from shards.store import open_store


def run(images: list[str], corpus: str, source: str | None, assignments: list[str]) -> None:
    """`fld run`."""
    with opened(corpus, source, assignments) as session:
        _ingest(session, images)
        annotate_round(session, 0)
        write_round(session, 0)
    err.print(f"Look at one: [bold]fld show {corpus} KEY[/]   all of it: [bold]fld status {corpus}[/]")


def ingest(
    images: list[str], corpus: str, source: str | None, assignments: list[str], *, retry_quarantined: bool
) -> None:
    """`fld ingest`."""
    with opened(corpus, source, assignments) as session:
        _ingest(session, images, retry_quarantined=retry_quarantined)


def annotate(corpus: str, source: str | None, assignments: list[str], *, retry_quarantined: bool) -> None:
    """`fld annotate`."""
    with opened(corpus, source, assignments) as session:
        annotate_round(session, 0, retry_quarantined=retry_quarantined)


def refilter_round(corpus: str, number: int, source: str | None, assignments: list[str], *, dry_run: bool) -> None:
    """`fld filter`."""
    store = open_store(corpus)
    if not commit.committed(store, IMAGES):
        raise ConfigError(f"{corpus} holds no image shards: `fld run IMAGES {corpus}` fills it")
    if number not in {0, *Corpus(store).rounds()}:
        raise ConfigError(f"{corpus} has no round {number} to filter again: it has {Corpus(store).rounds() or 'none'}")
    if not dry_run:
        with opened(corpus, source, assignments) as session:
            write_round(session, number)
        return
    session = look(corpus, source, assignments)
    before = tally_round(session.store, number)[1]
    err.print(_compared(before, preview(session.store, session.plan(number), session.skipped(), _processes())))
    err.print("Dry run: nothing was written.")


def repair_units(corpus: str, retire: Callable[[], object]) -> None:
    """`fld verify --repair`: withdraw the damaged units, then run what is missing. No sources are needed: the plan of
    the ingest knows where the images came from."""
    with opened(corpus, None, []) as session:
        numbers = Corpus(session.store).rounds()  # before a round's only shard is withdrawn
        retire()
        _ingest(session, [])
        for number in sorted({0, *numbers}):
            annotate_round(session, number)
        for number in numbers:
            write_round(session, number)


def _ingest(session: Session, images: list[str], *, retry_quarantined: bool = False) -> None:
    from stages.ingest.ingest import ingest as ingest_images

    report = ingest_images(session.store, images, session.config.ingest, retry_failed=retry_quarantined)
    err.print(
        f"ingest: {report.planned:,} images = {report.kept:,} kept + {report.failed:,} failed;"
        f" {report.new:,} new, {report.repeated:,} known, {report.written:,} written"
    )
    for line in (*report.failure_lines(), *report.warnings):
        err.print(f"  {line}", markup=False)
    if report.duplicates:
        found = ", ".join(f"{count:,} {kind}" for kind, count in sorted(report.duplicates.items()))
        err.print(f"  duplicates: {found} (ingest.duplicates says what becomes of them)")


def annotate_round(session: Session, number: int, *, retry_quarantined: bool = False) -> None:
    """Run the columns of a round where they are not done."""
    from engine.runtime.annotate import annotate as annotate_columns

    skip = {key: rule for shard in session.skipped().values() for key, (rule, _, _) in shard.items()}
    report = annotate_columns(
        session.store,
        session.columns(number),
        skip,
        session.config.engine,
        open_reporter(session.store),
        retry_quarantined=retry_quarantined,
    )
    err.print(f"annotate: {report.units_run:,} units run in {report.seconds:.0f} s")
    if report.quarantined:
        err.print(f"  {len(report.quarantined):,} images quarantined: `fld status {session.corpus}` says why")


def write_round(session: Session, number: int) -> None:
    """Fuse, filter and write a round where it is not up to date."""
    before = tally_round(session.store, number)[1]
    done = refilter(session.store, session.plan(number), session.skipped(), _processes())
    err.print(_compared(before, done.tally))
    err.print(
        f"{round_folder(number)}: {_images(done.images)}; {done.written} shards written, {done.unchanged} up to date"
    )


def _processes() -> int:
    return os.cpu_count() or 1


def _images(counts: Counts) -> str:
    return f"{counts.read:,} images read = {counts.kept:,} kept + {counts.dropped:,} dropped + {counts.failed:,} failed"


def _compared(before: Tally, after: Tally) -> Table:
    """One line per type and outcome; `before` is empty for a round that is written for the first time."""
    table = Table(box=None, pad_edge=False)
    for heading in ("annotation", "outcome"):
        table.add_column(heading)
    for heading in (*(("before",) if before else ()), "now", *(("change",) if before else ())):
        table.add_column(heading, justify="right")
    for type_, outcome in sorted(set(before) | set(after), key=lambda entry: (entry[0], entry[1] != KEPT, entry[1])):
        old, new = before[type_, outcome], after[type_, outcome]
        label = outcome if outcome == KEPT else f"dropped: {outcome}"
        cells = [f"{old:,}", f"{new:,}", f"{new - old:+,}" if new != old else ""] if before else [f"{new:,}"]
        table.add_row(type_, label, *cells)
    return table
