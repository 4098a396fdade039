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

import msgspec

from shards import commit
from shards.commit import Manifest
from shards.images import ImageRow, read_image, read_image_rows
from shards.layout import IMAGES
from shards.lookup import complete_lookup
from shards.store import Store
from stages.ingest.amend import amendments
from stages.ingest.duplicates import update_duplicates
from stages.ingest.entry import Entry, SourceError
from stages.ingest.fetch import Fetcher
from stages.ingest.frames import ShardJob, ShardWritten
from stages.ingest.keys import assign_keys, without_secrets
from stages.ingest.late import take_late
from stages.ingest.left_out import LeftOut
from stages.ingest.plan import IngestPlan, PlanError, extend_plan, read_plan
from stages.ingest.report import FailureTally, IngestBudgetError, IngestReport
from stages.ingest.secrets import public
from stages.ingest.settings import IngestSettings
from stages.ingest.shard import outcome_settings, write_shard
from stages.ingest.shard_writers import ShardWriter, ShardWriters
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
    committed = _written(store, plan, settings, retry_failed)
    jobs: list[ShardJob] = []
    for shard, entries in plan.shards().items():
        manifest = committed.get(shard)
        if manifest is None or shard in run.retry or (retry_failed and _outdated(manifest, settings)):
            jobs.append(run.job(shard, entries, recover=manifest is not None))
    with closing(run):
        for job, written in run.write_all(jobs):
            run.note(written)
            if on_shard is not None:
                on_shard(job.shard, written.manifest)
        run.take_late()
    complete_lookup(store)
    return run.report(plan)


@dataclass(eq=False)
class _Run:
    """One call of `ingest`: what it reads with, and what it counts on the way."""

    store: Store
    settings: IngestSettings
    fetcher: Fetcher
    examiner: ImageExaminer
    writers: list[ShardWriter]
    places: dict[str, str] = field(default_factory=dict)
    """Key -> URL with its secrets, where it has some; never written down."""
    wanted: frozenset[str] | None = None
    """Keys that the sources name; None where there are none, and the plan is carried out as it is."""
    retry: set[str] = field(default_factory=set)
    """Shards whose failed images were mended in the list."""
    new: int = 0
    moved: int = 0
    late: dict[str, tuple[str, ImageRow, Entry]] = field(default_factory=dict)
    """Key -> shard, row and entry of images of the corpus that come with other annotations now."""
    corrected: int = 0
    written: int = 0
    repeated: int = 0
    left_out: LeftOut = field(default_factory=LeftOut)
    mislabelled: Counter[str] = field(default_factory=Counter)

    def job(self, shard: str, entries: list[Entry], recover: bool) -> ShardJob:
        """A shard to write, with the secrets of its places."""
        return ShardJob(shard, [self._placed(entry) for entry in entries], recover)

    def write_all(self, jobs: list[ShardJob]) -> Iterator[tuple[ShardJob, ShardWritten]]:
        """Every job, written by a writer, or here."""
        for writer in self.writers:
            suiting = writer.suits(jobs)
            taken = {job.shard for job in suiting}
            jobs = [job for job in jobs if job.shard not in taken]
            for job, written in writer.write_all(suiting) if suiting else ():
                yield job, written or self._write(job)
        for job in jobs:
            yield job, self._write(job)

    def note(self, written: ShardWritten) -> None:
        """Count what became of a shard."""
        self.written += written.manifest.counts.read
        self.mislabelled.update(written.mislabelled)
        if written.outside:
            self.left_out.by_rule("given box outside its image", written.outside)

    def take_late(self) -> None:
        """Annotations of images that are in the corpus already: what is new becomes corrections."""
        shards: dict[str, list[tuple[ImageRow, Entry]]] = {}
        for shard, row, entry in self.late.values():
            shards.setdefault(shard, []).append((row, entry))
        for shard, images in sorted(shards.items()):
            sources = (ImageSource(entry, read_image(self.store, shard, row)) for row, entry in images)
            rows = (row for row, _ in images)
            pairs = zip(rows, self.examiner.examine_all(sources), strict=True)
            self.corrected += take_late(self.store, shard, pairs, self.left_out)

    def read(self, key: str, entry: Entry) -> bytes:
        """The bytes at an entry's place. Raises FetchError."""
        location = self.places.get(key, entry.location)
        return self.fetcher.read(location, self.settings.limits.max_bytes, entry.offset, entry.size, entry.cell)

    def report(self, plan: IngestPlan) -> IngestReport:
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
                        abandoned += self.wanted is not None and row.key not in self.wanted
        report = IngestReport(
            planned=len(plan.images()),
            kept=sum(manifest.counts.kept for manifest in manifests.values()),
            failed=sum(manifest.counts.failed for manifest in manifests.values()),
            new=self.new,
            written=self.written,
            repeated=self.repeated,
            moved=self.moved,
            unreadable=self.left_out.rows,
            abandoned=abandoned,
            failures=dict(tally.counts),
            first_failed=tally.first,
            duplicates=duplicates,
            warnings=self._warnings(abandoned),
        )
        failed = report.failed - report.abandoned + report.unreadable
        planned = report.planned if self.wanted is None else len(self.wanted)
        if failed > self.settings.failure_budget * (planned + report.unreadable):
            raise IngestBudgetError(report, self.settings.failure_budget)
        return report

    def close(self) -> None:
        """End the processes of all."""
        self.examiner.close()
        for writer in self.writers:
            writer.close()

    def _write(self, job: ShardJob) -> ShardWritten:
        return write_shard(self.store, job, self.settings, self.examiner)

    def _placed(self, entry: Entry) -> Entry:
        location = self.places.get(entry.key)
        return entry if location is None else msgspec.structs.replace(entry, location=location)

    def _warnings(self, abandoned: int) -> list[str]:
        lines = self.left_out.lines()
        lines += [
            f"mislabelled, kept as what it is: {count} x {what}" for what, count in sorted(self.mislabelled.items())
        ]
        if self.repeated:
            lines.append(f"named more than once, taken once: {self.repeated}")
        if abandoned:
            lines.append(f"failed before, and not in these sources any more: {abandoned}")
        if self.corrected:
            lines.append(f"annotations that came late, corrections now (`fld filter` applies them): {self.corrected}")
        if self.moved:
            lines.append(f"at another place now, with the same bytes: {self.moved}")
        return lines


