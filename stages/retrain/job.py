"""What is to be trained and what became of it, as files.

rounds/00/training-model/      while it runs (a local folder; for a corpus on an object store, in the user's cache)
  job.json                     what is trained; another job starts over
  trainer/metrics.jsonl        a line per logged step
  trainer/tensorboard/
  trainer/step-000100/         the newest checkpoint: `save_pretrained` files, and in state/ what to go on from
rounds/00/model/               when it is finished: `training-model` under its final name, one rename
  config.json model.safetensors processor_config.json tokenizer.json ...
  training.json                `Training`: from which checkpoint, on what, with which settings, held-out losses
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from shards.layout import round_folder
from shards.store import LocalStore, Store, open_store
from stages.retrain.settings import RetrainSettings

TRAINING_FILE = "training.json"
JOB_FILE = "job.json"
TRAINER = "trainer"
_CHUNK = 8 << 20


@dataclass(frozen=True)
class RetrainJob:
    """corpus: folder or URL. checkpoint: a `save_pretrained` folder, embedded:NAME, or a hub id with its commit as
    revision. name: of the folder in the round that the model goes to. again: replace a finished model."""

    corpus: str
    round: int
    checkpoint: str
    settings: RetrainSettings
    revision: str | None = None
    name: str = "model"
    again: bool = False


class TaskLoss(msgspec.Struct, frozen=True):
    """Mean loss per token (nats) of a task on held-out images, before and after training."""

    before: float
    after: float
    tokens: int


class MeasureF1(msgspec.Struct, frozen=True):
    """F1 of what the model says about held-out images against the round's labels, before and after training."""

    before: float
    after: float


class Training(msgspec.Struct, frozen=True):
    """How a model was trained. identity: of the checkpoint it started from (`specialists.weights.identity`); data: of
    the round's shards; job: hash of both with the settings that matter; held_out_f1: by measure."""

    job: str
    round: int
    checkpoint: str
    identity: str
    data: str
    settings: dict[str, object]
    recipe: dict[str, object]
    steps: int
    processes: int
    images: int
    held_out_images: int
    unreadable_images: int
    seconds: float
    last_loss: float
    held_out: dict[str, TaskLoss]
    libraries: dict[str, str]
    held_out_f1: dict[str, MeasureF1] = {}


@dataclass(frozen=True)
class RetrainResult:
    """folder: where the model is, local path or path in the corpus's store. resumed_from: step, 0 for a fresh run.
    already: it was there before, and nothing ran."""

    folder: str
    training: Training
    resumed_from: int = 0
    already: bool = False


def model_path(number: int, name: str = "model") -> str:
    """`model_path(3)` is "rounds/03/model"."""
    return f"{round_folder(number)}/{name}"


def read_training(store: Store, number: int, name: str = "model") -> Training | None:
    """How the model of a round was trained; None while there is none. Finished models have it, no others."""
    try:
        data = store.read(f"{model_path(number, name)}/{TRAINING_FILE}")
    except FileNotFoundError:
        return None
    return msgspec.json.decode(data, type=Training)


def job_hash(job: RetrainJob, identity: str, data: str) -> str:
    """What makes two runs the same run: how often it is saved and looked at, and where it runs, does not count."""
    how = {"eval_every", "eval_images", "generate_every", "generate_images", "save_every"}
    how |= {"loader_threads", "cpu_threads"}
    where = {"workers", "gpu", "cpus_per_worker"}
    facts = {
        "round": job.round,
        "identity": identity,
        "data": data,
        "settings": job.settings.model_dump(mode="json", exclude=how | where),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def work_folder(job: RetrainJob) -> Path:
    """Where it is trained: beside the final place if that is local. All processes must see the same folder."""
    store = open_store(job.corpus)
    if isinstance(store, LocalStore):
        return Path(store.url) / round_folder(job.round) / f"training-{job.name}"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    name = hashlib.sha256(f"{store.url}/{model_path(job.round, job.name)}".encode()).hexdigest()[:16]
    return cache / "fld-engine" / "training" / name


def publish(job: RetrainJob, work: Path) -> str:
    """Move the finished folder to its place and return that: one rename, or uploads with training.json last."""
    store, place = open_store(job.corpus), model_path(job.round, job.name)
    if isinstance(store, LocalStore):
        final = Path(store.url) / place
        if final.exists():
            _retire(final)
        work.rename(final)
        return str(final)
    files = sorted(file for file in work.rglob("*") if file.is_file())
    for file in sorted(files, key=lambda file: file == work / TRAINING_FILE):
        store.write(f"{place}/{file.relative_to(work).as_posix()}", _chunks(file))
    shutil.rmtree(work)
    return place


def _retire(final: Path) -> None:
    """Out of the way in one step, so that a kill leaves a whole model or none."""
    old = final.with_name(f"{final.name}.old")
    if old.exists():
        shutil.rmtree(old)
    final.rename(old)
    shutil.rmtree(old)


def _chunks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while chunk := opened.read(_CHUNK):
            yield chunk
