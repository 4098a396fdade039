"""Ingest over the nodes of a Ray cluster: an actor per CPU, each with a process that writes one shard after the other.

Comes in: shards to write (stages/ingest/frames.py). Goes out: what was committed. The code that fetches, checks and
writes is that of a machine alone, so the corpus has the same bytes; the places of images go to the nodes, with their
secrets, and manifests come back. A node that goes costs the shards that it was writing, which others write again; a
shard that is lost twice is left to the caller. Ray ends the actors of a driver that was killed, a moment later: what
they write until then is what the next one writes, byte for byte, as long as the places answer the same.
"""

import os
import socket
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from engine.config.settings import EngineSettings
from engine.runtime.backend import StartError
from engine.runtime.ray_session import LogEvent, RaySession
from shards import commit
from shards.completeness import PLAN
from shards.store import Store, remove_leftovers
from stages.ingest.frames import ShardJob, ShardWritten
from stages.ingest.locations import is_url
from stages.ingest.settings import IngestSettings
from stages.ingest.shard import write_shard
from stages.ingest.shard_writers import PlannedShard, ShardWriters
from stages.ingest.workers import Workers

MAX_LOSSES = 2
"""Of one shard: nodes go, but not with the same shard each time."""
MAX_STILLBORN = 3
"""In a row."""
_WAIT_S = 1.0


class IngestBody:
    """Runs in the actor's process."""

    def __init__(self, store: Store, settings: IngestSettings, sources: list[str]) -> None:
        self._store = store
        self._settings = settings
        self._sources = sources
        self._writers = ShardWriters(store, settings, sources)

    def born(self) -> str:
        """ "" if this node sees the corpus, else its name."""
        return "" if commit.committed(self._store, PLAN) else socket.gethostname()

    def write(self, job: ShardJob) -> ShardWritten:
        """The shard, written by a process or, where an image ends that, image by image."""
        [(_, written)] = self._writers.write_all([PlannedShard(job.shard, lambda: job)])
        if isinstance(written, ShardWritten):
            return written
        with closing(Workers(self._settings, self._sources)) as examiner:
            return write_shard(self._store, job, self._settings, examiner)


@dataclass(eq=False)
class _Actor:
    """handle and ref are Ray's own (untyped) objects. ref: of its birth, then of its job."""

    handle: Any
    ref: Any
    shard: PlannedShard | None = None
    ready: bool = False


