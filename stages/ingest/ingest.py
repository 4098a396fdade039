"""Images into the corpus: the door of this package.

Comes in: a store, sources, settings. Goes out: `images/plan`, `images/000000.tar` and `.parquet`, ...,
`images/duplicates`, and a report. Each shard is committed on its own: killed at any moment and started again, ingest
goes on with the shards that are missing, and the bytes are those of an uninterrupted run, whatever the number of
workers.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial

from shards import commit
from shards.commit import Manifest
from shards.images import read_image, read_image_rows
from shards.layout import IMAGES
from shards.lookup import complete_lookup
from shards.store import Store
from stages.ingest.amend import Amendments, amendments
from stages.ingest.duplicates import update_duplicates
from stages.ingest.entry import Entry, SourceError
from stages.ingest.fetch import Fetcher
from stages.ingest.frames import ShardJob, ShardWritten
from stages.ingest.keys import assign_keys
from stages.ingest.late import take_late
from stages.ingest.left_out import LeftOut
from stages.ingest.listing import Listing
from stages.ingest.plan import IngestPlan, PlanError, extend_plan, read_plan
from stages.ingest.report import FailureTally, IngestBudgetError, IngestReport
from stages.ingest.secrets import public
from stages.ingest.settings import IngestSettings
from stages.ingest.shard import outcome_settings, write_shard
from stages.ingest.shard_writers import PlannedShard, ShardWriter, ShardWriters
from stages.ingest.sources import read_sources
from stages.ingest.workers import ImageExaminer, ImageSource, Workers

OnShard = Callable[[str, Manifest], None]
"""Called after a shard is committed, with its name and manifest; for progress."""


def ingest(
    store: Store,
    sources: list[str],
    settings: IngestSettings,
    *,
    retry_failed: bool = False,
    on_shard: OnShard | None = None,
    fetcher: Fetcher | None = None,
    examiner: ImageExaminer | None = None,
    writers: Sequence[ShardWriter] = (),
) -> IngestReport:
    """Plan the images of `sources` that the corpus lacks, write every planned shard that is missing, compare images.

    sources may be empty for a corpus that has a plan: then only what is missing is written, and URLs that need a
    password or a signature fail, since those are in no plan. retry_failed: shards with failed images, or written under
    other limits, are written again; only failed images are fetched again. writers: who is asked first to
    write whole shards, before processes of this machine. What nobody writes is written here, out of what `examiner`
    says; where one is given, without processes.

    Raises SourceError, DuplicateKeyError or PlanError before any shard is written, IngestBudgetError after all are.
    """
    trusted = [*sources, settings.root or ""]
    asked = list(writers) if examiner else [*writers, ShardWriters(store, settings, trusted)]
    examiner = examiner or Workers(settings, trusted)
    run = _Run(store, settings, fetcher or Fetcher(settings.fetch, trusted), examiner, asked)
    plan = _plan(run, sources)
    shards = plan.shard_names()
    committed = _written(store, shards, settings, retry_failed)
    unwritten = [
        PlannedShard(shard, partial(run.job, plan, shard, recover=shard in committed))
        for shard in shards
        if shard not in committed or shard in run.retry or (retry_failed and _outdated(committed[shard], settings))
    ]
    with closing(run):
        for shard, written in run.write_all(unwritten):
            run.note(written)
            if on_shard is not None:
                on_shard(shard, written.manifest)
        run.take_late()
    complete_lookup(store)
    return run.report(len(plan))


@dataclass(eq=False)
class _Run:
    """One call of `ingest`: what it reads with, and what it counts on the way."""

    store: Store
    settings: IngestSettings
    fetcher: Fetcher
    examiner: ImageExaminer
    writers: list[ShardWriter]
    listing: Listing | None = None
    """What the sources name; None where there are none, and the plan is carried out as it is."""
    changes: Amendments | None = None
    """What of it the corpus has otherwise."""
    new: int = 0
    corrected: int = 0
    written: int = 0
    repeated: int = 0
    ended: Counter[str] = field(default_factory=Counter)
    """Why shards were written again, by those who then wrote them: how the process ended that was to do it."""
    left_out: LeftOut = field(default_factory=LeftOut)
    mislabelled: Counter[str] = field(default_factory=Counter)

    @property
    def retry(self) -> set[str]:
        """Shards whose failed images were mended in the list."""
        return self.changes.retry if self.changes else set()

    def job(self, plan: IngestPlan, shard: str, recover: bool) -> ShardJob:
        """A shard to write, with the secrets of its places."""
        entries = plan.entries(shard)
        return ShardJob(shard, [*map(self.listing.placed, entries)] if self.listing else entries, recover)

    def write_all(self, shards: list[PlannedShard]) -> Iterator[tuple[str, ShardWritten]]:
        """Every shard, written by a writer, or here."""
        for writer in self.writers:
            suiting = writer.suits(shards)
            taken = {planned.shard for planned in suiting}
            shards = [planned for planned in shards if planned.shard not in taken]
            for planned, written in writer.write_all(suiting) if suiting else ():
                if isinstance(written, str):
                    self.ended[written] += 1
                    written = self._write(planned)
                yield planned.shard, written
        for planned in shards:
            yield planned.shard, self._write(planned)

    def note(self, written: ShardWritten) -> None:
        """Count what became of a shard."""
        self.written += written.manifest.counts.read
        self.mislabelled.update(written.mislabelled)
        if written.outside:
            self.left_out.by_rule("given box outside its image", written.outside)

    def take_late(self) -> None:
        """Annotations of images that are in the corpus already: what is new becomes corrections."""
        for shard, entries in self.changes.late() if self.changes else ():
            rows = {row.key: row for row in read_image_rows(self.store, shard)}
            images = [(rows[entry.key], entry) for entry in entries]
            sources = (ImageSource(entry, read_image(self.store, shard, row)) for row, entry in images)
            pairs = zip((row for row, _ in images), self.examiner.examine_all(sources), strict=True)
            self.corrected += take_late(self.store, shard, pairs, self.left_out)

    def read(self, entry: Entry) -> bytes:
        """The bytes at an entry's place. Raises FetchError."""
        return self.fetcher.read(entry.location, self.settings.limits.max_bytes, entry.offset, entry.size, entry.cell)

    def report(self, planned: int) -> IngestReport:
        """Counts over the whole corpus. Raises IngestBudgetError when too much of what the sources name failed: a bad
        line that was taken out of the list must not fail the command for ever."""
        manifests = commit.committed(self.store, IMAGES)
        duplicates = update_duplicates(self.store, self.settings.duplicates)
        tally, abandoned = FailureTally(), 0
        for shard, manifest in manifests.items():
            if manifest.counts.failed:
                for row in read_image_rows(self.store, shard):
                    if row.status == "failed":
                        tally.add(row)
                        abandoned += self.listing is not None and row.key not in self.listing
        report = IngestReport(
            planned=planned,
            kept=sum(manifest.counts.kept for manifest in manifests.values()),
            failed=sum(manifest.counts.failed for manifest in manifests.values()),
            new=self.new,
            written=self.written,
            repeated=self.repeated,
            moved=self.changes.moved if self.changes else 0,
            unreadable=self.left_out.rows,
            abandoned=abandoned,
            failures=dict(tally.counts),
            first_failed=tally.first,
            duplicates=duplicates,
            warnings=self._warnings(abandoned),
        )
        failed = report.failed - report.abandoned + report.unreadable
        wanted = report.planned if self.listing is None else len(self.listing)
        if failed > self.settings.failure_budget * (wanted + report.unreadable):
            raise IngestBudgetError(report, self.settings.failure_budget)
        return report

    def close(self) -> None:
        """End the processes of all."""
        self.examiner.close()
        for writer in self.writers:
            writer.close()

    def _write(self, planned: PlannedShard) -> ShardWritten:
        return write_shard(self.store, planned.job(), self.settings, self.examiner)

    def _warnings(self, abandoned: int) -> list[str]:
        lines = self.left_out.lines()
        lines += [
            f"mislabelled, kept as what it is: {count} x {what}" for what, count in sorted(self.mislabelled.items())
        ]
        lines += [
            f"shards that another process wrote, since the first one ended: {count} x {why}"
            for why, count in sorted(self.ended.items())
        ]
        if self.repeated:
            lines.append(f"named more than once, taken once: {self.repeated}")
        if abandoned:
            lines.append(f"failed before, and not in these sources any more: {abandoned}")
        if self.corrected:
            lines.append(f"annotations that came late, corrections now (`fld filter` applies them): {self.corrected}")
        if self.changes and self.changes.moved:
            lines.append(f"at another place now, with the same bytes: {self.changes.moved}")
        return lines


