"""What an actor can do to a run: die, hang, be killed, run out of memory. All with real processes."""

import os
import signal
import threading
import time
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from engine.config.settings import EngineSettings
from engine.runtime.annotate import annotate
from engine.runtime.backend import StartError
from engine.runtime.call import Call, Outcome, pack_rows
from engine.runtime.column import Column, pools
from engine.runtime.progress import ColumnProgress, Silent
from engine.runtime.ray_actors import Actor
from engine.runtime.ray_backend import RayBackend
from shards.finding import Finding
from shards.images import read_image_rows
from shards.raw import RawRow, read_raw
from shards.store import LocalStore
from stages.annotate.resources import Resources
from stages.stage import Item
from tests.engine.fakes import FakeStage, column, fill, raw_files

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("ray_here")]
RAY = EngineSettings(backend="ray")


class Events(Silent):
    """Keeps what is logged."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, dict[str, object]]] = []

    def log(self, event: str, fields: Mapping[str, object]) -> None:
        """Keep it."""
        self.seen.append((event, dict(fields)))

    def of(self, event: str, column: str = "") -> list[dict[str, object]]:
        """The fields of such events, of one column if given."""
        return [fields for name, fields in self.seen if name == event and column in ("", fields.get("column"))]


class Killer(Events):
    """Kills an actor that is at work, five times, whenever its replacement has done some more images. Somebody who
    killed it again and again at once could not be told from an image that does."""

    def __init__(self) -> None:
        super().__init__()
        self.killed: list[int] = []
        self._next = 4
        self._ready: list[int] = []

    def log(self, event: str, fields: Mapping[str, object]) -> None:
        """A new actor is a new victim."""
        super().log(event, fields)
        if event == "actor_ready":
            self._ready.append(int(str(fields["pid"])))

    def update(self, columns: list[ColumnProgress]) -> None:
        """Kill while calls are running."""
        if self._ready and len(self.killed) < 5 and columns[0].images_done >= self._next:
            self._next = columns[0].images_done + 8
            pid = self._ready.pop()
            threading.Timer(0.05, os.kill, (pid, signal.SIGKILL)).start()
            self.killed.append(pid)


def rows(store: LocalStore, name: str) -> dict[str, RawRow]:
    return {row.key: row for row in read_raw(store, name, "f0", "000000")}


def test_poison_images_that_end_or_hang_their_process_are_found_and_the_rest_is_untouched(tmp_path: Path) -> None:
    """Three annotators at once, each with its own kind of poison; batches of 4, so at most 2 + log2(4) = 4 deaths.

    One call in flight: with more, the answer of a call that ended just before the process did may be lost with it, and
    the wrong call is suspected first, which costs one more death."""
    clean, store = LocalStore(tmp_path / "clean"), LocalStore(tmp_path / "poisoned")
    for one in (clean, store):
        fill(one, 1, 12)
    resources = Resources(batch_size=4, timeout_s=60.0, num_cpus=0.5, in_flight=1)
    hasty = Resources(batch_size=4, timeout_s=10.0, num_cpus=0.5, in_flight=1)

    def columns(poisoned: bool) -> list[Column]:
        return [
            column("os_exit", FakeStage(faults={"k0005": "os_exit"} if poisoned else {}), resources=resources),
            column("segfault", FakeStage(faults={"k0000": "segfault"} if poisoned else {}), resources=resources),
            column("hang", FakeStage(faults={"k0011": "hang"} if poisoned else {}), resources=hasty),
        ]

    annotate(clean, columns(False), {}, EngineSettings(backend="local"), Silent())
    events = Events()
    report = annotate(store, columns(True), {}, RAY, events)
    assert sorted((lost.column, lost.key, lost.error) for lost in report.quarantined) == [
        ("hang", "k0011", "timeout: no answer in 10 s"),
        ("os_exit", "k0005", "death: the process of the annotator ended"),
        ("segfault", "k0000", "death: the process of the annotator ended"),
    ]
    for lost in report.quarantined:
        good = rows(clean, lost.column)
        good[lost.key] = RawRow(lost.key, "failed", lost.error)
        assert rows(store, lost.column) == good
    assert len(events.of("actor_died", "os_exit")) <= 4
    assert len(events.of("actor_died", "segfault")) <= 5  # the first image is tried alone before its batch (pace.py)
    assert len(events.of("actor_killed", "hang")) <= 3  # deadlines: 1 + log2(4)


def test_an_actor_killed_from_outside_five_times_costs_nothing(tmp_path: Path) -> None:
    clean, store = LocalStore(tmp_path / "clean"), LocalStore(tmp_path / "killed")
    for one in (clean, store):
        fill(one, 2, 40)
    annotate(clean, [column("a")], {}, EngineSettings(backend="local"), Silent())
    killer = Killer()
    slow = column("a", FakeStage(delay_s=0.05), resources=Resources(batch_size=4, num_cpus=0.5))
    report = annotate(store, [slow], {}, RAY, killer)
    assert len(killer.killed) == 5
    assert [fields["pid"] for fields in killer.of("actor_died")] == killer.killed
    assert report.quarantined == []
    assert raw_files(tmp_path / "killed") == raw_files(tmp_path / "clean")


def test_pools_grow_while_batches_wait_and_give_the_same_files(tmp_path: Path) -> None:
    clean, store = LocalStore(tmp_path / "clean"), LocalStore(tmp_path / "ray")
    for one in (clean, store):
        fill(one, 4, 30)
    together = Resources(batch_size=4, group="g", num_cpus=0.5, max_actors=2)

    def columns(delay_s: float) -> list[Column]:
        slow = FakeStage(delay_s=delay_s, max_batch=2)
        return [
            column("a", slow, resources=together),
            column("b", FakeStage(faults={"k0007": "raise"}), resources=together),
            column("c", needs=["a", "b"], resources=Resources(batch_size=7, num_cpus=0.5)),
        ]

    annotate(clean, columns(0.0), {}, EngineSettings(backend="local"), Silent())
    events = Events()
    annotate(store, columns(0.02), {}, RAY, events)
    assert len([fields for fields in events.of("actor_ready") if fields["pool"] == "group g"]) == 2
    assert raw_files(tmp_path / "ray") == raw_files(tmp_path / "clean")


def test_an_idle_pool_gives_way_to_one_that_cannot_start(tmp_path: Path) -> None:
    """Both want five of the eight CPUs, as two models may both want the only GPU."""
    store = LocalStore(tmp_path)
    fill(store, 2, 8)
    large = Resources(batch_size=4, num_cpus=5)
    events = Events()
    report = annotate(store, [column("a", resources=large), column("b", needs=["a"], resources=large)], {}, RAY, events)
    assert report.units_run == 4
    assert {fields["pool"] for fields in events.of("actor_released")} == {"a"}


class OnlyHere(FakeStage):
    """A stage whose module no node has."""

    def __reduce__(self) -> tuple[Any, ...]:
        return import_module, ("only_here",)


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        (FakeStage(load_error="missing"), "^annotator a: detector needs weights nobody.pt: run `fld doctor`$"),
        (FakeStage(load_error="exit"), "annotator a: its process ended while it was starting: "),
        (OnlyHere(), "annotator a: its process ended while it was starting: .*: No module named 'only_here'$"),
    ],
    ids=["missing", "exit", "unknown"],
)
def test_a_stage_that_cannot_be_loaded_ends_the_run(tmp_path: Path, stage: FakeStage, message: str) -> None:
    store = LocalStore(tmp_path)
    fill(store, 1, 4)
    start = time.monotonic()
    with pytest.raises(StartError, match=message):
        annotate(store, [column("a", stage, resources=Resources(num_cpus=0.5))], {}, RAY, Silent())
    assert time.monotonic() - start < 120


def _sleep() -> None:
    time.sleep(600)


class _LosesResults:
    """The handle of an actor whose every result is lost: instead of it Ray raises one of its own errors."""

    def __init__(self) -> None:
        self.run = self
        self.calls = 0

    def remote(self, call: Call, turn: int) -> object:
        """What Ray returns at once."""
        import ray

        del call, turn
        self.calls += 1
        task: Any = ray.remote(num_cpus=0)(_sleep)
        ref = task.remote()
        ray.cancel(ref)
        return ref


class Busy(FakeStage):
    """Works for three seconds."""

    def run(self, items: list[Item]) -> list[list[Finding]]:
        until = time.process_time() + 3
        while time.process_time() < until:
            pass
        return super().run(items)


@pytest.mark.parametrize(("stage", "kind"), [(Busy(), "ok"), (FakeStage(faults={"k0000": "hang"}), "timeout")])
def test_a_call_that_works_is_left_to_it_and_one_that_hangs_is_ended(
    tmp_path: Path, stage: FakeStage, kind: str
) -> None:
    store = LocalStore(tmp_path)
    fill(store, 1, 1)
    [row] = read_image_rows(store, "000000")
    backend = RayBackend(store, RAY, Events().log)
    pool = pools([column("a", stage, resources=Resources(num_cpus=0.1))])[0]
    backend.open(pool)
    call = Call(1, pool.name, "a", "000000", (0,), pack_rows([row]), {}, 1.0, longest_s=600.0)
    outcomes: list[Outcome] = []
    try:
        deadline = time.monotonic() + 120
        while not backend.submit(call) and time.monotonic() < deadline:
            backend.wait(0.5)
        while not outcomes and time.monotonic() < deadline:
            outcomes = backend.wait(0.5)
    finally:
        backend.close()
    assert [outcome.kind for outcome in outcomes] == [kind]


def test_a_result_that_is_lost_each_time_is_not_asked_for_for_ever(tmp_path: Path) -> None:
    """As where it is larger than the object store: the batch is halved, as for any lack of memory."""
    events = Events()
    backend = RayBackend(LocalStore(tmp_path), RAY, events.log)
    pool = pools([column("a", FakeStage(), resources=Resources(num_cpus=0.1))])[0]
    backend.open(pool)
    call = Call(1, pool.name, "a", "000000", (0,), b"", {}, 60.0)
    try:
        backend.submit(call)  # starts the actors of the pool: ours takes their place
        loser = _LosesResults()
        actor = Actor(loser, pool.name, None, None, "ready")
        backend._pools[pool.name].actors[:] = [actor]
        assert backend.submit(call)
        outcomes: list[Outcome] = []
        deadline = time.monotonic() + 60
        while not outcomes and time.monotonic() < deadline:
            outcomes = backend.wait(1.0)
        backend._pools[pool.name].actors.clear()
    finally:
        backend.close()
    assert [(outcome.kind, outcome.error) for outcome in outcomes] == [("oom", "oom: Ray lost the result 3 times")]
    assert loser.calls == len(events.of("result_lost")) == 3
