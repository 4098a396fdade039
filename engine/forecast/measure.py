"""One annotator on a sample, warm, in a process of its own: how fast, at which batch size, with how much memory.

Comes in: a column, the rows of the sample and what the annotators that it needs said. Goes out: a `SampledAnnotator`
and what it said, for those who need it.
"""

import resource
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing import get_context

import msgspec

from engine.runtime.call import Call, pack_rows
from engine.runtime.column import ActorPool, Column
from engine.runtime.unit import PackedRows
from engine.runtime.worker import Worker, limit_process
from shards.finding import GIVEN
from shards.images import ImageRow
from shards.store import Store

SIZES = (1, 4, 16, 64)
"""Batch sizes that are tried, besides the configured one."""
_NEAR_BEST = 0.95
_FALLING = 0.8
_SHARE_OF_SEARCH = 0.4
_PATIENCE = 2.0
"""Times its part of the search, that one call of a larger batch may take."""


@dataclass(frozen=True)
class SampledAnnotator:
    """rate: images per second of one actor at `batch_size`, reading and decoding included; images: how many were run;
    failed: of them; longest_s: of one call; cpu_s: CPU seconds per image, loading aside. host_mb: of the whole process;
    gpu_mb: reserved by torch, None without a GPU. sent_bytes, returned_bytes: per image, between driver and actor.
    error: why nothing is known, "" if it is."""

    name: str
    rate: float = 0.0
    batch_size: int = 1
    images: int = 0
    failed: int = 0
    longest_s: float = 0.0
    load_s: float = 0.0
    cpu_s: float = 0.0
    host_mb: float = 0.0
    gpu_mb: float | None = None
    sent_bytes: float = 0.0
    returned_bytes: float = 0.0
    rates: dict[int, float] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()
    error: str = ""


@dataclass(frozen=True)
class SampleTask:
    """rows: of both shards, with the shard each is in. needs: annotator -> what it said by place in `rows`; an image
    that one of them lacks is not run. only: places of those that may be. seconds: for the annotator,
    its loading aside; a slow one is run on as many images as fit, one at least. is_limited: to the CPUs of an actor."""

    store: Store
    column: Column
    rows: Sequence[tuple[str, ImageRow]]
    needs: Mapping[str, PackedRows]
    only: frozenset[int]
    seconds: float
    decode_threads: int
    is_limited: bool = True


def measure_apart(task: SampleTask) -> tuple[SampledAnnotator, PackedRows]:
    """`measure` in a new process."""
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        try:
            return process.submit(measure, task).result()
        except BrokenProcessPool:
            return SampledAnnotator(
                task.column.name, error="its process died (out of memory, a crash of a library)"
            ), {}


def measure(task: SampleTask) -> tuple[SampledAnnotator, PackedRows]:
    """Load, warm up, find the batch size, then all images as far as the time goes. Never raises."""
    resources = task.column.resources
    if task.is_limited:
        limit_process(resources.num_cpus, 1.0 if resources.share_gpus else resources.num_gpus)
    worker = Worker(task.store, ActorPool(task.column.name, (task.column,), resources), task.decode_threads, 0)
    loaded = worker.load()
    if loaded.kind == "load":
        return SampledAnnotator(task.column.name, error=loaded.error), {}
    try:
        return _Run(task, worker).measured(loaded.seconds)
    finally:
        worker.close()