def _outdated(manifest: Manifest, settings: IngestSettings) -> bool:
    return manifest.counts.failed > 0 or manifest.fingerprint != outcome_settings(settings)


def _plan(run: _Run, sources: list[str]) -> IngestPlan:
    plan = read_plan(run.store, run.settings.shard_size)
    if not sources and plan.parts:
        return plan
    before = len(plan)
    entries = read_sources(sources, run.settings, run.fetcher.read_list, run.left_out)
    run.listing, run.repeated = assign_keys(entries, run.settings, plan)
    if not len(run.listing) and not plan.parts:
        lines = "".join(f"\n  {line}" for line in run.left_out.lines())
        raise SourceError(f"no image in {', '.join(map(public, sources))}{lines}")
    run.changes = amendments(run.store, plan, run.listing, run.read, run.left_out)
    extended = extend_plan(run.store, plan, run.listing, run.changes.entries)
    run.new = len(extended) - before
    return extended


def _written(store: Store, planned: list[str], settings: IngestSettings, retry_failed: bool) -> dict[str, Manifest]:
    """Committed image shards. Raises PlanError for shards without a plan or written under other limits."""
    committed = commit.committed(store, IMAGES)
    unplanned = sorted(committed.keys() - {*planned})
    if unplanned:
        raise PlanError(f"shard {unplanned[0]} is not in the plan, which may be damaged: ingest its sources again")
    fingerprint = outcome_settings(settings)
    for shard, manifest in committed.items():
        if manifest.fingerprint != fingerprint and not retry_failed:
            raise PlanError(
                f"shard {shard} was written with other ingest settings: was {manifest.fingerprint}, now {fingerprint}:"
                " put the old values back, retry the failed images with the new ones, or start a new corpus"
            )
    return committed