class RayShardWriter:
    """A `ShardWriter`. Ray is started, or joined, with the first job. everywhere: whether all nodes see the paths of
    lists; else only shards of URLs are for them."""

    def __init__(
        self,
        store: Store,
        settings: IngestSettings,
        sources: Sequence[str],
        engine: EngineSettings,
        log: LogEvent,
        everywhere: bool,
    ) -> None:
        self._store = store
        self._settings = settings
        self._sources = list(sources)
        self._session = RaySession(engine.address, log)
        self._start_s = engine.start_timeout_s
        self._log = log
        self._everywhere = everywhere
        self._actors: list[_Actor] = []
        self._losses = Counter[str]()
        self._stillborn = 0

    def suits(self, shards: Sequence[PlannedShard]) -> list[PlannedShard]:
        """Those whose images every node can read."""
        if self._everywhere:
            return list(shards)
        return [planned for planned in shards if all(is_url(entry.location) for entry in planned.job().entries)]

    def write_all(self, shards: Sequence[PlannedShard]) -> Iterator[tuple[PlannedShard, ShardWritten | str]]:
        self._session.start(1)
        waiting = deque(shards)
        deadline = time.monotonic() + self._start_s
        while waiting or any(actor.shard for actor in self._actors):
            if any(actor.ready for actor in self._actors):
                deadline = time.monotonic() + self._start_s
            elif time.monotonic() > deadline:
                raise StartError(
                    f"no node of the cluster has a CPU for ingest after {self._start_s:g} s (engine.start_timeout_s)"
                )
            self._grow(len(waiting))
            self._hand_out(waiting)
            over = list(self._collect(waiting))
            self._hand_out(waiting)
            yield from over

    def close(self) -> None:
        if self._actors:
            import ray

            for actor in self._actors:
                ray.kill(actor.handle)
        if self._losses:
            remove_leftovers(self._store)
        if output := self._session.worker_output():
            self._log("worker_output", {"text": output.decode(errors="replace")})
        self._session.stop()

    def _grow(self, wanted: int) -> None:
        """An actor for every CPU of the cluster as it is now; those that get none wait for it."""
        import ray

        cpus = max(1, int(ray.cluster_resources().get("CPU", 1)))  # type: ignore[no-untyped-call]
        idle = sum(actor.shard is None for actor in self._actors)
        workers = self._settings.workers
        share = {"processes": 1, "workers": None if workers is None else -(-workers // cpus)}
        settings = self._settings.model_copy(update=share)
        for _ in range(min(cpus - len(self._actors), wanted - idle)):
            remote: Any = ray.remote(IngestBody)
            handle = remote.options(num_cpus=1, max_restarts=0, max_task_retries=0).remote(
                self._store, settings, self._sources
            )
            self._actors.append(_Actor(handle, handle.born.remote()))

    def _hand_out(self, waiting: deque[PlannedShard]) -> None:
        for actor in self._actors:
            if waiting and actor.ready and actor.shard is None:
                actor.shard = waiting.popleft()
                actor.ref = actor.handle.write.remote(actor.shard.job())

    def _collect(self, waiting: deque[PlannedShard]) -> Iterator[tuple[PlannedShard, ShardWritten | str]]:
        """What is over after a second at most. Shards that are lost for the first time are waiting again."""
        import ray

        busy = {actor.ref: actor for actor in self._actors if actor.shard is not None or not actor.ready}
        done = ray.wait(list(busy), num_returns=len(busy), timeout=0)[0]
        done = done or ray.wait(list(busy), num_returns=1, timeout=_WAIT_S)[0]
        for actor in [busy[ref] for ref in done]:
            try:
                answer = ray.get(actor.ref)
            except ray.exceptions.RayError as error:
                yield from self._lost(actor, error, waiting)
                continue
            if actor.shard is not None:
                shard, actor.shard = actor.shard, None
                yield shard, answer
            elif answer:
                raise StartError(
                    f"node {answer} does not see the corpus {self._store.url}: put it where all nodes see it, on a"
                    " shared disk or in an object store, or --set ingest.backend=processes"
                )
            actor.ready = True
            self._stillborn = 0

    def _lost(
        self, actor: _Actor, error: Exception, waiting: deque[PlannedShard]
    ) -> Iterator[tuple[PlannedShard, ShardWritten | str]]:
        """An actor that is gone, or whose job raised: then the job is the caller's, who meets the same error."""
        import ray

        self._actors.remove(actor)
        ray.kill(actor.handle)
        why = " ".join(str(error).split())[:500]
        self._log("ingest_actor_lost", {"why": why})
        if actor.shard is None:
            self._stillborn += not actor.ready
            if self._stillborn == MAX_STILLBORN:
                raise StartError(f"ingest does not start on the nodes of the cluster: {why}")
            return
        self._losses[actor.shard.shard] += 1
        is_fault = isinstance(error, ray.exceptions.RayTaskError)
        if is_fault or self._losses[actor.shard.shard] == MAX_LOSSES:
            yield actor.shard, why
        else:
            waiting.appendleft(actor.shard)


def node_writers(
    store: Store, settings: IngestSettings, sources: Sequence[str], engine: EngineSettings, log: LogEvent
) -> list[RayShardWriter]:
    """The nodes of Ray, where they are wanted (`ingest.backend`)."""
    address = engine.address or os.environ.get("RAY_ADDRESS")
    is_cluster = engine.backend == "ray" and address not in (None, "", "local")
    everywhere = settings.backend == "ray"
    if not everywhere and not (settings.backend == "auto" and is_cluster):
        return []
    return [RayShardWriter(store, settings, sources, engine, log, everywhere)]
