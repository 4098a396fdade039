"""`fld retrain`: the trainer's core under Ray Train, or alone.

Comes in: a corpus, a round and a checkpoint. Goes out: `rounds/NN/model/`. With engine.backend ray the core runs in
Ray Train's TorchTrainer: with `workers: 0` in this very process (Ray Train's local mode, no Ray is started), else in
that many worker processes of the cluster, which find each other through the variables that Ray Train sets. With
backend local the core is called directly. It is the same function every time.
"""

import tempfile
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from engine.config.settings import EngineSettings
from engine.runtime.ray_session import RaySession
from engine.session import opened
from engine.terminal import err
from shards.errors import CorpusError
from shards.record import RecordError
from shards.store import LocalStore, open_store
from specialists.roles import SpecialistError
from specialists.weights import EMBEDDED_PREFIX
from stages.retrain.data import RetrainError
from stages.retrain.job import RetrainJob, RetrainResult, read_training
from stages.retrain.metrics import F1, LOSSES, Event, Watch
from stages.retrain.run import retrain as core
from stages.retrain.settings import RetrainSettings

_COLUMNS = (
    TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
    TextColumn("{task.fields[news]}"),
)  # fmt: skip
KNOWN = (RetrainError, CorpusError, RecordError, SpecialistError, OSError)


def retrain(
    corpus: str,
    number: int,
    checkpoint: str,
    revision: str | None,
    source: str | None,
    assignments: list[str],
    *,
    again: bool,
) -> None:
    """The verb: holds the corpus, trains, prints held-out losses and F1."""
    with opened(corpus, source, assignments) as session:
        job = RetrainJob(corpus, number, checkpoint, session.config.loop.retrain, revision, again=again)
        result = train(job, session.config.engine)
    err.print(_losses(result))
    if result.training.held_out_f1:
        err.print(_f1(result))
    state = "was trained before" if result.already else f"trained in {result.training.seconds:.0f} s"
    err.print(f"{result.folder}: {state}, {result.training.steps} steps on {result.training.images} images")


def train(job: RetrainJob, engine: EngineSettings) -> RetrainResult:
    """Train where the settings say, with a progress bar. Ray workers show none: they write `trainer/metrics.jsonl`."""
    if engine.backend == "ray" and job.settings.workers > 0:
        return _on_workers(job, engine)
    with Progress(*_COLUMNS, console=err, transient=True) as bar:
        row = bar.add_task(f"train round {job.round}", total=job.settings.recipe.steps, news="")

        def show(event: Event) -> None:
            bar.update(row, completed=event["step"], news=_news(event))

        return core(job, show) if engine.backend == "local" else _in_this_process(job, show)


def _news(event: Event) -> str:
    """One line of what is known."""
    if "loss" in event:
        return f"loss {event['loss']:.3f}, {event['images_per_s']:.1f} images/s"
    if F1 in event:
        return "held-out F1 " + ", ".join(f"{name} {value:.2f}" for name, value in event[F1].items())
    return "held-out " + ", ".join(f"{task.strip('<>').lower()} {loss:.2f}" for task, loss in event[LOSSES].items())


def _losses(result: RetrainResult) -> Table:
    """Held-out loss per task, before and after."""
    table = Table("task", "loss before", "after", "tokens", box=None, pad_edge=False)
    for task, loss in result.training.held_out.items():
        table.add_row(task, f"{loss.before:.3f}", f"{loss.after:.3f}", str(loss.tokens))
    return table


def _f1(result: RetrainResult) -> Table:
    """What the model says about held-out images against the round's labels, before and after."""
    table = Table("measure", "F1 before", "after", box=None, pad_edge=False)
    for name, f1 in result.training.held_out_f1.items():
        table.add_row(name, f"{f1.before:.3f}", f"{f1.after:.3f}")
    return table


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
