import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from shards.store import open_store
from stages.retrain.data import RetrainError
from stages.retrain.job import RetrainResult, read_training
from stages.retrain.metrics import Event
from stages.retrain.run import retrain
from tests.stages.retrain import corpora


def weights(folder: str | Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return load_file(Path(folder) / "model.safetensors")


def losses(result: RetrainResult) -> list[float]:
    lines = (Path(result.folder) / "trainer" / "metrics.jsonl").read_text().splitlines()
    return [event["loss"] for event in map(json.loads, lines) if "loss" in event]


def equal(first: str, second: str) -> bool:
    a, b = weights(first), weights(second)
    return a.keys() == b.keys() and all(bool((a[name] == b[name]).all()) for name in a)


def test_a_small_model_learns_a_small_corpus_by_heart(tmp_path: Path, checkpoint: Path) -> None:
    corpus = corpora.build(tmp_path / "corpus", count=4)
    result = retrain(corpora.job(corpus, checkpoint, steps=120, held_out=0.0, learning_rate=4e-3, save_every=1000))
    assert losses(result)[0] > 5
    assert losses(result)[-1] < 0.5


def test_the_model_is_what_transformers_loads(corpus: str, checkpoint: Path) -> None:
    import transformers

    result = retrain(corpora.job(corpus, checkpoint))
    library: Any = transformers
    model = library.Florence2ForConditionalGeneration.from_pretrained(result.folder)
    processor = library.AutoProcessor.from_pretrained(result.folder)
    from PIL import Image

    asked = processor(text="<CAPTION>", images=Image.new("RGB", (64, 64)), return_tensors="pt")
    assert model.generate(**asked, max_new_tokens=4).shape[0] == 1
    training = read_training(open_store(corpus), 0)
    assert training == result.training
    assert training is not None
    assert training.steps == 6
    assert training.images + training.held_out_images == 24
    assert set(training.held_out) == {"<CAPTION>", "<OD>"}
    assert not equal(str(checkpoint), result.folder)


def test_a_killed_run_goes_on_with_the_same_losses(corpus: str, restless: Path, tmp_path: Path) -> None:
    whole = retrain(corpora.job(corpus, restless, "whole", eval_every=4, ema=0.9, generate_every=2))
    script = tmp_path / "killed.py"
    script.write_text(
        "import os, signal, sys\n"
        "from stages.retrain.run import retrain\n"
        "from tests.stages.retrain import corpora\n"
        "def kill(event):\n"
        "    if event['step'] == 4: os.kill(os.getpid(), signal.SIGKILL)\n"
        "retrain(corpora.job(sys.argv[1], sys.argv[2], 'halves', eval_every=4, ema=0.9, generate_every=2), kill)\n"
    )
    environment = os.environ | {"PYTHONPATH": os.getcwd()}
    died = subprocess.run([sys.executable, str(script), corpus, str(restless)], env=environment, check=False)
    assert died.returncode == -signal.SIGKILL
    assert read_training(open_store(corpus), 0, "halves") is None
    halves = retrain(corpora.job(corpus, restless, "halves", eval_every=4, ema=0.9, generate_every=2))
    assert halves.resumed_from == 3
    assert losses(halves) == losses(whole)
    assert halves.training.held_out == whole.training.held_out
    assert halves.training.held_out_f1 == whole.training.held_out_f1
    assert equal(halves.folder, whole.folder)


def test_what_is_done_is_not_done_again(corpus: str, checkpoint: Path) -> None:
    first = retrain(corpora.job(corpus, checkpoint, steps=1))
    events: list[Event] = []
    second = retrain(corpora.job(corpus, checkpoint, steps=1), events.append)
    assert second.already
    assert second.training == first.training
    assert events == []
    with pytest.raises(RetrainError, match=r"was trained from .* with other settings.*use --again"):
        retrain(corpora.job(corpus, checkpoint, steps=2))


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_last_checkpoint(corpus: str, checkpoint: Path) -> None:
    with pytest.raises(RetrainError, match=r"step \d: the loss .*; the last good checkpoint is .*step-00000\d; lower"):
        retrain(corpora.job(corpus, checkpoint, learning_rate=1e30, save_every=1, precision="fp32"))
    [kept] = (Path(corpus) / "rounds/00/training-model/trainer").glob("step-*")
    assert (kept / "model.safetensors").exists()
    assert read_training(open_store(corpus), 0) is None


def test_micro_batches_add_up_to_the_same_step(corpus: str, checkpoint: Path) -> None:
    whole = retrain(corpora.job(corpus, checkpoint, "whole", steps=2, batch=4))
    parts = retrain(corpora.job(corpus, checkpoint, "parts", steps=2, batch=2, accumulation=2))
    assert losses(parts) == pytest.approx(losses(whole), rel=1e-5)


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")  # peft asks for it
def test_adapters_are_merged_and_the_tower_stays(corpus: str, checkpoint: Path) -> None:
    result = retrain(corpora.job(corpus, checkpoint, lora=4, freeze_vision=True, steps=3))
    before, after = weights(checkpoint), weights(result.folder)
    assert before.keys() == after.keys()
    changed = {name for name in before if not bool((before[name] == after[name]).all())}
    assert any("language_model" in name for name in changed)
    assert not any("vision_tower" in name for name in changed)
    assert not any("shared" in name for name in changed)


def test_another_image_size_is_saved_with_the_model(corpus: str, checkpoint: Path) -> None:
    result = retrain(corpora.job(corpus, checkpoint, image_size=96, steps=1))
    saved = json.loads((Path(result.folder) / "processor_config.json").read_text())
    assert saved["image_processor"]["size"] == {"height": 96, "width": 96}
    with pytest.raises(RetrainError, match=r"image_size 1024 gives 128 x 128 cells, .* positions for 50"):
        retrain(corpora.job(corpus, checkpoint, "large", image_size=1024, steps=1))


def test_too_many_unreadable_images_end_the_run(corpus: str, checkpoint: Path) -> None:
    corpora.damage(corpus)
    with pytest.raises(RetrainError, match=r"images cannot be read, the budget is 0.* \(corrupt_budget 0.01\)"):
        retrain(corpora.job(corpus, checkpoint))
    result = retrain(corpora.job(corpus, checkpoint, corrupt_budget=0.5, steps=8))
    assert 0 < result.training.unreadable_images <= 8


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_learns_and_saves_float32(corpus: str, checkpoint: Path, precision: str) -> None:
    result = retrain(corpora.job(corpus, checkpoint, precision=precision, learning_rate=4e-3))
    assert losses(result)[-1] < 8.2 < result.training.held_out["<OD>"].before
    assert {str(weight.dtype) for weight in weights(result.folder).values()} == {"torch.float32"}


def test_recomputed_activations_give_the_same_losses(corpus: str, checkpoint: Path) -> None:
    kept = retrain(corpora.job(corpus, checkpoint, "kept", steps=3))
    again = retrain(corpora.job(corpus, checkpoint, "again", steps=3, gradient_checkpointing=True))
    assert losses(again) == pytest.approx(losses(kept), rel=1e-6)
    assert weights(again.folder).keys() == weights(kept.folder).keys()
