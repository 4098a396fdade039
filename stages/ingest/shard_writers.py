"""Shards to write, over processes that do all of it: each takes one shard after the other.

Comes in: shards. Goes out: what was committed, in the order in which it was. A shard whose process ended, or said
nothing for too long, comes back unwritten, with the reason: the caller does it another way and finds out more. So no
image can stop the others, and a process that writes shards need not be clever about failures.
"""

import pickle
import selectors
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

from shards.store import Store, remove_leftovers
from stages.ingest.frames import Ready, Setup, ShardJob, ShardWritten
from stages.ingest.process import WorkerProcess
from stages.ingest.settings import IngestSettings
from stages.ingest.shard_worker import BEAT_S
from stages.ingest.workers import START_S, shares

WRITER = (sys.executable, "-m", "stages.ingest.shard_worker")
SILENCE_S = 60.0
"""A process that does not even beat is stuck in what no thread can interrupt."""
_CLEAN_UP_S = 2.0
_FEW = 6
"""So many processes keep one busy that writes for all of them: below, or with fewer shards than processes, it is faster
that all share a shard. Measured by tests/benchmarks/bench_ingest.py: 0.4 of 2.9 ms per image."""


class PlannedShard(NamedTuple):
    """A shard that is to be written. job: makes what a writer needs, which is not held for all shards at once."""

    shard: str
    job: Callable[[], ShardJob]


class ShardWriter(Protocol):
    """Writes shards, several at a time."""

    def suits(self, shards: Sequence[PlannedShard]) -> list[PlannedShard]:
        """Those that it should be given."""
        ...

    def write_all(self, shards: Sequence[PlannedShard]) -> Iterator[tuple[PlannedShard, ShardWritten | str]]:
        """Each shard once, when it is over, in any order; where it is not written, why, in a few words."""
        ...

    def close(self) -> None:
        """Stop at once; what is half-written is no shard, and is removed. Called while nobody else writes."""
        ...


class _Writer:
    """A process, and the shard that it is writing."""

    def __init__(self, command: Sequence[str], setup: Setup) -> None:
        self.process = WorkerProcess(command, setup)
        self.shard: PlannedShard | None = None
        self.heard = time.monotonic()
        self.limit_s = START_S

    def start(self, shard: PlannedShard) -> None:
        self.shard = shard
        self.process.send(shard.job())


class ShardWriters:
    """A pool of processes that write shards, started when there is something to do. sources: see `Fetcher`. command,
    silence_s: for tests."""

    def __init__(
        self,
        store: Store,
        settings: IngestSettings,
        sources: Sequence[str],
        command: Sequence[str] = WRITER,
        silence_s: float = SILENCE_S,
    ) -> None:
        self._store = store
        self._settings = settings
        self._sources = list(sources)
        self._count, self._threads = shares(settings)
        self._command = command
        self._silence_s = silence_s
        self._writers: list[_Writer] = []
        self._selector = selectors.DefaultSelector()
        self._has_lost = False

    def suits(self, shards: Sequence[PlannedShard]) -> list[PlannedShard]:
        """All, if they keep the processes busy and there is something on disk that they can share."""
        is_shared = not self._store.url.startswith("memory:")
        return list(shards) if is_shared and len(shards) >= min(self._count, _FEW) else []

    def write_all(self, shards: Sequence[PlannedShard]) -> Iterator[tuple[PlannedShard, ShardWritten | str]]:
        waiting = deque(shards)
        while waiting or any(writer.shard for writer in self._writers):
            self._hand_out(waiting)
            over = list(self._wait())
            self._hand_out(waiting)  # before the caller does anything with it
            yield from over

    def close(self) -> None:
        for writer in list(self._writers):
            self._remove(writer, _CLEAN_UP_S if writer.shard else 0.0)
        self._selector.close()
        if self._has_lost:
            remove_leftovers(self._store)

    def _hand_out(self, waiting: deque[PlannedShard]) -> None:
        for writer in self._writers:
            if waiting and writer.shard is None:
                writer.start(waiting.popleft())
        while waiting and len(self._writers) < self._count:
            store = pickle.dumps(self._store)
            setup = Setup(self._settings.model_dump_json(), self._sources, self._threads, store)
            writer = _Writer(self._command, setup)
            self._writers.append(writer)
            self._selector.register(writer.process.output, selectors.EVENT_READ, writer)
            writer.start(waiting.popleft())

    def _wait(self) -> Iterator[tuple[PlannedShard, ShardWritten | str]]:
        """What is over after at most a beat."""
        heard: list[_Writer] = [key.data for key, _ in self._selector.select(BEAT_S)]
        now = time.monotonic()
        for writer in heard:
            writer.heard = now
            frames = writer.process.receive()
            for message, _ in frames or []:
                if isinstance(message, Ready):
                    writer.limit_s = self._silence_s
                elif isinstance(message, ShardWritten) and writer.shard is not None:
                    shard, writer.shard = writer.shard, None
                    yield shard, message
            if frames is None:
                yield from self._given_up(writer, None)
        for writer in [writer for writer in self._writers if writer not in heard]:
            if now - writer.heard > writer.limit_s:
                yield from self._given_up(writer, f"silent for {writer.limit_s:g} s")

    def _given_up(self, writer: _Writer, why: str | None) -> Iterator[tuple[PlannedShard, ShardWritten | str]]:
        ending = self._remove(writer, 0.0)
        if writer.shard is not None:
            self._has_lost = True
            yield writer.shard, why or ending

    def _remove(self, writer: _Writer, patience_s: float) -> str:
        self._selector.unregister(writer.process.output)
        self._writers.remove(writer)
        return writer.process.end(patience_s)
