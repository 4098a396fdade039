"""The driver is killed with SIGKILL and started again: nothing is lost, doubled or different.

Every run is a process of its own (a fork server keeps the imports). With the local backend stages, scheduler and writer
are in that process, so that a kill can hit any of them; tests/engine/test_ray_faults.py does the same with actors.
"""

import multiprocessing
import os
import random
import signal
import time
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest

from engine.config.settings import EngineSettings
from engine.runtime.annotate import annotate
from engine.runtime.column import Column
from engine.runtime.lock import corpus_lock
from engine.runtime.progress import Silent
from shards.store import LocalStore, remove_leftovers
from tests.engine.fakes import FakeStage, column, fill, raw_files

SHARDS, IMAGES = 6, 12
IN_FLIGHT = 2
SETTINGS = EngineSettings(backend="local", shards_in_flight=IN_FLIGHT)


class KillAt:
    """An fsync that the process does not survive the n-th time."""

    def __init__(self, call: int) -> None:
        self.left = call

    def __call__(self, descriptor: int) -> None:
        """Count, sync, die."""
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        os.fsync(descriptor)


def columns(calls: Path, delay_s: float = 0.0) -> list[Column]:
    faulty = FakeStage(faults={"k0030": "raise"}, calls=str(calls), delay_s=delay_s)
    return [column("a", faulty), column("b", FakeStage(calls=str(calls), delay_s=delay_s), needs=["a"])]


def drive(store: LocalStore, calls: Path, delay_s: float = 0.0) -> None:
    """One driver, as the command runs it."""
    with corpus_lock(store, "test"):
        remove_leftovers(store)
        annotate(store, columns(calls, delay_s), {}, SETTINGS, Silent())


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    """New processes fork from one that has everything imported: 10 ms instead of seconds."""
    context = multiprocessing.get_context("forkserver")
    # pyarrow imports pandas with its first array, if it is there
    modules = ["tests.engine.test_kill", "pyarrow.parquet", "pandas", "filelock", "PIL.PngImagePlugin"]
    context.set_forkserver_preload(modules)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))  # the fork server of 3.11 ignores sys.path
        context.Process(target=time.time).start()
    return context


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    root = tmp_path_factory.mktemp("uninterrupted")
    store = LocalStore(root)
    fill(store, SHARDS, IMAGES)
    drive(store, root / "calls")
    return raw_files(root)


def run_images(calls: Path) -> int:
    return len(calls.read_text().split()) if calls.exists() else 0


def test_killed_inside_fsync_at_every_fifth_one(
    tmp_path: Path, processes: ForkServerContext, uninterrupted: dict[str, bytes]
) -> None:
    store = LocalStore(tmp_path)
    fill(store, SHARDS, IMAGES)
    died = 0
    for point in range(1, 150, 5):
        process = processes.Process(target=drive, args=(LocalStore(tmp_path, sync=KillAt(point)), tmp_path / "calls"))
        process.start()
        process.join(60)
        if process.exitcode == 0:
            break
        assert process.exitcode == -signal.SIGKILL
        died += 1
    assert died >= 5
    drive(store, tmp_path / "calls")
    assert raw_files(tmp_path) == uninterrupted


def test_killed_at_twenty_random_moments(
    tmp_path: Path, processes: ForkServerContext, uninterrupted: dict[str, bytes]
) -> None:
    store = LocalStore(tmp_path)
    fill(store, SHARDS, IMAGES)
    calls = tmp_path / "calls"
    random_ = random.Random(7)
    total = 2 * SHARDS * IMAGES
    worst = 0
    for _ in range(20):
        before = run_images(calls)
        process = processes.Process(target=drive, args=(store, calls, 0.001))
        process.start()
        while process.exitcode is None and run_images(calls) == before:
            time.sleep(0.002)
        time.sleep(random_.uniform(0, 0.05))
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join(60)
        committed = len(list(tmp_path.glob("raw/*/manifest/*.json"))) * IMAGES
        worst = max(worst, run_images(calls) - committed)
        if committed == total:
            (tmp_path / "raw").rename(tmp_path / f"done-{time.monotonic_ns()}")
            calls.unlink()
    drive(store, calls)
    assert raw_files(tmp_path) == uninterrupted
    assert not list(tmp_path.rglob("*.part"))
    # each kill costs at most the units that were open: two shards of two columns (and the bisection of one bad batch)
    assert worst <= 20 * (IN_FLIGHT * 2 * IMAGES + 8)
