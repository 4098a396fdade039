"""Calls run in Ray actors: isolated, in parallel, on one machine or many.

A pool keeps between `min_actors` and `max_actors` of them, grown while batches wait. An actor that dies or overruns its
deadline is replaced; the call that was running is reported (death, timeout), those behind it run elsewhere without
anyone hearing of it. When a pool with work cannot get its actor because idle pools hold the GPUs, one of those gives
its actor back: annotators may together ask for more than the machine has, at the price of loading again.
"""

import os
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

from engine.config.settings import EngineSettings
from engine.runtime.backend import StartError
from engine.runtime.call import Call, CallReply, Outcome, OutcomeKind, unpack_reply
from engine.runtime.column import ActorPool, with_gpu_shares
from engine.runtime.faults import one_line
from engine.runtime.ray_actors import Actor, misfit, start_actor
from engine.runtime.ray_session import LogEvent, RaySession
from engine.runtime.together import shares
from shards.store import Store

MAX_LOAD_DEATHS = 3
MAX_LOSSES = 3
"""Of the result of one call: nodes go, but not with the same call each time."""
STARVED_S = 5.0
"""A new process is there after 1-3 s; an actor that is not has no resources to start with."""
PAUSE_S = 2.0
"""A `wait` that took this much longer than asked means that the driver itself was stopped: deadlines move along."""


@dataclass(eq=False)
class _Pool:
    pool: ActorPool
    actors: list[Actor] = field(default_factory=list)
    again: deque[Call] = field(default_factory=deque)
    losses: Counter[int] = field(default_factory=Counter)  # id of a call -> how often its result was lost
    load_deaths: int = 0
    hungry: bool = False  # refused a call since it last had an idle actor
    hungry_since: float = 0.0
    used: float = field(default_factory=time.monotonic)

    @property
    def idle(self) -> bool:
        return not self.hungry and not self.again and not any(actor.calls for actor in self.actors)


