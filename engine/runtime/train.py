"""Training: the trainer's core under Ray Train, or alone.

Comes in: a job (a corpus, a round, a checkpoint). Goes out: `rounds/NN/model/`. With engine.backend ray it runs in
Ray Train's TorchTrainer: with `workers: 0` in this very process (Ray Train's local mode, no Ray is started), else in
that many worker processes of the cluster, which find each other through the variables that Ray Train sets. With
backend local the core is called directly. It is the same function every time.
"""

import tempfile
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from engine.config.settings import EngineSettings
from engine.runtime.ray_session import RaySession
from engine.runtime.training_bar import followed, training_bar, unwatched
from shards.errors import CorpusError
from shards.record import RecordError
from shards.store import LocalStore, open_store
from specialists.roles import SpecialistError
from specialists.weights import EMBEDDED_PREFIX, locate
from stages.retrain.data import RetrainError
from stages.retrain.fit import fitted
from stages.retrain.job import (
    TRAINER,
    RetrainJob,
    RetrainResult,
    StudentJob,
    TrainingJob,
    read_training,
    work_folder,
)
from stages.retrain.metrics import METRICS_FILE, Watch
from stages.retrain.run import NAME
from stages.retrain.run import retrain as core
from stages.retrain.settings import RetrainSettings
from stages.retrain.student import train_student

KNOWN = (RetrainError, CorpusError, RecordError, SpecialistError, OSError)


def train(job: TrainingJob, engine: EngineSettings, *, progress: bool = False) -> RetrainResult:
    """Train where the settings say, a student in this process. progress: draw a bar on stderr; of Ray's workers by what
    they write to `trainer/metrics.jsonl`."""
    if isinstance(job, StudentJob):
        if not progress:
            return train_student(job, unwatched)
        with training_bar(f"train student on round {job.round}", job.settings.steps) as watch:
            return train_student(job, watch)
    on_workers = engine.backend == "ray" and job.settings.workers > 0
    run = core if engine.backend == "local" else _in_this_process
    if not progress:
        return _on_workers(job, engine) if on_workers else run(job, unwatched)
    settings = fitted(job.settings, locate(NAME, job.checkpoint, job.revision))
    steps = settings.recipe.over(max(settings.workers, 1) if on_workers else 1).steps
    with training_bar(f"train round {job.round}", steps) as watch:
        if not on_workers:
            return run(job, watch)
        with followed(work_folder(job) / TRAINER / METRICS_FILE, watch):
            return _on_workers(job, engine)


def _in_this_process(job: RetrainJob, watch: Watch) -> RetrainResult:
    results: list[RetrainResult] = []
    _fit(lambda _: results.append(core(job, watch)), {}, job.settings)
    return results[0]


def _on_workers(job: RetrainJob, engine: EngineSettings) -> RetrainResult:
    job = _everywhere(job)
    ray = RaySession(engine.address, _unheard)
    ray.start(job.settings.workers * job.settings.cpus_per_worker)
    try:
        config = asdict(job) | {"settings": job.settings.model_dump(mode="json")}
        _fit(_worker, config, job.settings)
    finally:
        ray.stop()
    training = read_training(open_store(job.corpus), job.round, job.name)
    if training is None:
        raise RetrainError(f"round {job.round} of {job.corpus}: the workers ended and left no model; see Ray's logs")
    return RetrainResult(f"{job.corpus}/rounds/{job.round:02d}/{job.name}", training)


def _unheard(event: str, facts: Mapping[str, object]) -> None:
    """Ray's own events go nowhere: what goes wrong is raised."""
    del event, facts


def _worker(config: dict[str, Any]) -> None:
    """In every worker."""
    core(RetrainJob(**config | {"settings": RetrainSettings(**config["settings"])}))


def _fit(loop: Any, config: dict[str, Any], settings: RetrainSettings) -> None:
    import logging

    from ray.train import RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer
    from ray.train.v2.api.exceptions import WorkerGroupError

    logging.getLogger("ray.train").setLevel(logging.ERROR)  # it announces its local mode
    needs = {"CPU": settings.cpus_per_worker} | ({"GPU": 1} if settings.gpu else {})
    scaling = ScalingConfig(
        num_workers=settings.workers, use_gpu=settings.gpu, resources_per_worker=needs if settings.workers else None
    )
    with tempfile.TemporaryDirectory(prefix="fld-train-") as scratch:
        trainer = TorchTrainer(
            loop, train_loop_config=config, scaling_config=scaling, run_config=RunConfig(storage_path=scratch)
        )
        try:
            trainer.fit()
        except WorkerGroupError as error:
            failures = error.worker_failures
            cause = next((one for one in failures.values() if isinstance(one, KNOWN)), None)
            if cause is None:
                raise
            raise cause from error


def _everywhere(job: RetrainJob) -> RetrainJob:
    """With paths that mean the same in another folder of this machine."""
    store = open_store(job.corpus)
    local = job.revision is None and not job.checkpoint.startswith(EMBEDDED_PREFIX)
    checkpoint = str(Path(job.checkpoint).expanduser().absolute()) if local else job.checkpoint
    return replace(job, corpus=store.url if isinstance(store, LocalStore) else job.corpus, checkpoint=checkpoint)
