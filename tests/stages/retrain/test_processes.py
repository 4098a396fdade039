"""What takes a minute: several processes as torchrun starts them, and the compiler."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from shards.store import open_store
from stages.retrain.job import read_training
from stages.retrain.run import retrain
from tests.stages.retrain import corpora
from tests.stages.retrain.test_run import losses

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
SCRIPT = """
import sys
from stages.retrain.run import retrain
from tests.stages.retrain import corpora
retrain(corpora.job(sys.argv[1], sys.argv[2], "two", batch=2, ema=0.9, generate_every=3, eval_every=3))
"""


def test_two_processes_of_torchrun_give_the_losses_of_one(corpus: str, checkpoint: Path, tmp_path: Path) -> None:
    """Each with half of every batch, and half of the held-out images."""
    one = retrain(corpora.job(corpus, checkpoint, "one", batch=4, ema=0.9, generate_every=3, eval_every=3))
    (tmp_path / "two.py").write_text(SCRIPT)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*command, str(tmp_path / "two.py"), corpus, str(checkpoint)],
        env=os.environ | {"PYTHONPATH": os.getcwd(), "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    two = read_training(open_store(corpus), 0, "two")
    assert two is not None
    assert (one.training.processes, two.processes) == (1, 2)
    lines = (Path(corpus) / "rounds/00/two/trainer/metrics.jsonl").read_text().splitlines()
    found = [event["loss"] for event in map(json.loads, lines) if "loss" in event]
    assert found == pytest.approx(losses(one), rel=1e-5)
    assert set(two.held_out_f1) == set(one.training.held_out_f1)
    for task, loss in one.training.held_out.items():
        assert two.held_out[task].after == pytest.approx(loss.after, rel=1e-4)


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler (g++) on the CPU")
def test_a_compiled_tower_gives_the_same_losses(corpus: str, checkpoint: Path) -> None:
    plain = retrain(corpora.job(corpus, checkpoint, "plain"))
    compiled = retrain(corpora.job(corpus, checkpoint, "compiled", compile=True, ema=0.9))
    assert losses(compiled) == pytest.approx(losses(plain), rel=1e-4)
