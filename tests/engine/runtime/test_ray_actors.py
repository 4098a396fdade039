"""What an actor does with calls that Ray hands it in several threads. No Ray here."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from engine.runtime.call import pack_call, pack_rows, unpack_reply, unpack_rows
from engine.runtime.column import ActorPool
from engine.runtime.ray_actors import ActorBody, ray_options
from shards.finding import Finding
from stages.annotate.resources import Resources
from stages.stage import Item
from tests.engine.fakes import FakeStage, column, fill
from tests.engine.runtime.test_worker import CountingStore, call


class Noting(FakeStage):
    """Notes the thread of everything, and runs a call only when both have been read."""

    def __init__(self, store: CountingStore) -> None:
        super().__init__()
        self.threads: set[int] = set()
        self.sizes: list[int] = []
        self._store = store

    def load(self) -> None:
        super().load()
        self.threads.add(threading.get_ident())

    def run(self, items: list[Item]) -> list[list[Finding]]:
        until = time.monotonic() + 10
        while self._store.reads < 5 and time.monotonic() < until:
            time.sleep(0.01)
        self.threads.add(threading.get_ident())
        self.sizes.append(len(items))
        return super().run(items)


def test_calls_run_in_the_order_in_which_they_were_sent_and_in_one_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.setenv(name, "1")  # the actor sets them for its process
    store = CountingStore(tmp_path)
    fill(store, 2, 4)
    stage = Noting(store)
    actor = ActorBody(store, ActorPool("p", (column("a", stage),), Resources()), 2, 0)
    assert actor.load().kind == "ok"
    whole = call(store)
    part = replace(whole, id=1, positions=whole.positions[:1], rows=pack_rows(unpack_rows(whole.rows)[:1]))
    store.reads = 0
    with ThreadPoolExecutor(2) as threads:
        later = threads.submit(actor.run, pack_call(part), 1)
        time.sleep(0.2)  # it is there first, and must wait
        earlier = threads.submit(actor.run, pack_call(whole), 0)
        assert unpack_reply(earlier.result(timeout=30)).kind == "ok"
        later.result(timeout=30)
    assert stage.sizes == [4, 1]
    assert len(stage.threads) == 1
    assert threading.get_ident() not in stage.threads


def test_an_actor_takes_as_many_calls_at_once_as_are_queued_on_it() -> None:
    assert ray_options(Resources(in_flight=3))["max_concurrency"] == 4


class Working(FakeStage):
    """Computes for a fifth of a second of CPU, then waits to be let go."""

    def __init__(self) -> None:
        super().__init__()
        self.done, self.free = threading.Event(), threading.Event()

    def run(self, items: list[Item]) -> list[list[Finding]]:
        until = time.thread_time() + 0.2
        while time.thread_time() < until:
            pass
        self.done.set()
        self.free.wait(30)
        return super().run(items)


def test_an_actor_says_while_a_call_runs_what_its_stages_have_used_since_they_were_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.setenv(name, "1")
    store, stage = CountingStore(tmp_path), Working()
    fill(store, 2, 4)
    actor = ActorBody(store, ActorPool("p", (column("a", stage),), Resources()), 2, 0)
    assert actor.load().kind == "ok"
    with ThreadPoolExecutor(1) as threads:
        reply = threads.submit(actor.run, pack_call(call(store)), 0)
        assert stage.done.wait(30)
        first, second = actor.worked(), actor.worked()
        stage.free.set()
        assert unpack_reply(reply.result(timeout=30)).kind == "ok"
    assert first >= 0.2
    assert second < 0.05, "it only waited since"
