"""One actor, as the driver sees it: a process that is starting, loading or ready, and the calls queued on it.

    pending --constructed--> loading --weights there--> ready --dies, hangs, released--> (gone; never restarted by Ray)

An actor runs its calls one after the other, in the order in which they were sent. So the first call that has not come
back is the one that is running, and the only suspect if the process dies; that is what `Actor.calls` is for. Only the
reading and decoding of images begins when a call arrives.
"""

import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal

from engine.runtime.call import Call, CallReply, pack_call, pack_reply, unpack_call
from engine.runtime.column import ActorPool
from engine.runtime.worker import Worker, limit_process
from shards.store import Store
from stages.annotate.resources import Resources


class ActorBody:
    """Runs in the actor's process, each call in a thread of its own. The stages live in one thread."""

    def __init__(self, store: Store, pool: ActorPool, decode_threads: int, cache_bytes: int) -> None:
        limit_process(pool.resources.num_cpus, pool.resources.num_gpus)
        self._worker = Worker(store, pool, decode_threads, cache_bytes)
        self._stages = ThreadPoolExecutor(1, thread_name_prefix="stages")
        self._turn = 0
        self._turns = threading.Condition()

    def born(self) -> int:
        """The process id: the answer shows that the actor has its resources."""
        import os

        return os.getpid()

    def load(self) -> CallReply:
        """See Worker.load."""
        return self._stages.submit(self._worker.load).result()

    def run(self, packed: bytes, turn: int) -> bytes:
        """See Worker.run. packed: a call; its reply goes out. turn: how many calls were sent to this actor before."""
        call = unpack_call(packed)
        self._worker.read_ahead(call)
        with self._turns:
            self._turns.wait_for(lambda: self._turn == turn)
            reply = self._stages.submit(self._worker.run, call)
            self._turn += 1
            self._turns.notify_all()
        return pack_reply(reply.result())


@dataclass(eq=False)
class Actor:
    """handle and refs are Ray's own (untyped) objects. since: when the first of `calls` began, as far as known."""

    handle: Any
    pool: str
    born: Any
    loaded: Any
    state: Literal["pending", "loading", "ready"] = "pending"
    pid: int = 0
    calls: deque[tuple[Any, Call]] = field(default_factory=deque)
    since: float = field(default_factory=time.monotonic)
    latest: tuple[str, tuple[int, ...]] | None = None
    sent: int = 0

    @property
    def refs(self) -> list[Any]:
        """What to wait for."""
        if self.state == "ready":
            return [ref for ref, _ in self.calls]
        return [self.born if self.state == "pending" else self.loaded]

    def takes(self, call: Call, in_flight: int) -> bool:
        """Whether the call may be queued here now."""
        if self.state != "ready":
            return False
        if not self.calls:
            return True
        return not call.alone and not self.calls[-1][1].alone and len(self.calls) < in_flight

    def send(self, call: Call) -> None:
        """Queue the call."""
        if not self.calls:
            self.since = time.monotonic()
        self.calls.append((self.handle.run.remote(pack_call(call), self.sent), call))
        self.sent += 1
        self.latest = (call.shard, call.positions)

    def took(self) -> Call:
        """The first call is over, one way or another."""
        self.since = time.monotonic()
        return self.calls.popleft()[1]

    def overdue(self, now: float) -> bool:
        """Whether the running call has had its time."""
        return bool(self.calls) and now - self.since > self.calls[0][1].timeout_s


def start_actor(store: Store, pool: ActorPool, decode_threads: int, cache_bytes: int) -> Actor:
    """Ask Ray for a new actor of the pool. Returns at once."""
    import ray

    body: Any = ray.remote(ActorBody)
    handle: Any = body.options(**ray_options(pool.resources)).remote(store, pool, decode_threads, cache_bytes)
    return Actor(handle, pool.name, handle.born.remote(), handle.load.remote())


def ray_options(resources: Resources) -> dict[str, Any]:
    """`Resources` as Ray's actor options. Ray itself never restarts an actor: an image that kills its process would
    kill the next one too, for ever."""
    options: dict[str, Any] = {
        "num_cpus": resources.num_cpus,
        "num_gpus": resources.num_gpus,
        "max_concurrency": resources.in_flight,
        "max_restarts": 0,
        "max_task_retries": 0,
    }
    if resources.memory_mb is not None:
        options["memory"] = resources.memory_mb << 20
    if resources.runtime_env:
        options["runtime_env"] = resources.runtime_env
    return options


def misfit(resources: Resources, nodes: list[dict[str, float]]) -> str:
    """Why no node can ever hold an actor: "" if one can. nodes: total resources of each, in Ray's names."""
    wanted = {"CPU": resources.num_cpus, "GPU": resources.num_gpus, "memory": float((resources.memory_mb or 0) << 20)}
    if any(all(node.get(name, 0.0) >= amount for name, amount in wanted.items()) for node in nodes):
        return ""
    most = {name: max((node.get(name, 0.0) for node in nodes), default=0.0) for name in wanted}
    asks = f"num_cpus={resources.num_cpus:g}, num_gpus={resources.num_gpus:g}, memory_mb={resources.memory_mb}"
    has = f"{most['CPU']:g} CPUs, {most['GPU']:g} GPUs, {int(most['memory']) >> 20} MB"
    return f"asks for {asks}; the largest node has {has}"
