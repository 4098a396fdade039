from dataclasses import replace
from pathlib import Path

import pytest
import torch

from stages.recipes.embedded.florence2_loading import load_scenes
from stages.recipes.embedded.florence2_nano import Florence2Recipe, RecipeTrainer, reached
from stages.recipes.embedded.running import Deadline
from stages.retrain.build import build_processor, learn_tokenizer

PLAN = replace(Florence2Recipe(), look_steps=0, cycles=(4,), batch=2, close_batch=2, close_every=2)


@pytest.fixture(scope="module")
def trainer(tmp_path_factory: pytest.TempPathFactory) -> RecipeTrainer:
    tokenizer = learn_tokenizer(["a large striped red fish in the sea"], 300)
    school, close = load_scenes(tmp_path_factory.mktemp("cache"), 0, 6, tokenizer, seed=1, chunk=6)
    return RecipeTrainer(PLAN, build_processor("nano", tokenizer), school, close)


def test_a_training_whose_time_is_up_keeps_what_it_has(trainer: RecipeTrainer, tmp_path: Path) -> None:
    times = iter(range(100))
    deadline = Deadline(began=0.0, ends=3.5, clock=lambda: float(next(times)))

    trainer.learn(keep=100, folder=tmp_path, stop=4, deadline=deadline)

    # The clock is read twice for every step: after two steps it is 4.
    assert trainer.step == reached(tmp_path) == 2
    assert all(torch.isfinite(weight).all() for weight in trainer.mean.parameters())
