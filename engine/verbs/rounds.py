"""A round from the command line: ingest, annotate, fuse and filter, write. Each part can be run alone and again.

Comes in: what the user typed. Goes out: a corpus folder (`docs/corpus.md`), lines for people on stderr. What is done is
read from disk every time, so that the same command goes on after a crash, and does nothing when all is done.
"""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from rich.table import Table

from engine.config.config import Config, load, save
from engine.config.config_text import ConfigError
from engine.promotions import model_below, read_calibration, weights_of, with_weights
from engine.run.column import GIVEN, Column
from engine.run.plan import columns, needs
from engine.run.progress import open_reporter
from engine.run.refilter import KEPT, Tally, preview, refilter, tally_round
from engine.terminal import err
from shards import commit
from shards.commit import Counts
from shards.layout import IMAGES, round_folder
from shards.reader import Corpus
from shards.store import Store, open_store
from stages.build import Annotator, build_stage, gives
from stages.fuse.ledger import Annotator as Voter
from stages.fuse.settings import GENERALIST
from stages.gate.calibrated import CalibratedStage
from stages.gate.calibration import Worth
from stages.gate.support import WITNESSES
from stages.round import RoundPlan, Skipped
from stages.stage import Stage

Build = Callable[[Annotator, str], Stage]


@dataclass(frozen=True)
class Session:
    """An open corpus: nobody else writes to it, and its settings are known. build: makes the stage of an annotator."""

    corpus: str
    store: Store
    config: Config
    build: Build = build_stage

    def plan(self, number: int) -> RoundPlan:
        """What round `number` is made of. Raises ConfigError for a round above 0 that no model may write."""
        roles = {name: annotator.role for name, annotator in self.config.annotators.items()}
        model = self.model(number)
        voters = [
            Voter(GENERALIST, GENERALIST, each.fingerprint, model + 1)
            if model is not None and each.name == GENERALIST
            else Voter(each.name, roles[each.name], each.fingerprint)
            for each in self.columns(number)
        ]
        return RoundPlan(number, tuple(voters), self.config.fuse, self.config.filters)

    def columns(self, number: int) -> list[Column]:
        """The columns of round `number`: the annotators', and from round 1 on that of the last promoted model."""
        model = self.model(number)
        if model is None:
            return columns(self.config.annotators, self.build)
        found = read_calibration(self.store, model)
        return self.columns_with(weights_of(self.store, model), None, None if found is None else found.worth)

    def model(self, number: int) -> int | None:
        """The round whose model writes round `number`; None for round 0. Raises ConfigError if there is none yet."""
        if number == 0:
            return None
        if (model := model_below(self.store, number)) is None:
            raise ConfigError(f"{self.corpus} has no promoted model below round {number}: `fld loop {self.corpus}`")
        return model

    def columns_with(self, weights: str, revision: str | None = None, worth: Worth | None = None) -> list[Column]:
        """The annotators' columns, and the one that the loop's generalist writes with these weights. worth: what its
        scores are mapped by, for which it waits for all that find boxes; None leaves them as the model gives them."""
        if GENERALIST in self.config.annotators:
            raise ConfigError(f"annotators.{GENERALIST}: the loop's own model has this name: use another")
        model = with_weights(self.config.loop.generalist, weights, revision)
        annotators: dict[str, Annotator] = {**self.config.annotators, GENERALIST: model}
        if worth is None:
            return columns(annotators, self.build)
        waits_for = {*needs(GENERALIST, annotators), *self.witnesses()}
        annotators[GENERALIST] = model.model_copy(update={"needs": sorted(waits_for)})

        def build(annotator: Annotator, name: str) -> Stage:
            stage = self.build(annotator, name)
            return CalibratedStage(stage, worth) if name == GENERALIST else stage

        return columns(annotators, build)

    def witnesses(self) -> list[str]:
        """The annotators that find boxes, and what came with the images: they support a box of the loop's model."""
        return [*(name for name, each in self.config.annotators.items() if gives(each) & {*WITNESSES}), GIVEN]

    def learned(self, weights: str, revision: str | None = None) -> Column:
        """The column that the loop's generalist would write with these weights, its scores as the model gives them."""
        return next(each for each in self.columns_with(weights, revision) if each.name == GENERALIST)

    def skipped(self) -> dict[str, Skipped]:
        """Shard -> images that the duplicate settings leave out of every round, with rule, distance and threshold."""
        from stages.ingest.duplicates import dropped_keys

        gone = dropped_keys(self.store, self.config.ingest.duplicates)
        if not gone:
            return {}
        by_shard: dict[str, dict[str, tuple[str, float | None, float | None]]] = {}
        for shard, row in Corpus(self.store).image_rows():
            if row.key in gone:
                rule, _, distance = gone[row.key]
                limit = float(self.config.ingest.duplicates.distance) if rule == "near_duplicate" else None
                by_shard.setdefault(shard, {})[row.key] = (rule, float(distance), limit)
        return dict(by_shard)


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


def look(corpus: str, source: str | None = None, assignments: Sequence[str] = ()) -> Session:
    """A corpus to read only: no lock, nothing saved."""
    store = open_store(corpus)
    return Session(corpus, store, load(source, list(assignments), store))


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


@contextmanager
def opened(corpus: str, source: str | None, assignments: list[str]) -> Iterator[Session]:
    """A corpus to write to: locked, its leftovers removed, its settings saved."""
    from engine.run.lock import corpus_lock
    from shards.store import remove_leftovers

    if corpus.startswith("memory:"):
        raise ConfigError(f"{corpus} ends with this command: name a folder or an object store (s3://, gs://, ...)")

    store = open_store(corpus)
    config = load(source, assignments, store)
    with corpus_lock(store, " ".join(["fld", *sys.argv[1:]])):
        remove_leftovers(store)
        save(config, store)
        yield Session(corpus, store, config)


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
    from engine.run.annotate import annotate as annotate_columns

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
