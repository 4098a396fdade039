"""`fld ingest` over two Ray nodes: its driver is killed, then one node goes; the corpus is that of one machine.

The cluster lives in a process of its own (`python -m tests.engine.test_ray_ingest`), which says its address and takes
the second node away when it is asked to.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from engine.config.settings import EngineSettings
from engine.runtime.backend import StartError
from engine.runtime.ray_ingest import node_writers
from shards.store import LocalStore
from stages.ingest.entry import Entry
from stages.ingest.frames import ShardJob
from stages.ingest.ingest import ingest as ingest_with_writers
from stages.ingest.shard_writers import PlannedShard
from tests.stages.ingest.broken import encoded, picture
from tests.stages.ingest.corpora import contents, ingest, settings, write_list, write_pictures
from tests.stages.ingest.servers import bad_server

ROOT = Path(__file__).parents[2]
COUNT, SIZE = 48, 4
CONFIG = """
extends: embedded
ingest: {shard_size: 4, workers: 2, failure_budget: 1, fetch: {allow_private: true, retries: 0}}
"""


def main() -> None:
    """Two nodes of one CPU each, until the input ends."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    second = cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    sys.stdout.write(f"{cluster.address}\n")
    sys.stdout.flush()
    if sys.stdin.readline():
        cluster.remove_node(second, allow_graceful=False)
        sys.stdin.readline()
    cluster.shutdown()  # type: ignore[no-untyped-call]


@contextmanager
def cluster() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.engine.test_ray_ingest"],
        cwd=ROOT,
        env=os.environ | {"RAY_raylet_start_wait_time_s": "300"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def wait_for(happened: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 300
    while not happened():
        assert process.poll() is None, log.read_text()[-2000:]
        assert time.monotonic() < deadline, "waited for 300 s"
        time.sleep(0.01)


@pytest.mark.ray
@pytest.mark.timeout(900)
def test_killed_and_with_a_node_less_the_corpus_is_the_same(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    (tmp_path / "mine.yaml").write_text(CONFIG)
    files = {f"/{number:02d}.jpg": encoded(picture(number), "JPEG") for number in range(COUNT - 1)}

    def shards() -> int:
        return len(list(corpus.glob("images/manifest/*.json")))

    with bad_server(files, wait_s=0.1) as server, cluster() as nodes:
        urls = [f"{server.url}/{number:02d}.jpg" for number in range(COUNT)]  # the last one is not there
        listed = write_list(tmp_path / "list.txt", *urls)
        ingest(LocalStore(tmp_path / "expected"), [listed], settings(fetch={"allow_private": True, "retries": 0}))
        assert nodes.stdout is not None
        assert nodes.stdin is not None
        env = os.environ | {"RAY_ADDRESS": nodes.stdout.readline().strip(), "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "engine.cli", "ingest", listed, str(corpus), "--config", "mine.yaml"]
        for act in ("kill", "lose a node"):
            with (tmp_path / "log").open("w") as log:
                driver = subprocess.Popen(command, cwd=tmp_path, env=env, stdout=log, stderr=log)
                before = shards()
                wait_for(lambda: shards() >= before + 3, driver, tmp_path / "log")  # noqa: B023
                if act == "kill":
                    driver.send_signal(signal.SIGKILL)
                    assert driver.wait() == -signal.SIGKILL
                    continue
                nodes.stdin.write("remove\n")
                nodes.stdin.flush()
                assert driver.wait(300) == 0, (tmp_path / "log").read_text()
    assert shards() == COUNT // SIZE
    said = (tmp_path / "log").read_text()
    assert f"{COUNT} images = {COUNT - 1} kept + 1 failed" in said
    assert "ingest_actor_lost" in (corpus / "logs/run.jsonl").read_text()
    assert contents(corpus / "images") == contents(tmp_path / "expected/images")


def test_nodes_are_asked_where_a_cluster_is_named_and_for_what_they_can_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)

    def suiting(backend: str, engine: EngineSettings) -> list[str] | None:
        shards = [
            PlannedShard(place, partial(ShardJob, place, [Entry(place, place, place)], False))
            for place in ("https://a/b.jpg", "/a/b.jpg")
        ]
        writers = node_writers(LocalStore(tmp_path), settings(backend=backend), [], engine, lambda *_: None)
        return [planned.shard for planned in writers[0].suits(shards)] if writers else None

    here, there = EngineSettings(), EngineSettings(address="10.0.0.1:6379")
    assert suiting("auto", here) is None
    assert suiting("auto", EngineSettings(backend="local", address="10.0.0.1:6379")) is None
    assert suiting("auto", there) == ["https://a/b.jpg"]
    assert suiting("processes", there) is None
    assert suiting("ray", here) == ["https://a/b.jpg", "/a/b.jpg"]
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    assert suiting("auto", here) == ["https://a/b.jpg"]


class Unseen(LocalStore):
    """A folder that other processes do not see."""

    def __reduce__(self) -> tuple[type[LocalStore], tuple[str]]:
        return LocalStore, (f"{self.url}-elsewhere",)


@pytest.mark.ray
@pytest.mark.timeout(600)
def test_a_node_that_does_not_see_the_corpus_ends_the_command(tmp_path: Path, ray_here: None) -> None:
    photos = write_pictures(tmp_path / "photos", 4)
    store, wanted = Unseen(tmp_path / "corpus"), settings(backend="ray")
    writers = node_writers(store, wanted, [], EngineSettings(), lambda *_: None)
    with pytest.raises(StartError, match=r"node \S+ does not see the corpus .*corpus: put it where all nodes see it"):
        ingest_with_writers(store, [str(photos)], wanted, writers=writers)


if __name__ == "__main__":
    main()
