"""What there is to do: the committed image shards against the committed raw columns.

Comes in: the store and the columns. Goes out: for every shard the columns that are not done there. Done means: the
column's unit is committed under its fingerprint and has a row for every annotatable image (ok at ingest, not skipped).
`--retry-quarantined` adds the units that have failed or blocked rows.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

from engine.config.settings import EngineSettings
from engine.runtime.call import pack_findings
from engine.runtime.column import Column
from engine.runtime.faults import Budget
from engine.runtime.progress import ColumnProgress
from engine.runtime.unit import PackedRows, Unit, packed_rows
from shards.commit import Manifest, committed
from shards.finding import GIVEN
from shards.images import ImageRow, read_image_rows
from shards.layout import IMAGES, raw_folder
from shards.raw import RawRow, read_raw
from shards.store import Store


@dataclass(eq=False)
class Work:
    """todo: shard -> columns to run there, both in order. done: column -> shard -> manifest of its finished units."""

    store: Store
    columns: list[Column]
    skip: Collection[str]
    retry: bool
    images: dict[str, Manifest]
    done: dict[str, dict[str, Manifest]]
    todo: dict[str, list[Column]] = field(default_factory=dict)

    def open(self, shard: str) -> "OpenShard":
        """Read the shard's rows and make the units that are to be run; one whose rows turn out to be all there, because
        images are skipped, is left out."""
        rows = [row for row in read_image_rows(self.store, shard) if row.status == "ok" and row.key not in self.skip]
        opened = OpenShard(self.store, shard, rows, {column.name: column for column in self.columns})
        for column in self.todo[shard]:
            kept = self._kept(column, shard, rows)
            others = _left_out(column, rows) - kept.keys()
            missing = [position for position in range(len(rows)) if position not in kept and position not in others]
            if missing or shard not in self.done[column.name]:
                opened.units[column.name] = Unit(column, shard, rows, missing, kept, others)
        return opened

    def _kept(self, column: Column, shard: str, rows: list[ImageRow]) -> dict[int, RawRow]:
        if shard not in self.done[column.name]:
            return {}
        old = {row.key: row for row in read_raw(self.store, column.name, column.fingerprint, shard)}
        old_rows = {position: old[row.key] for position, row in enumerate(rows) if row.key in old}
        return {position: row for position, row in old_rows.items() if row.status == "ok" or not self.retry}


@dataclass(eq=False)
class OpenShard:
    """A shard in work: its images, its unfinished units by column, and what finished ones said, for dependents."""

    store: Store
    shard: str
    rows: list[ImageRow]
    columns: dict[str, Column]
    units: dict[str, Unit] = field(default_factory=dict)
    waiting: set[str] = field(default_factory=set)
    said: dict[str, PackedRows] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._positions = {row.key: position for position, row in enumerate(self.rows)}

    def needs(self, column: Column) -> dict[str, PackedRows] | None:
        """What the needed columns said; None while one of them is not committed."""
        names = [name for name in column.needs if name != GIVEN]
        if any(name in self.units for name in names):
            return None
        return {name: self._heard(name) for name in names}

    def heard(self, column: Column, position: int) -> dict[str, bytes] | None:
        """What the needed columns say about one image, committed or not; None while one of them has said nothing."""
        said = {name: self._says(name, position) for name in column.needs if name != GIVEN}
        known = {name: packed for name, packed in said.items() if packed is not None}
        return known if len(known) == len(said) else None

    def _says(self, name: str, position: int) -> bytes | None:
        unit = self.units.get(name)
        if unit is None:
            return self._heard(name).get(position)
        if position in unit.left_out:
            return pack_findings([])
        if (row := unit.kept.get(position)) is not None:
            return packed_rows({position: row}).get(position)
        first = unit.rehearsed
        early = first.answer if first is not None and first.position == position else None
        return unit.found.get(position, early)

    def _heard(self, name: str) -> PackedRows:
        """Of an annotator that sees some images only, nothing about the others, and nothing where it failed: nobody
        fails for want of what most images do without."""
        if name not in self.said:
            self.said[name] = self._read(self.columns[name])
        if self.columns[name].subset is None:
            return self.said[name]
        return dict.fromkeys(range(len(self.rows)), pack_findings([])) | self.said[name]

    def finish(self, unit: Unit) -> None:
        """The unit is committed: keep what it said while somebody still waits for it."""
        del self.units[unit.column.name]
        if any(unit.column.name in other.column.needs for other in self.units.values()):
            self.said[unit.column.name] = unit.said()
        needed = {name for other in self.units.values() for name in other.column.needs}
        self.said = {name: rows for name, rows in self.said.items() if name in needed}

    def _read(self, column: Column) -> PackedRows:
        rows = read_raw(self.store, column.name, column.fingerprint, self.shard)
        return packed_rows({self._positions[row.key]: row for row in rows if row.key in self._positions})


def find_work(
    store: Store, columns: list[Column], skip: Collection[str], retry: bool, shards: Collection[str] | None = None
) -> Work:
    """columns: as `engine.runtime.column.ordered` gives them. shards: the only ones that count, None for all. Reads
    manifests only."""
    images = {
        shard: manifest for shard, manifest in committed(store, IMAGES).items() if shards is None or shard in shards
    }
    done = {column.name: committed(store, raw_folder(column.name, column.fingerprint)) for column in columns}
    work = Work(store, columns, skip, retry, images, done)
    for shard, manifest in images.items():
        unfinished = [column for column in columns if _unfinished(done[column.name].get(shard), manifest, retry)]
        if unfinished:
            work.todo[shard] = unfinished
    return work


def _left_out(column: Column, rows: list[ImageRow]) -> frozenset[int]:
    """Positions of the images that the column does not see."""
    if (subset := column.subset) is None:
        return frozenset()
    return frozenset(position for position, row in enumerate(rows) if not subset.has(row))


def _unfinished(done: Manifest | None, images: Manifest, retry: bool) -> bool:
    """Whether the unit may have to run. Fewer rows than images: some are skipped, or were when it ran; opening the
    shard will show."""
    return done is None or done.counts.read < images.counts.kept or (retry and done.counts.failed > 0)


def progress_of(work: Work) -> list[ColumnProgress]:
    """Where each column stands at the start."""
    columns = []
    total = sum(manifest.counts.kept for manifest in work.images.values()) - len(work.skip)
    for column in work.columns:
        needs = tuple(name for name in column.needs if name != GIVEN)
        progress = ColumnProgress(column.name, len(work.images), max(total, 0), ready=not needs, needs=needs)
        for shard, manifest in work.done[column.name].items():
            if shard in work.images and column not in work.todo.get(shard, []):
                progress.shards_done += 1
                progress.images_done += manifest.counts.read
        progress.already = progress.images_done
        columns.append(progress)
    return columns


def budgets_of(work: Work, settings: EngineSettings) -> dict[str, Budget]:
    """What each column may still lose. Failures of finished units count; an image that is only blocked there is the
    loss of another column, so that of `failed` only what the needed columns cannot explain is counted."""
    images = max(sum(manifest.counts.kept for manifest in work.images.values()) - len(work.skip), 0)
    budgets = {}
    for column in work.columns:
        budget = Budget(column.name, images, settings.failure_budget, settings.failure_floor)
        for shard, manifest in work.done[column.name].items():
            budget.succeeded += manifest.counts.kept
            if column not in work.todo.get(shard, []):
                needed = [work.done[name].get(shard) for name in column.needs if name != GIVEN]
                budget.earlier += max(0, manifest.counts.failed - sum(m.counts.failed for m in needed if m is not None))
        budgets[column.name] = budget
    return budgets
