"""Two Ray nodes, one of which is taken away in the middle of a run.

The cluster and its driver live in a process of their own (`python -m tests.engine.test_cluster CORPUS`), because a
process can be connected to one Ray only, and the other tests share theirs.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.config.settings import EngineSettings
from engine.runtime.annotate import annotate
from engine.runtime.column import Column
from engine.runtime.progress import ColumnProgress, Silent
from shards.store import LocalStore
from stages.annotate.resources import Resources
from tests.engine.fakes import FakeStage, column, fill, raw_files


def columns(delay_s: float) -> list[Column]:
    resources = Resources(batch_size=4, num_cpus=1, min_actors=4, max_actors=4)
    return [column("a", FakeStage(delay_s=delay_s), resources=resources)]


def main(corpus: str) -> None:
    """The driver: annotate on two nodes with two actors each; remove one node after a quarter of the images."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
    second = cluster.add_node(num_cpus=2)
    cluster.wait_for_nodes()

    class RemoveNode(Silent):
        removed = False

        def update(self, columns: list[ColumnProgress]) -> None:
            [state] = columns
            if not self.removed and state.actors == 4 and state.images_done * 4 >= state.images_total:
                self.removed = True
                cluster.remove_node(second, allow_graceful=False)

    remover = RemoveNode()
    settings = EngineSettings(backend="ray", address=cluster.address)
    report = annotate(LocalStore(corpus), columns(0.05), {}, settings, remover)
    assert remover.removed
    assert report.quarantined == []
    cluster.shutdown()  # type: ignore[no-untyped-call]


@pytest.mark.ray
@pytest.mark.timeout(900)
def test_losing_a_node_loses_no_image(tmp_path: Path) -> None:
    clean, store = LocalStore(tmp_path / "clean"), LocalStore(tmp_path / "cluster")
    for one in (clean, store):
        fill(one, 4, 80)
    annotate(clean, columns(0.0), {}, EngineSettings(backend="local"), Silent())
    done = subprocess.run(
        [sys.executable, "-m", "tests.engine.test_cluster", str(tmp_path / "cluster")],
        cwd=Path(__file__).parents[2],
        env=os.environ | {"RAY_raylet_start_wait_time_s": "300"},
        capture_output=True,
        text=True,
        timeout=880,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert raw_files(tmp_path / "cluster") == raw_files(tmp_path / "clean")


if __name__ == "__main__":
    main(sys.argv[1])