class _Run:
    """One annotator being measured."""

    def __init__(self, task: SampleTask, worker: Worker) -> None:
        self._task, self._worker = task, worker
        self._places = [at for at in sorted(task.only) if all(at in said for said in task.needs.values())]
        self._calls = 0

    def measured(self, load_s: float) -> tuple[SampledAnnotator, PackedRows]:
        if not self._places:
            return SampledAnnotator(self._task.column.name, error="what it needs said nothing in the sample"), {}
        said: PackedRows = {}
        failures: dict[int, str] = {}
        if self._task.column.is_paid:
            size, rates = self._first_is_paid(said, failures), {}
        else:
            rates = self._search()
            best = max(rates.values(), default=0.0)
            size = next((size for size, rate in sorted(rates.items()) if rate >= _NEAR_BEST * best), 1)
        before = len(said) + len(failures)
        sent, longest = 0, 0.0
        start, start_cpu = time.perf_counter(), time.process_time()
        for batch, call in self._queued(size):
            began = time.perf_counter()
            sent += self._run(batch, call, said, failures)
            longest = max(longest, time.perf_counter() - began)
            if time.perf_counter() - start + longest > (1 - _SHARE_OF_SEARCH) * self._task.seconds:
                break
        seconds, cpu_s = time.perf_counter() - start, time.process_time() - start_cpu
        done = len(said) + len(failures)
        rate = (done - before) / seconds
        return (
            SampledAnnotator(
                self._task.column.name,
                rate=rate,
                batch_size=size,
                images=done,
                failed=len(failures),
                longest_s=longest,
                load_s=load_s,
                cpu_s=cpu_s / (done - before),
                host_mb=_peak_mb(),
                gpu_mb=_gpu_mb(),
                sent_bytes=sent / (done - before),
                returned_bytes=sum(map(len, said.values())) / done,
                rates=rates or {size: rate},
                reasons=tuple(dict.fromkeys(failures.values())),
            ),
            said,
        )

    def _first_is_paid(self, said: PackedRows, failures: dict[int, str]) -> int:
        """Warm up with one image that is not timed afterwards: answers that were paid for are kept, and come at once
        when they are asked for again. The configured batch size stays."""
        first = tuple(self._places[:1])
        self._run(first, self._packed(first), said, failures)
        self._places = self._places[1:] or self._places
        return self._task.column.resources.batch_size

    def _search(self) -> dict[int, float]:
        """Batch size -> images per second, from small to large until it gets worse, does not fit, or would take more
        than its part of the time."""
        configured = self._task.column.resources.batch_size
        part_s = _SHARE_OF_SEARCH * self._task.seconds / len(SIZES)
        began = time.perf_counter()
        self._worker.run(self._packed(tuple(self._places[:1])))  # the first call is never like the others
        first_s = time.perf_counter() - began
        if first_s > _SHARE_OF_SEARCH * self._task.seconds:
            return {1: 1 / first_s}
        rates: dict[int, float] = {}
        sizes = [size for size in sorted({*SIZES, configured}) if size <= len(self._places)]
        for size in sizes or [len(self._places)]:
            if rates and size / max(rates.values()) > _PATIENCE * part_s:
                break
            deadline = time.perf_counter() + part_s
            done, start = 0, time.perf_counter()
            for batch, call in self._queued(size):
                if self._worker.run(call).kind == "oom":
                    return rates
                done += len(batch)
                if time.perf_counter() > deadline or done >= 2 * max(SIZES):
                    break
            rates[size] = done / (time.perf_counter() - start)
            if rates[size] < _FALLING * max(rates.values()):
                break
        return rates

    def _batches(self, size: int) -> list[tuple[int, ...]]:
        """Within one shard each, as the engine cuts them."""
        shards: dict[str, list[int]] = {}
        for at in self._places:
            shards.setdefault(self._task.rows[at][0], []).append(at)
        return [tuple(some[first : first + size]) for some in shards.values() for first in range(0, len(some), size)]

    def _queued(self, size: int) -> Iterator[tuple[tuple[int, ...], Call]]:
        """Each batch and its call, while the images of the next one are read, as in a run."""
        batches = self._batches(size)
        calls = [self._packed(batch) for batch in batches]
        for number, batch in enumerate(batches):
            for call in calls[number : number + 2]:
                self._worker.read_ahead(call)
            yield batch, calls[number]

    def _run(self, batch: tuple[int, ...], call: Call, said: PackedRows, failures: dict[int, str]) -> int:
        """One call, or one per image where it fails as a whole; bytes sent."""
        reply = self._worker.run(call)
        if reply.kind == "ok":
            said.update(zip(batch, reply.findings, strict=True))
        elif len(batch) == 1:
            failures[batch[0]] = reply.error or next(iter(reply.items.values()), reply.kind)
        else:
            for at in batch:
                self._run((at,), self._packed((at,)), said, failures)
        return len(call.rows) + sum(len(each) for some in call.needs.values() for each in some)

    def _packed(self, batch: tuple[int, ...]) -> Call:
        rows = [self._task.rows[at][1] for at in batch]
        if GIVEN not in self._task.column.needs:
            rows = [msgspec.structs.replace(row, given=[]) if row.given else row for row in rows]
        needs = {name: [said[at] for at in batch] for name, said in self._task.needs.items()}
        self._calls += 1
        name = self._task.column.name
        shard = self._task.rows[batch[0]][0]
        return Call(self._calls, name, name, shard, batch, pack_rows(rows), needs, self._task.seconds)


def _peak_mb() -> float:
    """Of this process so far, in MB (Linux counts in KiB, macOS in bytes)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20) if sys.platform == "darwin" else peak / (1 << 10)


def _gpu_mb() -> float | None:
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return None
    return float(torch.cuda.max_memory_reserved()) / (1 << 20)
