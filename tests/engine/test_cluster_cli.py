"""`fld run` on two Ray nodes, one of which is taken away in mid-run and comes back: the pool shrinks and grows, and the
corpus has the bytes of a run on one machine. And `fld plan` on the same two nodes.

Nodes are real raylets with stores of their own (`ray.cluster_utils`), on this machine. The cluster lives in a process
of its own (`python -m tests.engine.test_cluster_cli FOLDER`), as a process can be connected to one Ray only.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engine.commands import fld
from tests.engine.fake_specialists import save_pictures

pytestmark = [pytest.mark.ray, pytest.mark.timeout(900)]
REPOSITORY = Path(__file__).parents[2]
COUNT, ACTORS, WAIT_S = 240, 4, 0.4
HOLD = "hold"
"""As long as this file is there, no call ends."""
CONFIG = """
ingest: {shard_size: 12}
engine: {backend: local}
fuse: {calibrate: "off"}
annotators:
  boxes:
    role: detector
    specialist: {backend: custom, factory: "tests.engine.slow_detector:SlowDetector"}
    resources: {batch_size: 2, num_cpus: 1, min_actors: 1, max_actors: 4, timeout_s: 300}
"""


def happened(log: Path, event: str) -> int:
    """How often, as the log of the run says."""
    lines = log.read_text().splitlines() if log.exists() else []
    return sum(json.loads(line)["event"] == event for line in lines)


def until(is_so: Callable[[], bool], run: subprocess.Popen[bytes]) -> None:
    """Wait for it while the run goes on."""
    deadline = time.monotonic() + 200
    while not is_so():
        assert run.poll() is None, "the run ended too early"
        assert time.monotonic() < deadline
        time.sleep(0.1)


def main(folder: Path) -> None:
    """Plan and run over both nodes, remove one when all actors are at work, and give it back."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
    second = cluster.add_node(num_cpus=2)
    cluster.wait_for_nodes()
    rest = [
        "--config",
        f"{folder}/mine.yaml",
        "--set",
        "engine.backend=ray",
        "--set",
        f"engine.address={cluster.address}",
    ]
    fld_ = [sys.executable, "-m", "engine.cli"]
    asked = [*fld_, "plan", f"{folder}/photos", "--sample", "24", "--seconds", "4", *rest]
    planned = subprocess.run(asked, stdout=subprocess.PIPE, text=True, check=True)
    (folder / "plan.txt").write_text(planned.stdout)
    too_large = [*asked, "--set", "annotators.boxes.resources.num_cpus=3"]
    (folder / "refused.txt").write_text(
        subprocess.run(too_large, stderr=subprocess.PIPE, text=True, check=False).stderr
    )
    run = subprocess.Popen([*fld_, "run", f"{folder}/photos", f"{folder}/corpus", *rest])
    log = folder / "corpus/logs/run.jsonl"
    until(lambda: happened(log, "committed") >= 1, run)
    (folder / HOLD).touch()  # or a slow machine is done with the pictures before all actors are there
    until(lambda: happened(log, "actor_ready") >= ACTORS, run)
    (folder / HOLD).unlink()
    cluster.remove_node(second, allow_graceful=False)
    until(lambda: happened(log, "actor_died") >= 1, run)
    shrunk, done = happened(log, "actor_ready"), happened(log, "committed")
    until(lambda: happened(log, "committed") > done + 1, run)
    assert happened(log, "actor_ready") == shrunk  # there is no room for those that went
    (folder / HOLD).touch()  # likewise for the node that comes back
    cluster.add_node(num_cpus=2)
    until(lambda: happened(log, "actor_ready") >= shrunk + 1, run)
    (folder / HOLD).unlink()
    assert run.wait(300) == 0
    cluster.shutdown()  # type: ignore[no-untyped-call]


def units(corpus: Path) -> dict[str, bytes]:
    """All that a run makes of pictures."""
    paths = (path for name in ("images", "raw", "rounds") for path in (corpus / name).rglob("*") if path.is_file())
    return {str(path.relative_to(corpus)): path.read_bytes() for path in paths}


def test_a_run_goes_on_with_the_nodes_that_there_are_and_no_byte_is_another(tmp_path: Path) -> None:
    save_pictures(tmp_path / "photos", COUNT)
    (tmp_path / "mine.yaml").write_text(CONFIG)
    alone = tmp_path / "alone"
    assert fld("run", str(tmp_path / "photos"), str(alone), "--config", str(tmp_path / "mine.yaml")).code == 0
    more = {"RAY_raylet_start_wait_time_s": "300", "FLD_TEST_WAIT_S": str(WAIT_S), "PYTHONPATH": str(REPOSITORY)}
    more["FLD_TEST_HOLD"] = str(tmp_path / HOLD)
    done = subprocess.run(
        [sys.executable, "-m", "tests.engine.test_cluster_cli", str(tmp_path)],
        cwd=REPOSITORY,
        env=os.environ | more,
        capture_output=True,
        text=True,
        timeout=880,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert f"{COUNT} images read = {COUNT} kept + 0 dropped + 0 failed" in " ".join(done.stderr.split())
    assert units(tmp_path / "corpus") == units(alone)
    planned = " ".join((tmp_path / "plan.txt").read_text().split())
    assert f"{COUNT} images on 4 CPUs of 2 nodes of the cluster" in planned
    assert re.search(r"boxes [\d.]+ \d+ 0 of \d+ [\d,]+ MB [\d.]+ s 4 ", planned), planned
    refused = " ".join((tmp_path / "refused.txt").read_text().split())
    assert "boxes: it asks for num_cpus=3, num_gpus=0, memory_mb=None; the largest node has 2 CPUs" in refused


if __name__ == "__main__":
    main(Path(sys.argv[1]))
