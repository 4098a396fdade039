"""What cannot be trained is refused before anything is written, with words that help."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from shards.errors import ModelError
from stages.retrain.data import RetrainError
from stages.retrain.model import check_sharding
from stages.retrain.run import retrain
from stages.retrain.settings import RetrainSettings
from tests.stages.retrain import corpora

HIDDEN = """
import sys

class Without:
    '''A finder that does not find one package.'''
    def __init__(self, finder):
        self.finder, self.name = finder, ""
    def find_spec(self, name, *where):
        return None if name.partition(".")[0] == self.name else self.finder.find_spec(name, *where)

finders = sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]

from specialists.roles import MissingRequirementError
from stages.retrain.run import retrain
from tests.stages.retrain import corpora

for package in sys.argv[3:]:
    for finder in finders:
        finder.name = package
    try:
        retrain(corpora.job(sys.argv[1], sys.argv[2]))
    except MissingRequirementError as error:
        print(error)
"""


def test_a_missing_package_is_named_with_the_command_that_brings_it(
    corpus: str, checkpoint: Path, tmp_path: Path
) -> None:
    """In a process that really does not find it."""
    (tmp_path / "hidden.py").write_text(HIDDEN)
    packages = ["accelerate", "tensorboard", "peft"]
    done = subprocess.run(
        [sys.executable, str(tmp_path / "hidden.py"), corpus, str(checkpoint), *packages],
        env=os.environ | {"PYTHONPATH": os.getcwd()}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    command = "which is not installed: pip install 'fld-engine[train]'"
    assert done.stdout.splitlines() == [f"fld retrain needs the package {name}, {command}" for name in packages]
    assert not (Path(corpus) / "rounds/00/training-model").exists()


def test_averages_and_adapters_need_whole_weights() -> None:
    plain, mean, both = (RetrainSettings(**of).recipe for of in ({}, {"ema": 0.9}, {"ema": 0.9, "lora": 8}))
    for kind in ("FSDP", "DEEPSPEED"):
        check_sharding(kind, plain)
        with pytest.raises(RetrainError, match=f"ema cannot be used where {kind} spreads .*: set loop.retrain.ema=0"):
            check_sharding(kind, mean)
        with pytest.raises(RetrainError, match=r"ema and lora cannot .*: set loop.retrain.ema=0, loop.retrain.lora=0"):
            check_sharding(kind, both)
    check_sharding("MULTI_GPU", both)


def test_what_is_no_florence2(corpus: str, checkpoint: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    with pytest.raises(ModelError, match=r"broken must be a checkpoint with a config.json"):
        retrain(corpora.job(corpus, broken))
    shutil.copytree(checkpoint, broken, dirs_exist_ok=True)
    (broken / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(RetrainError, match=r"cannot train .*broken.* holds no Florence2ForConditionalGeneration"):
        retrain(corpora.job(corpus, broken))
    (broken / "model.safetensors").unlink()
    with pytest.raises(RetrainError, match=r"cannot train .*no file named model.safetensors"):
        retrain(corpora.job(corpus, broken))
    (broken / "config.json").write_text(json.dumps({"model_type": "detr"}))
    with pytest.raises(RetrainError, match=r"must hold a Florence-2 \(.*in config.json\), got 'detr'"):
        retrain(corpora.job(corpus, broken))


def test_a_checkpoint_that_lacks_weights(corpus: str, checkpoint: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    broken = tmp_path / "broken"
    shutil.copytree(checkpoint, broken)
    weights = load_file(broken / "model.safetensors")
    lost = next(name for name in weights if "multi_modal_projector" in name)
    del weights[lost]
    save_file(weights, broken / "model.safetensors", {"format": "pt"})
    with pytest.raises(RetrainError, match=r"cannot train .* lacks 1 of the weights of .*multi_modal_projector"):
        retrain(corpora.job(corpus, broken))
