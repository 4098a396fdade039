"""Moves batches: which unit is ready, which batch goes where, what happens to those that fail.

    shards in flight      units (column x shard)                pools               backend
    000000 [detector words masks]  ready ones -> tasks ->  heap per pool  -> submit -> actor
    000001 [detector words masks]                                         <- wait  <- outcome
                                   complete -> commit (threads) -> dependents become ready

The oldest shard goes first in every pool, so that few units are half done at any moment: those are what a crash costs.
Pools are filled whenever they take more; nothing here waits for one pool while another could work. A batch is
identified by its place in the shard, never by the worker, and rows are written in shard order: the files do not depend
on timing. Before a column's first batch its first image is run alone, to know what an image takes (rehearsal.py).
"""

import heapq
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import chain, count

from engine.config.settings import EngineSettings
from engine.runtime.backend import Backend
from engine.runtime.call import Call, Outcome
from engine.runtime.column import ActorPool
from engine.runtime.faults import Budget, Quarantined
from engine.runtime.pace import Pace
from engine.runtime.progress import ESTIMATE, QUARANTINED, ColumnProgress, Reporter, run_left
from engine.runtime.rehearsal import Rehearsals
from engine.runtime.together import Together
from engine.runtime.unit import PackedRows, Unit, WorkItem
from engine.runtime.work import OpenShard, Work
from shards.raw import write_raw
from specialists.roles import RunStopError

WRITERS = 4
POLL_S = 0.5
COMMIT_POLL_S = 0.02
Key = tuple[int, int, int, int, int]
"""Order of tasks in a pool: suspects first, then shard, first image, column, and the order of creation. By image before
column, so that annotators that share actors ask for the same images one after the other."""


@dataclass(eq=False)
class _Queue:
    pool: ActorPool
    heap: list[tuple[Key, WorkItem]] = field(default_factory=list)
    call: Call | None = None  # of the first task, built once however often the backend refuses it