def _outdated(manifest: Manifest, settings: IngestSettings) -> bool:
    return manifest.counts.failed > 0 or manifest.fingerprint != outcome_settings(settings)


def _plan(run: _Run, sources: list[str]) -> IngestPlan:
    plan = read_plan(run.store, run.settings.shard_size)
    if not sources and plan.parts:
        return plan
    taken = {key: image.entry.place for key, image in plan.images().items()}
    entries = read_sources(sources, run.settings, run.fetcher.read_list, run.left_out)
    listed, run.repeated = assign_keys(entries, run.settings, taken)
    if not listed and not plan.parts:
        lines = "".join(f"\n  {line}" for line in run.left_out.lines())
        raise SourceError(f"no image in {', '.join(map(public, sources))}{lines}")
    run.wanted = frozenset(listed)
    written = {key: without_secrets(entry, run.settings) for key, entry in listed.items()}
    run.places = {key: entry.location for key, entry in listed.items() if entry.location != written[key].location}
    changes = amendments(run.store, plan, written, run.read, run.left_out)
    run.moved, run.retry, run.late = changes.moved, changes.retry, changes.late
    extended = extend_plan(run.store, plan, written, changes.entries)
    run.new = len(extended.images()) - len(taken)
    return extended


def _written(store: Store, plan: IngestPlan, settings: IngestSettings, retry_failed: bool) -> dict[str, Manifest]:
    """Committed image shards. Raises PlanError for shards without a plan or written under other limits."""
    committed = commit.committed(store, IMAGES)
    unplanned = sorted(committed.keys() - plan.shards().keys())
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
