import json
from pathlib import Path
from typing import Any

import accelerate
import pytest

from shards.store import open_store
from stages.retrain import model as models
from stages.retrain.data import Feeder, ProcessRank
from stages.retrain.held_out import answer_f1
from stages.retrain.job import RetrainJob, RetrainResult, read_training
from stages.retrain.lessons import LessonMaker
from stages.retrain.metrics import Event
from stages.retrain.pool import load_pool
from stages.retrain.run import retrain
from tests.stages.retrain import corpora
from tests.stages.retrain.test_run import equal, losses


def events_of(result: RetrainResult) -> list[Event]:
    lines = (Path(result.folder) / "trainer" / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def answered(job: RetrainJob, folder: Path | str) -> dict[str, float]:
    """What the trainer measures, from the files of a model."""
    _, processor = models.load_for_training(Path(folder), job.settings.recipe)
    held = load_pool(open_store(job.corpus), job.round).split(job.settings.held_out)[1]
    feeder = Feeder(
        held, processor, LessonMaker(processor.tokenizer, job.settings, 200, 200), job.settings, ProcessRank()
    )
    return answer_f1(accelerate.Accelerator(cpu=True), Path(folder), feeder, job.settings)


def test_answers_are_measured_before_between_and_after(tmp_path: Path, checkpoint: Path) -> None:
    """Texts are learned soon: the F1 of brief texts is that of the saved model, which is the averaged one."""
    corpus = corpora.build(tmp_path / "corpus", count=8)
    job = corpora.job(corpus, checkpoint, steps=60, held_out=0.5, learning_rate=4e-3, save_every=100,
                      ema=0.5, generate_every=40, tasks=["<CAPTION>", "<OCR>"])  # fmt: skip
    seen: list[Event] = []
    result = retrain(job, seen.append)
    f1 = {event["step"]: event["held_out/f1"] for event in seen if "held_out/f1" in event}
    assert list(f1) == [0, 40, 60]
    assert [event for event in events_of(result) if "held_out/f1" in event] == [
        {"step": step, "held_out/f1": values} for step, values in f1.items()
    ]
    assert f1[0] == answered(job, checkpoint)
    assert f1[60] == answered(job, result.folder)
    assert f1[60]["texts/brief"] > 0.1 > f1[0]["texts/brief"]
    training = read_training(open_store(corpus), 0)
    assert training is not None
    [(name, measure)] = training.held_out_f1.items()
    assert (name, measure.before, measure.after) == ("texts/brief", f1[0][name], f1[60][name])
    assert board(result)["held_out/f1/texts/brief"] == pytest.approx([values[name] for values in f1.values()])


def board(result: RetrainResult) -> dict[str, list[float]]:
    """TensorBoard's numbers by tag."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found: Any = EventAccumulator(str(Path(result.folder) / "trainer" / "tensorboard"))
    found.Reload()
    return {tag: [scalar.value for scalar in found.Scalars(tag)] for tag in found.Tags()["scalars"]}


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")  # peft asks for it
def test_asking_changes_nothing_of_the_training(corpus: str, restless: Path) -> None:
    """With dropout, and with adapters, which draw random numbers whenever a model is exported."""
    silent = retrain(corpora.job(corpus, restless, "silent", lora=4))
    asked = retrain(corpora.job(corpus, restless, "asked", lora=4, generate_every=2))
    assert [event["step"] for event in events_of(asked) if "held_out/f1" in event] == [0, 2, 4, 6]
    assert [event for event in events_of(silent) if "held_out/f1" in event] == []
    assert silent.training.held_out_f1 == {}
    assert losses(asked) == losses(silent)
    assert asked.training.held_out == silent.training.held_out
    assert equal(asked.folder, silent.folder)


def test_averaged_weights_are_those_whose_losses_are_written(corpus: str, checkpoint: Path) -> None:
    result = retrain(corpora.job(corpus, checkpoint, "mean", ema=0.9))
    again = retrain(corpora.job(corpus, result.folder, "again", steps=1))
    after = {task: loss.after for task, loss in result.training.held_out.items()}
    assert {task: loss.before for task, loss in again.training.held_out.items()} == pytest.approx(after, rel=1e-6)
