"""One unit of work: a column of one image shard, from its first batch to its committed file.

Comes in: the shard's images, what the needed columns said, outcomes of calls. Goes out: tasks (batches to run) and at
the end one `RawRow` per image. This is where a failing batch is bisected, independent of where it ran:

    16 images, number 5 kills its process:  [0..15] dies -> [0..7] [8..15] -> [0..7] dies -> [0..3] [4..7] -> [4..7]
    dies -> [4 5] [6 7] -> [4 5] dies -> [4] [5] -> [5] dies, alone: tried once more, dies: quarantined
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from engine.runtime.call import Outcome, pack_findings, pack_rows, unpack_findings
from engine.runtime.column import Column
from shards.finding import GIVEN
from shards.images import ImageRow
from shards.raw import RawRow

PackedRows = dict[int, bytes]
"""Position of an image in its shard -> msgpack of what one column said about it; only images that went well."""


@dataclass(eq=False)
class WorkItem:
    """Images of one unit that go into one call. died: how often it killed its process while it was alone; suspected:
    whether these images were part of a batch that ran out of time or memory. alone: see `Call`."""

    unit: "Unit"
    positions: tuple[int, ...]
    alone: bool = False
    died: int = 0
    suspected: bool = False

    def halves(self, alone: bool, suspected: bool) -> list["WorkItem"]:
        """Two tasks with half of the images each."""
        middle = len(self.positions) // 2
        parts = (self.positions[:middle], self.positions[middle:])
        return [WorkItem(self.unit, part, alone, suspected=suspected) for part in parts]


@dataclass(frozen=True, eq=False)
class Rehearsed:
    """The answer for one image, run alone. heard: what the needed columns had said about it by then, by name. counts:
    whether it is to be kept; others may hear of it in any case."""

    position: int
    heard: dict[str, bytes]
    answer: bytes
    counts: bool


@dataclass(eq=False)
class Unit:
    """rows: the annotatable images of the shard; todo: positions (into `rows`) to run; kept: rows of an older version
    of this unit that stay as they are; left_out: positions that get no row. started: what it needs is there."""

    column: Column
    shard: str
    rows: list[ImageRow]
    todo: list[int]
    kept: dict[int, RawRow] = field(default_factory=dict)
    left_out: frozenset[int] = frozenset()
    needs: dict[str, PackedRows] = field(default_factory=dict)
    found: PackedRows = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)
    blocked: dict[int, str] = field(default_factory=dict)
    rehearsed: Rehearsed | None = None
    started: bool = False

    def start(self, needs: dict[str, PackedRows], batch_size: int) -> list[WorkItem]:
        """Batches of images, in shard order: the same ones whatever the workers. Images on which a needed annotator
        failed are blocked; a rehearsed one may be done."""
        self.needs = {name: rows for name, rows in needs.items() if name != GIVEN}
        self.started = True
        self._adopt()
        runnable = []
        for position in self.todo:
            missing = [name for name, rows in self.needs.items() if position not in rows]
            if missing:
                self.blocked[position] = f"blocked: {', '.join(missing)} failed"
            elif position not in self.found:
                runnable.append(position)
        return [WorkItem(self, tuple(runnable[at : at + batch_size])) for at in range(0, len(runnable), batch_size)]

    def rehearse(self, rehearsed: Rehearsed) -> bool:
        """Take an answer that was given before any batch was sent. Whether its image is done; where the unit has not
        started, that is told then."""
        self.rehearsed = rehearsed
        return self.started and self._adopt()

    def _adopt(self) -> bool:
        """Only if what was heard for it is what the needed columns have written."""
        first = self.rehearsed
        if first is None or not first.counts:
            return False
        if any(self.needs[name].get(first.position) != said for name, said in first.heard.items()):
            return False
        self.found[first.position] = first.answer
        return True

    def packed(
        self, positions: tuple[int, ...], needs: dict[str, PackedRows] | None = None
    ) -> tuple[bytes, dict[str, list[bytes]]]:
        """The images and their needed findings, as they travel (see `Call`). needs: instead of the unit's own."""
        rows = [self.rows[position] for position in positions]
        if GIVEN not in self.column.needs:
            rows = [msgspec.structs.replace(row, given=[]) if row.given else row for row in rows]
        said = self.needs if needs is None else needs
        return pack_rows(rows), {name: [of_column[at] for at in positions] for name, of_column in said.items()}

    def take(self, task: WorkItem, outcome: Outcome) -> list[WorkItem]:
        """Book an outcome; what has to run again."""
        if outcome.kind == "ok":
            self.found.update(zip(task.positions, outcome.findings, strict=True))
            return []
        if outcome.kind == "item":
            return self._without(task, outcome.items)
        if len(task.positions) > 1:
            return task.halves(alone=outcome.kind in ("death", "timeout"), suspected=outcome.kind in ("timeout", "oom"))
        return self._alone(task, outcome)

    @property
    def complete(self) -> bool:
        """Whether every image has its row."""
        return len(self.found) + len(self.failed) + len(self.blocked) == len(self.todo)

    def raw_rows(self) -> Iterator[RawRow]:
        """The unit as it is written, one row per annotatable image in shard order."""
        for position, row in enumerate(self.rows):
            if position in self.found:
                yield RawRow(row.key, findings=unpack_findings(self.found[position]))
            elif position in self.failed:
                yield RawRow(row.key, "failed", self.failed[position])
            elif position in self.blocked:
                yield RawRow(row.key, "blocked", self.blocked[position])
            elif position not in self.left_out:
                yield self.kept[position]

    def said(self) -> PackedRows:
        """What dependent units need of this one, when it is complete."""
        return self.found | packed_rows(self.kept)

    def _without(self, task: WorkItem, items: dict[int, str]) -> list[WorkItem]:
        for index, reason in items.items():
            self.failed[task.positions[index]] = reason
        rest = tuple(at for index, at in enumerate(task.positions) if index not in items)
        return [WorkItem(self, rest, task.alone, suspected=task.suspected)] if rest else []

    def _alone(self, task: WorkItem, outcome: Outcome) -> list[WorkItem]:
        """One image failed by itself. An exception is final. A process can also die of something else (a node is lost,
        the machine is out of memory), a call can be late for it: those get a second chance, a time-out or a lack of
        memory only if no larger batch with this image has already had the same."""
        if outcome.kind == "death" and task.died == 0:
            return [WorkItem(self, task.positions, alone=True, died=1, suspected=task.suspected)]
        if outcome.kind in ("timeout", "oom") and not task.suspected:
            return [WorkItem(self, task.positions, alone=True, died=task.died, suspected=True)]
        self.failed[task.positions[0]] = outcome.error
        return []


def packed_rows(rows: dict[int, RawRow]) -> PackedRows:
    """Rows read back from the store, packed for those who need them."""
    return {position: pack_findings(row.findings) for position, row in rows.items() if row.status == "ok"}
