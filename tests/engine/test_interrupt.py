"""Ctrl-C and a killed driver, with real Ray actors: what was committed stays, and no process is left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from engine.config.settings import EngineSettings
from engine.runtime.annotate import annotate
from engine.runtime.column import Column
from engine.runtime.lock import corpus_lock
from engine.runtime.progress import Silent
from shards.store import LocalStore, remove_leftovers
from stages.annotate.resources import Resources
from tests.engine.fakes import FakeStage, column, fill, raw_files

SHARDS = 8


def columns(delay_s: float) -> list[Column]:
    return [column("a", FakeStage(delay_s=delay_s), resources=Resources(batch_size=4, num_cpus=0.5, max_actors=2))]


def drive(corpus: str, backend: str, delay_s: float) -> None:
    """One driver, with the lock and the cleaning-up of the command."""
    store = LocalStore(corpus)
    with corpus_lock(store, "test"):
        remove_leftovers(store)
        settings = EngineSettings.model_validate({"backend": backend, "shards_in_flight": 2})
        annotate(store, columns(delay_s), {}, settings, Silent())


def processes_of(session: str) -> list[psutil.Process]:
    """What runs with this text in its environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("FLD_TEST_RUN") == session and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.mark.ray
@pytest.mark.timeout(900)
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-c", "kill"])
def test_an_ended_driver_leaves_finished_units_and_no_processes(tmp_path: Path, how: signal.Signals) -> None:
    clean, corpus = tmp_path / "clean", tmp_path / "corpus"
    for folder in (clean, corpus):
        fill(LocalStore(folder), SHARDS, 12)
    drive(str(clean), "local", 0.0)
    mark = f"{os.getpid()}-{how.name}"
    # a shell without job control starts background jobs, and so these tests, with SIGINT ignored
    heard = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    code = f"{heard}; from tests.engine.test_interrupt import drive; drive({str(corpus)!r}, 'ray', 0.1)"
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        env=os.environ | {"FLD_TEST_RUN": mark},
        stderr=subprocess.PIPE,
        text=True,
    ) as driver:
        while driver.poll() is None and not list(corpus.glob("raw/*/manifest/*.json")):
            time.sleep(0.05)
        driver.send_signal(how)
        errors = driver.communicate(timeout=120)[1]
    assert driver.returncode == -how, errors
    deadline = time.monotonic() + 120
    while processes_of(mark) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert processes_of(mark) == []
    done = set(raw_files(corpus))
    assert 0 < len([name for name in done if "manifest" in name]) < SHARDS
    drive(str(corpus), "local", 0.0)
    assert raw_files(corpus) == raw_files(clean)
