"""One actor, as the driver sees it: a process that is starting, loading or ready, and the calls queued on it.

    pending --constructed--> loading --weights there--> ready --dies, hangs, released--> (gone; never restarted by Ray)

An actor runs its calls one after the other, in the order in which they were sent. So the first call that has not come
back is the one that is running, and the only suspect if the process dies; that is what `Actor.calls` is for. Only the
reading and decoding of images begins when a call arrives.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal

from engine.runtime.call import Call, CallReply, pack_call, pack_reply, unpack_call
from engine.runtime.column import ActorPool
from engine.runtime.worker import Worker, limit_process
from shards.store import Store
from stages.annotate.resources import Resources

WORKING = 0.001
"""CPUs that a thread uses at least which works: on a machine with twenty others at work it gets a fiftieth of one. One
that waits for ever uses none."""
ANSWER_S = 60.0
"""A process that does not say within this time whether it works does not."""


class ActorBody:
    """Runs in the actor's process, each call in a thread of its own. The stages live in one thread."""

    def __init__(self, store: Store, pool: ActorPool, decode_threads: int, cache_bytes: int) -> None:
        limit_process(pool.resources.num_cpus, pool.resources.num_gpus)
        self._worker = Worker(store, pool, decode_threads, cache_bytes)
        self._stages = ThreadPoolExecutor(1, thread_name_prefix="stages")
        self._turn = 0
        self._turns = threading.Condition()
        self._clock = time.process_time
        self._used_s = 0.0

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
            reply = self._stages.submit(self._run, call)
            self._turn += 1
            self._turns.notify_all()
        return pack_reply(reply.result())

    def worked(self) -> float:
        """CPU seconds of the thread of the stages since the running call began, or since somebody asked last."""
        before, self._used_s = self._used_s, self._clock()
        return self._used_s - before

    def _run(self, call: Call) -> CallReply:
        self._clock = _own_clock()
        self._used_s = self._clock()
        return self._worker.run(call)


@dataclass(eq=False)
class Actor:
    """handle and refs are Ray's own (untyped) objects. since: when the first of `calls` began, as far as known; asked:
    the question whether it works, if it is on its way; checked: when that was asked, or answered by yes."""

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
    asked: Any = None
    checked: float = 0.0

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
            self._begin()
        self.calls.append((self.handle.run.remote(pack_call(call), self.sent), call))
        self.sent += 1
        self.latest = (call.shard, call.positions)

    def took(self) -> Call:
        """The first call is over, one way or another."""
        self._begin()
        return self.calls.popleft()[1]

    def forgive(self, seconds: float) -> None:
        """Nobody's time passed meanwhile."""
        self.since += seconds
        self.checked += seconds

    def left_s(self, now: float) -> float:
        """Until the running call has to be looked at."""
        call = self.calls[0][1]
        look = self.checked + (call.timeout_s if self.asked is None else ANSWER_S)
        return min(look, self.since + max(call.timeout_s, call.longest_s)) - now

    def overdue(self, now: float, answer: Callable[[Any], float | None]) -> bool:
        """Whether the running call has had its time. Where it may have more as long as its process works, that is asked
        first. answer: to such a question; None while there is none."""
        if not self.calls:
            return False
        call = self.calls[0][1]
        if now - self.since >= max(call.timeout_s, call.longest_s):
            return True
        if self.asked is None:
            if now - self.checked >= call.timeout_s:
                self.asked, self.checked = self.handle.worked.remote(), now
            return False
        cpu_s = answer(self.asked)
        if cpu_s is None:
            return now - self.checked >= ANSWER_S
        if cpu_s < WORKING * call.timeout_s:
            return True
        self.asked, self.checked = None, now
        return False

    def limit_s(self, now: float) -> float:
        """Which of its two times the overdue call has had: the same words in every run."""
        call = self.calls[0][1]
        return call.longest_s if now - self.since >= call.longest_s > call.timeout_s else call.timeout_s

    def _begin(self) -> None:
        self.since = self.checked = time.monotonic()
        self.asked = None


def _own_clock() -> Callable[[], float]:
    """CPU seconds of the thread that asks for the clock, for any thread to read; of the whole process on a system whose
    threads have no clocks (macOS)."""
    if not hasattr(time, "pthread_getcpuclockid"):
        return time.process_time
    clock = time.pthread_getcpuclockid(threading.get_ident())
    return lambda: time.clock_gettime(clock)


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
        "max_concurrency": resources.in_flight + 1,  # one to say whether it works
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
