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
from stages.retrain.data import RetrainError
from stages.retrain.settings import LATER, RetrainSettings
from stages.retrain.student_settings import StudentSettings

TRAINING_FILE = "training.json"
JOB_FILE = "job.json"
TRAINER = "trainer"
_CHUNK = 8 << 20


STUDENT_MODEL = "model-student"
"""Name of a student's folder in its round."""


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


@dataclass(frozen=True)
class StudentJob:
    """As RetrainJob. checkpoint: a .pt file, or a folder that holds one. held_out: share of the images, by hash, that
    no round trains on (`RetrainSettings.held_out`)."""

    corpus: str
    round: int
    checkpoint: str
    settings: StudentSettings
    held_out: float
    revision: str | None = None
    name: str = STUDENT_MODEL
    again: bool = False


TrainingJob = RetrainJob | StudentJob


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
    the round's shards; job: hash of both with the settings that matter; held_out_f1: by measure; measures: a student's,
    as its library takes them, on held-out images against the round's labels. refused_labels: task and reason -> labels
    that were not taught, of the images that the first process read. sealed: its files
    have a manifest; models of older releases have none."""

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
    measures: dict[str, float] = {}
    refused_labels: dict[str, int] = {}
    sealed: bool = False


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


def job_hash(job: TrainingJob, identity: str, data: str) -> str:
    """What makes two runs the same run: how often it is saved and looked at, and where it runs, does not count; nor
    where the first of several trainings started, which `identity` says of this one."""
    how = {"eval_every", "eval_images", "generate_every", "generate_images", "save_every"}
    how |= {"loader_threads", "cpu_threads", "start", "start_revision"}
    where = {"workers", "gpu", "cpus_per_worker", "device"}
    settings = job.settings.model_dump(mode="json", exclude=how | where)
    facts = {
        "round": job.round,
        "identity": identity,
        "data": data,
        "settings": {name: value for name, value in settings.items() if value is not None or name not in LATER},
    }
    if isinstance(job, StudentJob):
        facts["held_out"] = job.held_out
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def finished(job: TrainingJob, wanted: str) -> Training | None:
    """How the model that is already there was trained, if it is the one with this hash, or must stay; None if there is
    something to train. Raises RetrainError for another one that may not be replaced."""
    done = read_training(open_store(job.corpus), job.round, job.name)
    if done is None or done.job == wanted:
        return done
    if job.again:
        return None
    raise RetrainError(
        f"{model_path(job.round, job.name)} of {job.corpus} was trained from {done.checkpoint} with other"
        " settings or another state of the round: use --again to replace it"
    )


def open_work(work: Path, wanted: str) -> None:
    """The work folder of the job with this hash; what another job left there is deleted."""
    note = work / JOB_FILE
    if work.exists() and not (note.exists() and note.read_text() == wanted):
        shutil.rmtree(work)
    work.mkdir(parents=True, exist_ok=True)
    note.write_text(wanted)


def final_place(job: TrainingJob) -> str:
    """Where the model goes: a local path, or a path in the corpus's store."""
    store, place = open_store(job.corpus), model_path(job.round, job.name)
    return str(Path(store.url) / place) if isinstance(store, LocalStore) else place


def work_folder(job: TrainingJob) -> Path:
    """Where it is trained: beside the final place if that is local. All processes must see the same folder."""
    store = open_store(job.corpus)
    if isinstance(store, LocalStore):
        return Path(store.url) / round_folder(job.round) / f"training-{job.name}"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    name = hashlib.sha256(f"{store.url}/{model_path(job.round, job.name)}".encode()).hexdigest()[:16]
    return cache / "fld-engine" / "training" / name


def publish_model(job: TrainingJob, work: Path) -> str:
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