class Scheduler:
    """One run over `work`. Not reusable."""

    def __init__(
        self,
        work: Work,
        pools: list[ActorPool],
        backend: Backend,
        settings: EngineSettings,
        reporter: Reporter,
        progress: list[ColumnProgress],
        budgets: dict[str, Budget],
    ) -> None:
        self._work = work
        self._backend = backend
        self._settings = settings
        self._reporter = reporter
        self._budgets = budgets
        self._progress = {column.name: column for column in progress}
        self._queues = {column.name: queue for pool in pools for queue in [_Queue(pool)] for column in pool.columns}
        self._pools = list({id(queue): queue for queue in self._queues.values()}.values())
        self._paces = {column.name: Pace(column.resources, is_paid=column.is_paid) for column in work.columns}
        self._rehearsals = Rehearsals(self._paces)
        self._is_estimated = False
        self._together = Together()
        self._at_once: float | None = None
        self._seen = time.monotonic()
        self._order = {column.name: index for index, column in enumerate(work.columns)}
        self._shard_order = {shard: index for index, shard in enumerate(work.todo)}
        self._numbers = count()
        self._running: dict[int, WorkItem] = {}
        self._open: dict[str, OpenShard] = {}
        self._commits: dict[Future[None], Unit] = {}
        self.units_written: dict[str, int] = {column.name: 0 for column in work.columns}

    def run(self) -> None:
        """Until all is committed. Raises FailureBudgetError, RunStopError, StartError; what is committed stays."""
        for queue in self._pools:
            self._backend.open(queue.pool)
        shards = iter(self._work.todo)
        with ThreadPoolExecutor(WRITERS, thread_name_prefix="commit") as writers:
            self._writers = writers
            while self._fill(shards) or self._open:
                self._rehearse()
                self._dispatch()
                for outcome in self._wait():
                    self._book(outcome)
                self._commit_finished()
                self._report()
                self._estimate()

    def _fill(self, shards: Iterator[str]) -> bool:
        """Open shards up to the limit; whether any is open."""
        while len(self._open) < self._settings.shards_in_flight:
            shard = next(shards, None)
            if shard is None:
                break
            opened = self._work.open(shard)
            self._count_untouched(opened)
            if opened.units:
                self._open[shard] = opened
                opened.waiting = set(opened.units)
                self._start_ready(opened)
        return bool(self._open)

    def _count_untouched(self, opened: OpenShard) -> None:
        """Units that turned out to be complete, and the rows of reopened ones that stay."""
        for column in self._work.todo[opened.shard]:
            progress = self._progress[column.name]
            unit = opened.units.get(column.name)
            progress.shards_done += unit is None
            known = len(opened.rows) if unit is None else len(unit.kept) + len(unit.left_out)
            progress.images_done += known
            progress.already += known

    def _start_ready(self, opened: OpenShard) -> None:
        for name in sorted(opened.waiting, key=self._order.__getitem__):
            needs = opened.needs(opened.units[name].column)
            if needs is None:
                continue
            opened.waiting.discard(name)
            unit = opened.units[name]
            self._push(unit.start(needs, unit.column.resources.batch_size))
            self._progress[name].ready = True
            self._budgets[name].succeeded += len(unit.found)
            self._progress[name].images_done += len(unit.blocked) + len(unit.found)
            self._commit_if_complete(unit)

    def _push(self, tasks: Iterable[WorkItem]) -> None:
        for task in tasks:
            queue = self._queues[task.unit.column.name]
            key = self._key(task)
            if queue.heap and key < queue.heap[0][0]:
                queue.call = None
            heapq.heappush(queue.heap, (key, task))

    def _key(self, task: WorkItem) -> Key:
        shard = self._shard_order[task.unit.shard]
        number = next(self._numbers)
        return (0 if task.alone else 1, shard, task.positions[0], self._order[task.unit.column.name], number)

    def _rehearse(self) -> None:
        """Run the first image of columns of which it is not known what an image takes."""
        for first in self._rehearsals.wanted(self._open.values()):
            needs = {name: {first.position: said} for name, said in first.heard.items()}
            pool = self._queues[first.unit.column.name].pool.name
            call = self._call(pool, WorkItem(first.unit, (first.position,)), needs)
            if self._backend.submit(call):
                self._rehearsals.began(call.id, first)

    def _dispatch(self) -> None:
        """Give every pool as much as it takes, the pool with the oldest shard first."""
        for queue in sorted((queue for queue in self._pools if queue.heap), key=lambda queue: queue.heap[0][0]):
            while queue.heap:
                if not self._paces[queue.heap[0][1].unit.column.name].measured:
                    break
                self._fit(queue)
                task = queue.heap[0][1]
                if queue.call is None:
                    queue.call = self._call(queue.pool.name, task)
                if not self._backend.submit(queue.call):
                    break
                self._running[queue.call.id] = task
                heapq.heappop(queue.heap)
                queue.call = None

    def _fit(self, queue: _Queue) -> None:
        """Cut the first task if calls of its column hold fewer images."""
        task = queue.heap[0][1]
        size = self._paces[task.unit.column.name].size
        if len(task.positions) > size:
            heapq.heappop(queue.heap)
            queue.call = None
            cuts = [task.positions[at : at + size] for at in range(0, len(task.positions), size)]
            self._push(WorkItem(task.unit, cut, task.alone, suspected=task.suspected) for cut in cuts)

    def _call(self, pool: str, task: WorkItem, heard: dict[str, PackedRows] | None = None) -> Call:
        """heard: what the column looks at, where its unit does not know yet."""
        rows, needs = task.unit.packed(task.positions, heard)
        column = task.unit.column
        pace = self._paces[column.name]
        return Call(
            id=next(self._numbers),
            pool=pool,
            column=column.name,
            shard=task.unit.shard,
            positions=task.positions,
            rows=rows,
            needs=needs,
            timeout_s=pace.timeout_s,
            alone=task.alone,
            longest_s=pace.longest_s,
        )

    def _wait(self) -> list[Outcome]:
        if not self._running and not self._rehearsals and self._commits:
            wait(self._commits, return_when=FIRST_COMPLETED)
            return []
        is_at_work = any(self._backend.actors.get(pool, 0) for pool in self._called())
        outcomes = self._backend.wait(COMMIT_POLL_S if self._commits else POLL_S)  # or actors are starting
        now = time.monotonic()
        self._together.worked((now - self._seen) * is_at_work)
        self._seen = now
        return outcomes

    def _called(self) -> Iterator[str]:
        """Pools that have something to do."""
        for name in chain((task.unit.column.name for task in self._running.values()), self._rehearsals.columns()):
            yield self._queues[name].pool.name

    def _book(self, outcome: Outcome) -> None:
        if outcome.kind != "ok":
            self._log_failure(outcome)
        if outcome.kind == "stop":
            raise RunStopError(
                f"annotator {outcome.call.column}: {outcome.error}. No image is to blame: finished shards are kept, and"
                " so are answers that came. Put the cause right and run the same command again"
            )
        self._together.booked(outcome.seconds)
        self._at_once = None  # in between it would fall, as calls count when they are back
        if (rehearsed := self._rehearsals.ended(outcome)) is not None:
            self._book_first(*rehearsed)
            return
        task = self._running.pop(outcome.call.id)
        unit = task.unit
        pace = self._paces[unit.column.name]
        if outcome.kind in ("ok", "timeout"):
            pace.took(len(task.positions), outcome.seconds)
        if outcome.kind == "oom":
            pace.limit(len(task.positions) // 2)
        known = set(unit.failed)
        again = unit.take(task, outcome)
        self._push(again)
        quarantined = sorted(set(unit.failed) - known)
        for position in quarantined:
            self._quarantine(unit, position)
        succeeded = len(task.positions) if outcome.kind == "ok" else 0
        budget = self._budgets[unit.column.name]
        budget.succeeded += succeeded
        progress = self._progress[unit.column.name]
        progress.images_done += succeeded + len(quarantined)
        self._commit_if_complete(unit)
        if quarantined:
            budget.check()

    def _book_first(self, unit: Unit, is_done: bool) -> None:
        """The first image of a column has been run: if it is done, its batch goes on without it."""
        if not is_done or unit.rehearsed is None:
            return
        position, queue = unit.rehearsed.position, self._queues[unit.column.name]
        for _, task in queue.heap:
            if task.unit is unit and position in task.positions:
                task.positions = tuple(at for at in task.positions if at != position)
        queue.heap = [entry for entry in queue.heap if entry[1].positions]
        heapq.heapify(queue.heap)
        queue.call = None
        self._budgets[unit.column.name].succeeded += 1
        self._progress[unit.column.name].images_done += 1
        self._commit_if_complete(unit)

    def _log_failure(self, outcome: Outcome) -> None:
        call = outcome.call
        fields = {"column": call.column, "shard": call.shard, "images": len(call.positions), "kind": outcome.kind}
        why = {"error": outcome.error or outcome.items, "detail": outcome.detail}
        self._reporter.log("call_failed", fields | why)

    def _quarantine(self, unit: Unit, position: int) -> None:
        lost = Quarantined(unit.column.name, unit.shard, unit.rows[position].key, unit.failed[position])
        self._budgets[unit.column.name].failures.append(lost)
        self._progress[unit.column.name].failed += 1
        fields = {"column": lost.column, "shard": lost.shard, "key": lost.key, "error": lost.error}
        self._reporter.log(QUARANTINED, fields)

    def _commit_if_complete(self, unit: Unit) -> None:
        if not unit.complete:
            return
        self._commits[self._writers.submit(self._write, unit)] = unit

    def _write(self, unit: Unit) -> None:
        column = unit.column
        write_raw(self._work.store, column.name, column.fingerprint, unit.shard, unit.raw_rows())

    def _commit_finished(self) -> None:
        for commit in [commit for commit in self._commits if commit.done()]:
            unit = self._commits.pop(commit)
            commit.result()
            name = unit.column.name
            self._progress[name].shards_done += 1
            self.units_written[name] += 1
            self._reporter.log(
                "committed",
                {"column": name, "shard": unit.shard, "images": len(unit.rows), "failed": len(unit.failed)},
            )
            opened = self._open[unit.shard]
            opened.finish(unit)
            self._start_ready(opened)
            if not opened.units:
                del self._open[unit.shard]

    def _report(self) -> None:
        if self._at_once is None:
            self._at_once = self._together.at_once(self._shares())
        for queue in self._pools:
            actors = self._backend.actors.get(queue.pool.name, 0)
            for column in queue.pool.columns:
                progress = self._progress[column.name]
                progress.actors = actors
                progress.pool, progress.share = queue.pool.name, self._backend.shares[queue.pool.name]
                progress.each_s = self._paces[column.name].each_s
                progress.at_once = self._at_once
        self._reporter.update(list(self._progress.values()))

    def _shares(self) -> dict[str, float]:
        """Of the pools that have work left."""
        busy = {self._queues[name].pool.name for name, column in self._progress.items() if not column.finished}
        return {name: share for name, share in self._backend.shares.items() if name in busy}

    def _estimate(self) -> None:
        """Say once how long the run will take, as soon as every column has a pace."""
        columns = [column for column in self._progress.values() if not column.finished]
        if self._is_estimated or any(not self._paces[column.name].measured for column in columns):
            return
        self._is_estimated = True
        self._together.rehearsed()
        self._at_once = None
        self._report()
        seconds, is_least = run_left(columns)
        if seconds is not None:
            each_s = {column.name: round(column.each_s, 3) for column in columns if column.each_s is not None}
            images = max(column.images_total - column.already for column in columns)
            fields = {"seconds": round(seconds), "is_least": is_least, "images": images, "each_s": each_s}
            self._reporter.log(ESTIMATE, fields)
