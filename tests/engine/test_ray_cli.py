"""`fld run` under Ray as a process of its own: ended by signals, killed while Ray starts, and two at a time."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import psutil
import pytest

from tests.engine.commands import fld
from tests.engine.fake_specialists import save_pictures
from tests.engine.harmful import VICTIM

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]
CONFIG = """
ingest: {shard_size: 4}
engine: {backend: ray}
fuse: {calibrate: "off"}
annotators:
  boxes:
    role: detector
    specialist: {backend: custom, factory: "tests.engine.slow_detector:SlowDetector"}
    resources: {batch_size: 2, num_cpus: 0.5}
"""
COUNT = 12
OURS = re.compile(
    r"(ingest|boxes|whole run|annotate|rounds/00|Look at it): |  duplicates: |annotation  |image   |region   "
)
"""How every line begins that `fld run` prints with this detector."""
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def temp() -> Iterator[Path]:
    """Where Ray keeps its sessions: a short name, for those of its sockets."""
    folder = Path(tempfile.mkdtemp(prefix="fld", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Pictures and a profile."""
    save_pictures(tmp_path / "photos", COUNT)
    (tmp_path / "mine.yaml").write_text(CONFIG)
    return tmp_path


def started(
    project: Path, corpus: str, temp: Path, wait_s: float = 0.0, more: Mapping[str, str] = MappingProxyType({})
) -> subprocess.Popen[str]:
    """`fld run` of the project's pictures. wait_s: what the detector takes for every call. more: environment."""
    command = [sys.executable, "-m", "engine.cli", "run", "photos", corpus, "--config", "mine.yaml"]
    paths = {"RAY_TMPDIR": str(temp), "PYTHONPATH": str(REPOSITORY)}
    env = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    return subprocess.Popen(
        command,
        cwd=project,
        env=env | paths | {"FLD_TEST_WAIT_S": str(wait_s), **more},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_for(happened: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Until it has happened; what the process said where it ended before."""
    deadline = time.monotonic() + 120
    while not happened():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline, "waited for 120 s"
        time.sleep(0.02)


def left_in(temp: Path) -> list[str]:
    """Sessions of Ray and marks of ours."""
    return sorted(path.name for path in [*temp.glob("ray/session_2*"), *temp.glob("*.lock")])


@pytest.mark.parametrize("how", [signal.SIGTERM, pytest.param(signal.SIGHUP, marks=pytest.mark.slow)])
def test_a_signal_ends_a_run_with_its_lock_released_and_nothing_of_ray_left(
    project: Path, temp: Path, how: signal.Signals
) -> None:
    corpus = project / "corpus"
    with started(project, "corpus", temp, 0.5) as process:
        wait_for(lambda: any(corpus.glob("raw/*/manifest/*.json")), process)
        process.send_signal(how)
        said = process.communicate(timeout=60)[0]
    assert process.returncode == 128 + how, said
    assert f"Stopped by {how.name}. What was finished is kept" in said
    assert left_in(temp) == []
    again = fld("run", str(project / "photos"), str(corpus), "--set", "engine.backend=local")
    assert again.code == 0, again.said  # nobody holds the lock
    assert f"{COUNT} kept" in " ".join(again.said.split())


def test_a_run_that_is_killed_while_ray_starts_leaves_nothing_for_the_next(project: Path, temp: Path) -> None:
    with started(project, "corpus", temp) as process:
        wait_for(lambda: any(temp.glob("ray/session_2*")), process)
        process.kill()
        process.communicate()
    assert len(left_in(temp)) == 2
    with started(project, "corpus", temp) as process:
        said = process.communicate(timeout=200)[0]
    assert process.returncode == 0, said
    assert left_in(temp) == []
    assert [line for line in said.splitlines() if not OURS.match(line)] == [], "what Ray says stays in its log"


@pytest.mark.slow
def test_two_runs_at_a_time_on_one_machine_and_a_third_on_the_corpus_of_the_first(project: Path, temp: Path) -> None:
    with started(project, "one", temp, 0.5) as first, started(project, "two", temp, 0.2) as second:
        wait_for(lambda: any((project / "one").glob("raw/*/manifest/*.json")), first)
        with started(project, "one", temp) as third:
            refused = third.communicate(timeout=60)[0]
        said = [process.communicate(timeout=200)[0] for process in (first, second)]
    assert third.returncode == 4, refused
    assert "in use" in refused
    assert len(refused.strip().splitlines()) <= 3, refused
    for process, text in zip((first, second), said, strict=True):
        assert process.returncode == 0, text
        assert f"{COUNT} kept" in " ".join(text.split())
    assert left_in(temp) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("harm", "words"),
    [
        ("hang", "no answer in 5 s"),
        ("segfault", "process of the annotator ended"),
        ("hungry", "killed for its memory"),
    ],
)
def test_a_detector_that_harms_its_process_costs_one_picture_and_ends_with_3_over_the_budget(
    project: Path, temp: Path, harm: str, words: str
) -> None:
    """hungry: the detector takes memory until Ray's own monitor kills it, at 1 GB more than is taken now."""
    (project / "harm").write_text(harm)
    detector = f'"tests.engine.harmful:HarmfulDetector", options: {{harm: {project / "harm"}}}'
    config = CONFIG.replace('"tests.engine.slow_detector:SlowDetector"', detector)
    (project / "mine.yaml").write_text(config.replace("batch_size: 2", "batch_size: 2, timeout_s: 5"))
    memory = psutil.virtual_memory()
    share = (memory.total - memory.available + (1 << 30)) / memory.total
    limit = {"RAY_memory_usage_threshold": f"{share:.3f}", "RAY_memory_monitor_refresh_ms": "100"}
    limit = limit if harm == "hungry" else {}
    with started(project, "corpus", temp, more=limit) as process:
        said = " ".join(process.communicate(timeout=300)[0].split())
    assert process.returncode == 0, said  # one failure is within the budget
    assert f"{COUNT} images read = {COUNT - 1} kept + 0 dropped + 1 failed" in said
    status = " ".join(fld("status", str(project / "corpus")).said.split())
    assert f"p{VICTIM:03d}" in status
    assert words in status
    (project / "mine.yaml").write_text(
        config.replace("backend: ray", "backend: ray, failure_budget: 0, failure_floor: 0")
    )
    with started(project, "strict", temp, more=limit) as process:
        said = process.communicate(timeout=300)[0]
    assert process.returncode == 3, said
    assert "Traceback" not in said
    assert left_in(temp) == []
