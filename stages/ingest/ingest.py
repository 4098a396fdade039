"""Images into the corpus: the door of this package.

Comes in: a store, sources, settings. Goes out: `images/plan`, `images/000000.tar` and `.parquet`, ...,
`images/duplicates`, and a report. Each shard is committed on its own: killed at any moment and started again, ingest
goes on with the first shard that is missing, and the bytes are those of an uninterrupted run, whatever the number of
workers.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field

import msgspec

from shards import commit
from shards.commit import Manifest
from shards.images import ImageRow, read_image, read_image_rows, write_images
from shards.layout import IMAGES
from shards.lookup import complete_lookup
from shards.store import Store
from stages.ingest.amend import amendments
from stages.ingest.duplicates import update_duplicates
from stages.ingest.entry import Entry, SourceError
from stages.ingest.examine import Examined
from stages.ingest.fetch import Fetcher
from stages.ingest.keys import assign_keys, without_secrets
from stages.ingest.late import take_late
from stages.ingest.left_out import LeftOut
from stages.ingest.locations import suffix
from stages.ingest.plan import IngestPlan, PlanError, extend_plan, read_plan
from stages.ingest.report import FailureTally, IngestBudgetError, IngestReport
from stages.ingest.secrets import public
from stages.ingest.settings import IngestSettings
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
) -> IngestReport:
    """Plan the images of `sources` that the corpus lacks, write every planned shard that is missing, compare images.

    sources may be empty for a corpus that has a plan: then only what is missing is written, and URLs that need a
    password or a signature fail, since those are in no plan. retry_failed: shards with failed images, or written under
    other limits, are written again; only failed images are fetched again.

    Raises SourceError, DuplicateKeyError or PlanError before any shard is written, IngestBudgetError after all are.
    """
    trusted = [*sources, settings.root or ""]
    run = _Run(store, settings, fetcher or Fetcher(settings.fetch, trusted), examiner or Workers(settings, trusted))
    plan = _plan(run, sources)
    committed = _written(store, plan, settings, retry_failed)
    with closing(run.examiner):
        for shard, entries in plan.shards().items():
            manifest = committed.get(shard)
            if manifest is None or shard in run.retry or (retry_failed and _outdated(manifest, settings)):
                manifest = run.write(shard, entries, recover=manifest is not None)
                if on_shard is not None:
                    on_shard(shard, manifest)
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

    def write(self, shard: str, entries: list[Entry], recover: bool) -> Manifest:
        """Fetch and check the images of a shard and commit it. recover: take the bytes of good images from the shard
        as it is now; its tar stays readable until the new one replaces it."""
        rows = read_image_rows(self.store, shard) if recover else []
        samples = self._examined(shard, entries, {row.key: row for row in rows if row.status == "ok"})
        manifest = write_images(self.store, shard, samples, outcome_settings(self.settings))
        self.written += manifest.counts.read
        return manifest

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
            duplicates=dict(Counter(duplicate.kind for duplicate in duplicates)),
            warnings=self._warnings(abandoned),
        )
        failed = report.failed - report.abandoned + report.unreadable
        planned = report.planned if self.wanted is None else len(self.wanted)
        if failed > self.settings.failure_budget * (planned + report.unreadable):
            raise IngestBudgetError(report, self.settings.failure_budget)
        return report

    def _examined(
        self, shard: str, entries: list[Entry], kept: dict[str, ImageRow]
    ) -> Iterator[tuple[ImageRow, bytes | None]]:
        sources = (self._wanted(shard, entry, kept.get(entry.key)) for entry in entries)
        for entry, examined in zip(entries, self.examiner.examine_all(sources), strict=True):
            self._note(entry, examined)
            yield examined.row, examined.data

    def _wanted(self, shard: str, entry: Entry, row: ImageRow | None) -> ImageSource:
        place = msgspec.structs.replace(entry, location=self.places.get(entry.key, entry.location))
        return ImageSource(place, None if row is None else read_image(self.store, shard, row))

    def _note(self, entry: Entry, examined: Examined) -> None:
        if examined.outside:
            self.left_out.by_rule("given box outside its image", examined.outside)
        name = suffix(entry.uri)
        if examined.row.status == "ok" and name and _FAMILY.get(name, name) != f".{examined.row.ext}":
            self.mislabelled[f"{name} that is {examined.row.ext}"] += 1

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


_FAMILY = {
    suffix: f".{ext}"
    for ext, suffixes in {
        "jpg": (".jpeg", ".jpe", ".jfif", ".mpo"),
        "png": (".apng",),
        "bmp": (".dib",),
        "tif": (".tiff",),
        "ppm": (".pgm", ".pbm", ".pnm"),
        "jp2": (".j2k",),
    }.items()
    for suffix in suffixes
}
"""Suffix -> the one that ingest writes for the same format."""


def outcome_settings(settings: IngestSettings) -> str:
    """The settings that decide what a row says; stored as the fingerprint of image shards, and meant to be read."""
    limits = settings.limits
    return (
        f"max_pixels={limits.max_pixels} min_side={limits.min_side} max_bytes={limits.max_bytes}"
        f" given_frame={settings.given_frame}"
    )


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