class RayBackend:
    """See `engine.runtime.backend.Backend`. Ray is started, or joined, with the first call."""

    def __init__(self, store: Store, settings: EngineSettings, log: LogEvent) -> None:
        self.actors: dict[str, int] = {}
        self.shares: dict[str, float] = {}
        self._store = store
        self._settings = settings
        self._log = log
        self._session = RaySession(settings.address, log)
        self._pools: dict[str, _Pool] = {}
        self._started = False
        self._returned = time.monotonic()

    def open(self, pool: ActorPool) -> None:
        self._pools[pool.name] = _Pool(pool)
        self.actors[pool.name] = 0
        self.shares[pool.name] = 1.0

    def submit(self, call: Call) -> bool:
        self._begin()
        state = self._pools[call.pool]
        taken = not state.again and self._place(state, call)
        if not taken:
            self._grow(state)
        return taken

    def wait(self, timeout_s: float) -> list[Outcome]:
        if not self._started:
            return []
        import ray

        refs = [ref for actor in self._all() for ref in actor.refs]
        began = time.monotonic()
        self._forgive(began - self._returned - PAUSE_S)
        patience = min([timeout_s, *(actor.left_s(began) for actor in self._all() if actor.calls)])
        ready: set[Any] = set()
        if refs:
            first, others = ray.wait(refs, num_returns=1, timeout=max(patience, 0.0))
            ready = set(first)
            if first and others:
                ready.update(ray.wait(others, num_returns=len(others), timeout=0)[0])
        else:
            time.sleep(min(timeout_s, 0.05))
        self._forgive(time.monotonic() - began - max(patience, 0.0) - PAUSE_S)
        outcomes = [outcome for actor in self._all() for outcome in self._collect(actor, ready)]
        outcomes += self._overdue(time.monotonic())
        self._settle()
        self._returned = time.monotonic()
        return outcomes

    def close(self) -> None:
        if not self._started:
            self._session.stop()
            return
        for actor in self._all():
            self._kill(actor)
        output = self._session.worker_output()
        if output:
            self._log("worker_output", {"text": output.decode(errors="replace")})
        self._session.stop()
        self._started = False

    # ---- actors

    def _begin(self) -> None:
        if self._started:
            return
        pools = list(self._pools.values())
        self._session.start(sum(p.pool.resources.num_cpus * p.pool.resources.min_actors for p in pools))
        self._started = True
        self._share()
        self._check_feasible()
        for state in pools:
            for _ in range(state.pool.resources.min_actors):
                self._start(state)

    def _share(self) -> None:
        nodes = self._nodes()
        cpus, gpus = (sum(node.get(kind, 0.0) for node in nodes) for kind in ("CPU", "GPU"))
        for pool in with_gpu_shares([state.pool for state in self._pools.values()], gpus):
            self._pools[pool.name].pool = pool
        if self._session.local:  # where more CPUs may be promised than there are
            cpus = min(cpus, os.cpu_count() or 1)
        self.shares = shares([state.pool for state in self._pools.values()], cpus, gpus)

    def _nodes(self) -> list[dict[str, float]]:
        import ray

        known: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
        return [node["Resources"] for node in known if node["Alive"]]

    def _check_feasible(self) -> None:
        nodes = self._nodes()
        for state in self._pools.values():
            reason = misfit(state.pool.resources, nodes)
            if reason and self._session.local:
                raise StartError(f"annotator {state.pool.name} cannot run on this machine: it {reason}")
            if reason:  # a cluster may grow
                self._log("waiting_for_nodes", {"pool": state.pool.name, "reason": reason})

    def _start(self, state: _Pool) -> None:
        cache_bytes = self._settings.decode_cache_mb << 20
        state.actors.append(start_actor(self._store, state.pool, self._settings.decode_threads, cache_bytes))

    def _grow(self, state: _Pool) -> None:
        """A call had to wait: start actors up to the maximum, at most doubling at a time."""
        now = time.monotonic()
        if not state.hungry:
            state.hungry, state.hungry_since = True, now
        ready = sum(actor.state == "ready" for actor in state.actors)
        starting = len(state.actors) - ready
        resources = state.pool.resources
        wanted = min(resources.max_actors, max(resources.min_actors, 2 * ready))
        for _ in range(wanted - ready - starting):
            self._start(state)

    def _remove(self, actor: Actor) -> None:
        state = self._pools[actor.pool]
        state.actors.remove(actor)
        state.again.extend(call for _, call in actor.calls)
        actor.calls.clear()
        self.actors[actor.pool] = sum(a.state == "ready" for a in state.actors)

    def _kill(self, actor: Actor) -> None:
        import ray

        ray.kill(actor.handle, no_restart=True)

    def _all(self) -> list[Actor]:
        return [actor for state in self._pools.values() for actor in state.actors]

    # ---- calls

    def _place(self, state: _Pool, call: Call) -> bool:
        """Queue the call on the actor that has just seen the same images, else on the least busy one."""
        free = [actor for actor in state.actors if actor.takes(call, state.pool.resources.in_flight)]
        if not free:
            return False
        same = (call.shard, call.positions)
        min(free, key=lambda actor: (actor.latest != same, len(actor.calls))).send(call)
        state.hungry, state.used = False, time.monotonic()
        return True

    def _collect(self, actor: Actor, ready: set[Any]) -> list[Outcome]:
        """What the actor has finished, oldest first."""
        outcomes: list[Outcome] = []
        if actor.state != "ready":
            if actor.refs[0] in ready:
                self._advance(actor)
            return outcomes
        while actor.calls and actor.calls[0][0] in ready:
            answer = _get(actor.calls[0][0])
            if isinstance(answer, _Lost):
                outcomes += self._lost(actor, answer)
                continue
            call = actor.took()
            if isinstance(answer, _Dead):
                outcomes.append(self._died(actor, call, answer))
                break
            kind: OutcomeKind = "error" if answer.kind == "load" else answer.kind
            outcomes.append(
                Outcome(call, kind, answer.findings, answer.items, answer.error, answer.detail, answer.seconds)
            )
        if outcomes:
            self._pools[actor.pool].used = time.monotonic()
        return outcomes

    def _lost(self, actor: Actor, lost: "_Lost") -> list[Outcome]:
        """The call runs again; one whose result is lost every time is like one that the machine has no memory for."""
        state, call = self._pools[actor.pool], actor.took()
        self._log("result_lost", {"pool": actor.pool, "why": lost.why})
        state.losses[call.id] += 1
        if state.losses[call.id] < MAX_LOSSES:
            state.again.append(call)
            return []
        del state.losses[call.id]
        return [Outcome(call, "oom", error=f"oom: Ray lost the result {MAX_LOSSES} times", detail=lost.why)]

    def _died(self, actor: Actor, call: Call, dead: "_Dead") -> Outcome:
        about = {"pool": actor.pool, "pid": actor.pid, "column": call.column, "shard": call.shard}
        self._log("actor_died", about | {"images": len(call.positions), "why": dead.why})
        self._remove(actor)
        self._start(self._pools[actor.pool])
        if dead.out_of_memory:
            return Outcome(call, "oom", error="oom: the process was killed for its memory", detail=dead.why)
        return Outcome(call, "death", error="death: the process of the annotator ended", detail=dead.why)

    def _overdue(self, now: float) -> list[Outcome]:
        outcomes = []
        for actor in self._all():
            if actor.state == "ready" and actor.overdue(now, _answer):
                limit_s = actor.limit_s(now)
                call = actor.took()
                about = {"pool": actor.pool, "pid": actor.pid, "column": call.column, "shard": call.shard}
                self._log("actor_killed", about | {"why": f"no answer in {limit_s:g} s"})
                self._kill(actor)
                self._remove(actor)
                self._start(self._pools[actor.pool])
                error = f"timeout: no answer in {limit_s:g} s"
                outcomes.append(Outcome(call, "timeout", error=error, seconds=limit_s))
            elif actor.state == "loading" and now - actor.since > self._settings.start_timeout_s:
                raise StartError(
                    f"annotator {actor.pool}: loading took more than {self._settings.start_timeout_s:g} s"
                    " (engine.start_timeout_s)"
                )
        return outcomes

    def _advance(self, actor: Actor) -> None:
        """pending -> loading -> ready, or the end of the run if a stage cannot be loaded."""
        state = self._pools[actor.pool]
        answer = _get(actor.refs[0])
        if isinstance(answer, _Lost | _Dead):
            state.load_deaths += 1
            if answer.final or state.load_deaths >= MAX_LOAD_DEATHS:
                raise StartError(f"annotator {actor.pool}: its process ended while it was starting: {answer.why}")
            self._log("actor_died", {"pool": actor.pool, "pid": actor.pid, "why": answer.why, "while": actor.state})
            self._remove(actor)
            self._start(state)
        elif isinstance(answer, int):
            actor.pid, actor.state, actor.since = answer, "loading", time.monotonic()
        elif answer.kind == "load":
            raise StartError(answer.error)
        else:
            actor.state, state.load_deaths = "ready", 0
            self.actors[actor.pool] = sum(a.state == "ready" for a in state.actors)
            self._log("actor_ready", {"pool": actor.pool, "pid": actor.pid, "load_s": round(answer.seconds, 3)})

    def _settle(self) -> None:
        """Run what dead actors left behind; let an idle pool's actor go if another pool starves."""
        for state in self._pools.values():
            while state.again and self._place(state, state.again[0]):
                state.again.popleft()
            if state.again:
                self._grow(state)
        now = time.monotonic()
        starved = any(
            state.hungry and now - state.hungry_since > STARVED_S and all(a.state == "pending" for a in state.actors)
            for state in self._pools.values()
        )
        if not starved:
            return
        idle = [
            s
            for s in self._pools.values()
            if s.idle and now - s.used > 1.0 and any(a.state == "ready" for a in s.actors)
        ]
        if idle:
            state = min(idle, key=lambda s: s.used)
            actor = next(a for a in state.actors if a.state == "ready")
            self._log("actor_released", {"pool": actor.pool, "pid": actor.pid})
            self._kill(actor)
            self._remove(actor)

    # ---- time

    def _forgive(self, paused_s: float) -> None:
        """The driver was stopped (SIGSTOP, a sleeping laptop): nobody's deadline passed meanwhile."""
        if paused_s > 0:
            for actor in self._all():
                actor.forgive(paused_s)


