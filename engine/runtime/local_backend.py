"""Calls run in this process, one at a time: for tests, tiny jobs and machines without Ray. The images of the next call
are read and decoded while one runs.

No isolation: a stage that hangs, exits the process or dies of a segmentation fault takes the run with it, and
`timeout_s`, actors and declared CPUs mean nothing here. Exceptions and running out of memory are handled as with Ray.
"""

from collections import deque

from engine.config.settings import EngineSettings
from engine.runtime.backend import StartError
from engine.runtime.call import Call, Outcome
from engine.runtime.column import ActorPool
from engine.runtime.worker import Worker
from shards.store import Store

_IN_FLIGHT = 2
"""The call that runs, and the one whose images are read meanwhile."""


class LocalBackend:
    """See `engine.runtime.backend.Backend`. Stages are loaded before their first call."""

    def __init__(self, store: Store, settings: EngineSettings) -> None:
        self.actors: dict[str, int] = {}
        self.shares: dict[str, float] = {}
        self._store = store
        self._settings = settings
        self._pools: dict[str, ActorPool] = {}
        self._workers: dict[str, Worker] = {}
        self._waiting: deque[Call] = deque()

    def open(self, pool: ActorPool) -> None:
        self._pools[pool.name] = pool
        self.actors[pool.name] = 0
        self.shares = {name: 1 / len(self._pools) for name in self._pools}

    def submit(self, call: Call) -> bool:
        if len(self._waiting) == _IN_FLIGHT:
            return False
        self._waiting.append(call)
        return True

    def wait(self, timeout_s: float) -> list[Outcome]:  # noqa: ARG002  # nothing else runs while a call runs
        if not self._waiting:
            return []
        if self._waiting[0].pool not in self._workers:
            self._load(self._waiting[0].pool)
            return []
        call = self._waiting.popleft()
        worker = self._workers[call.pool]
        for each in (call, *self._waiting):
            if each.pool == call.pool:
                worker.read_ahead(each)
        answer = worker.run(call)
        if answer.kind == "load":
            raise StartError(answer.error)
        return [Outcome(call, answer.kind, answer.findings, answer.items, answer.error, answer.detail, answer.seconds)]

    def close(self) -> None:
        for worker in self._workers.values():
            worker.close()
        self._workers.clear()

    def _load(self, name: str) -> None:
        cache_bytes = self._settings.decode_cache_mb << 20
        worker = Worker(self._store, self._pools[name], self._settings.decode_threads, cache_bytes)
        loaded = worker.load()
        if loaded.kind == "load":
            raise StartError(loaded.error)
        self._workers[name] = worker
        self.actors[name] = 1