@dataclass(frozen=True)
class _Dead:
    """The process is gone. final: another one would fare the same."""

    why: str
    out_of_memory: bool = False
    final: bool = False


@dataclass(frozen=True)
class _Lost:
    """The call ran but its result is gone with a node."""

    why: str
    final: bool = False


def _get(ref: Any) -> Any:
    """A reply, a process id, or what happened to the process."""
    from ray import exceptions, get

    try:
        answer = get(ref)
        return unpack_reply(answer) if isinstance(answer, bytes) else answer
    except exceptions.OutOfMemoryError as error:
        return _Dead(one_line(str(error)), out_of_memory=True)
    except (exceptions.RuntimeEnvSetupError, exceptions.ActorUnschedulableError) as error:
        return _Dead(one_line(str(error)), final=True)
    except (exceptions.RayActorError, exceptions.NodeDiedError) as error:
        return _death(str(error))
    except exceptions.RayTaskError as error:
        return CallReply(
            "error", error=one_line(f"error: {type(error.cause).__name__}: {error.cause}"), detail=str(error)
        )
    except exceptions.RayError as error:
        return _Lost(one_line(str(error)))


def _answer(ref: Any) -> float | None:
    """What an actor says to a question, if it does."""
    from ray import exceptions, get, wait

    try:
        return float(get(ref)) if wait([ref], timeout=0)[0] else None
    except exceptions.RayError:
        return None


def _death(text: str) -> _Dead:
    """From Ray's words about an actor that is no more. Those about one that could not be made are a traceback, and its
    last line is the reason: a module that this node does not have, most of the time."""
    if "creation task" in text:
        return _Dead(one_line(text.rstrip().rpartition("\n")[2]), final=True)
    killed_for_memory = "memory monitor" in text or "OOM killer due to the node" in text
    return _Dead(one_line(text.rpartition("The actor is dead because ")[2]), out_of_memory=killed_for_memory)
