"""The trainer: `retrain(job)` in every process, on one CPU, one GPU or many nodes.

Comes in: a `RetrainJob`. Goes out: the model in `rounds/NN/model/` (see job.py). Processes, devices, mixed precision,
FSDP and DeepSpeed are accelerate's and follow its own configuration (`accelerate launch`, or the variables that Ray
Train sets). One step:

    for each micro-batch: images once through the tower, their lessons through the rest, backward
    clip, AdamW step, averaged weights

The loss of a step is the mean over all answer tokens of all its micro-batches and processes, so that a batch on one
process and the same batch spread over several give the same step.
"""

import json
import time
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

from shards.store import open_store
from specialists.weights import identity, locate, require_package
from stages.retrain import model as models
from stages.retrain.answers import measured_tasks
from stages.retrain.checkpoint import Average, Keeper
from stages.retrain.data import Feeder, LessonBatch, ProcessRank, RetrainError
from stages.retrain.fit import fitted
from stages.retrain.held_out import LESSONS, answer_f1, task_losses
from stages.retrain.job import (
    JOB_FILE,
    TRAINER,
    TRAINING_FILE,
    MeasureF1,
    RetrainJob,
    RetrainResult,
    TaskLoss,
    Training,
    final_place,
    finished,
    job_hash,
    open_work,
    publish_model,
    work_folder,
)
from stages.retrain.lessons import LessonMaker
from stages.retrain.metrics import F1, LOSSES, METRICS_FILE, Event, Metrics, Watch
from stages.retrain.pool import TrainingPool, load_pool
from stages.retrain.presets import Recipe
from stages.retrain.schedule import Course, falling
from stages.retrain.seal import seal_model

NAME = "fld retrain"
LOG_EVERY = 10
LIBRARIES = ("torch", "transformers", "accelerate", "peft")


@dataclass(frozen=True)
class PreparedJob:
    """A job with what was found out about it."""

    job: RetrainJob
    checkpoint: Path
    identity: str
    pool: TrainingPool
    hash: str
    work: Path


def retrain(job: RetrainJob, watch: Watch | None = None) -> RetrainResult:
    """Train, or go on where a killed run of the same job was, or return what is already there.

    Raises MissingRequirementError (package, checkpoint), CorpusError (no such round), RetrainError (nothing to train
    on, too many unreadable images, a loss that is no number or diverges; the last checkpoint stays)."""
    for package in ("accelerate", "tensorboard", "peft"):
        require_package(NAME, package, "train")
    task = _examined(job)
    job = task.job
    if (done := finished(job, task.hash)) is not None:
        return RetrainResult(final_place(job), done, already=True)
    return _Run(task, watch).run()


def _examined(job: RetrainJob) -> PreparedJob:
    checkpoint = locate(NAME, job.checkpoint, job.revision)
    job = replace(job, settings=fitted(job.settings, checkpoint))
    known = identity(NAME, job.checkpoint, job.revision)
    pool = load_pool(open_store(job.corpus), job.round)
    return PreparedJob(job, checkpoint, known, pool, job_hash(job, known, pool.data), work_folder(job))


class _Run:
    """One run in one process."""

    def __init__(self, task: PreparedJob, watch: Watch | None) -> None:
        import torch

        self.task, self.watch = task, watch
        self.accelerator = _accelerator(task.job.settings.recipe)
        self.recipe = task.job.settings.recipe.over(self.accelerator.num_processes)
        self.accelerator.gradient_accumulation_steps = self.recipe.accumulation
        self.settings = settings = task.job.settings.model_copy(
            update={"accumulation": self.recipe.accumulation, "effective_batch": None}
        )
        models.check_sharding(self.accelerator.distributed_type.value, self.recipe)
        if self.accelerator.device.type == "cpu":
            torch.set_num_threads(settings.cpu_threads)
        torch.manual_seed(settings.seed + self.accelerator.process_index)
        self._open_folder()
        self._build()

    def _open_folder(self) -> None:
        if self.accelerator.is_main_process:
            open_work(self.task.work, self.task.hash)
        self.accelerator.wait_for_everyone()

    def _build(self) -> None:
        import torch

        from stages.retrain.loss import LessonModel

        recipe, settings, accelerator = self.recipe, self.settings, self.accelerator
        self.model, processor = models.load_for_training(self.task.checkpoint, recipe)
        models.prepare_model(self.model, recipe)
        self.examiner = examiner = LessonMaker(processor.tokenizer, settings, *models.token_room(self.model, processor))
        trained, held = self.task.pool.split(settings.held_out)
        if not len(trained):
            raise RetrainError(f"round {self.task.job.round} has no image to train on: held_out {settings.held_out}")
        share = ProcessRank(accelerator.process_index, accelerator.num_processes)
        self.feeder = Feeder(trained, processor, examiner, settings, share)
        self.held_feeder = Feeder(held, processor, examiner, settings, share)
        self._pad = int(processor.tokenizer.pad_token_id)
        self.trained, self.held_count = len(trained), min(len(held), settings.eval_images)
        self.steps = _step_count(settings.epochs, recipe, len(trained), accelerator.num_processes)
        module = LessonModel(self.model, processor.tokenizer, recipe.location_spread)
        optimizer = torch.optim.AdamW(
            models.parameter_groups(module, recipe.weight_decay), lr=recipe.learning_rate, betas=recipe.betas
        )
        if settings.compile:
            self.model.model.vision_tower.compile()
        self.module, self.optimizer = accelerator.prepare(module, optimizer)
        self.average, self.course = Average(self.model, recipe.ema), Course()
        mean = self.average.mean
        self.saved = self.module if mean is None else LessonModel(mean, processor.tokenizer, recipe.location_spread)
        accelerator.register_for_checkpointing(self.course, self.average)
        self.keeper = Keeper(accelerator, self.task.work / TRAINER, self.task.checkpoint, recipe)

    def run(self) -> RetrainResult:
        """From the newest checkpoint, or from the start, to the end."""
        start = self.keeper.restore()
        folder = self.task.work / TRAINER
        self.metrics = Metrics(folder, start, self.watch, active=self.accelerator.is_main_process)
        self.accelerator.wait_for_everyone()  # the other processes read the lines that it kept
        try:
            before, said_before = self._before(start)
            if not start:
                self.keeper.save(self.module, self.average, self.course)
            self._learn(start)
            after, said_after = self._look(), self._judge()
        finally:
            self.metrics.close()
        f1 = {name: MeasureF1(said_before.get(name, value), value) for name, value in said_after.items()}
        training = self._training(before, after, f1)
        if self.accelerator.is_main_process:
            self._finish(training)
        self.accelerator.wait_for_everyone()
        return RetrainResult(final_place(self.task.job), training, resumed_from=start)

    def _learn(self, start: int) -> None:
        began, spent = time.monotonic(), self.course.seconds
        models.train_mode(self.module, self.model, self.recipe)
        for batches in self.feeder.steps(start, self.steps):
            loss, norm, rate = self._step(batches)
            course = self.course
            course.seconds = spent + time.monotonic() - began
            if course.step % LOG_EVERY == 0 or course.step == self.steps:
                self._log(loss, norm, rate, (course.step - start) / (time.monotonic() - began))
            if course.step % self.settings.eval_every == 0 and course.step < self.steps:
                self._look()
                models.train_mode(self.module, self.model, self.recipe)
            every = self.settings.generate_every
            if every and course.step % every == 0 and course.step < self.steps:
                self._judge()
            if course.step % self.settings.save_every == 0 or course.step == self.steps:
                self.keeper.save(self.module, self.average, course)

    def _step(self, batches: list[LessonBatch]) -> tuple[float, float, float]:
        """(loss per token, gradient norm, learning rate) of one optimizer step."""
        import torch

        accelerator, recipe = self.accelerator, self.recipe
        rate = recipe.learning_rate * falling(self.course.step, self.steps, recipe.warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        device = accelerator.device
        groups = [[group.to(device) for group in batch.groups] for batch in batches]
        mine = sum(int((group.labels != self._pad).sum()) for batch in groups for group in batch)
        tokens = float(accelerator.reduce(torch.tensor(float(mine), device=device), "sum"))
        total = torch.zeros((), device=device)
        norm = torch.zeros(())
        for batch, parts in zip(batches, groups, strict=True):
            with accelerator.accumulate(self.module):
                summed = self.module(batch.pixels.to(device), parts)[0].sum()
                total += summed.detach()
                # accelerate divides by the micro-steps, and processes are averaged
                accelerator.backward(summed * (accelerator.num_processes * recipe.accumulation / tokens))
                if accelerator.sync_gradients:
                    self._check(float(accelerator.reduce(total, "sum")) / tokens)
                    norm = accelerator.clip_grad_norm_(self.module.parameters(), recipe.clip)
                self.optimizer.step()
                self.optimizer.zero_grad(set_to_none=True)
        self.average.update(self.model, self.course.step)
        self.course.step += 1
        return float(accelerator.reduce(total, "sum")) / tokens, float(norm), rate

    def _check(self, loss: float) -> None:
        """Before the weights change."""
        try:
            self.course.add(loss, self.settings.divergence)
        except ValueError as error:
            newest = self.keeper.newest()
            raise RetrainError(
                f"round {self.task.job.round}, step {self.course.step + 1}: {error}; the last good checkpoint is"
                f" {newest}; lower learning_rate (now {self.recipe.learning_rate:g}) or use precision fp32 or bf16"
            ) from error

    def _look(self) -> dict[str, tuple[float, int]]:
        """Held-out losses by task, written down."""
        batches = self.held_feeder.fixed(self.settings.eval_images, LESSONS)
        found = task_losses(self.accelerator, self.saved, batches, list(self.recipe.weights))
        losses = {task: loss for task, (loss, _) in found.items()}
        self.metrics.write({"step": self.course.step, LOSSES: losses})
        return found

    def _judge(self) -> dict[str, float]:
        """F1 of what the model says about held-out images, written down; nothing if it is never asked."""
        if self.settings.generate_every is None or not measured_tasks(self.recipe.weights):
            return {}
        with self.keeper.exported(self.module, self.average) as folder:
            found = answer_f1(self.accelerator, folder, self.held_feeder, self.settings)
        if found:
            self.metrics.write({"step": self.course.step, F1: found})
        return found

    def _before(self, start: int) -> tuple[dict[str, float], dict[str, float]]:
        """Held-out losses and F1 of the checkpoint that training began with: measured, or read from the first lines."""
        if not start:
            return {task: loss for task, (loss, _) in self._look().items()}, self._judge()
        lines = (self.task.work / TRAINER / METRICS_FILE).read_text(encoding="utf-8").splitlines()
        events = [json.loads(line) for line in lines]
        return _first(events, LOSSES), _first(events, F1)

    def _log(self, loss: float, norm: float, rate: float, steps_per_s: float) -> None:
        recipe = self.recipe
        images = steps_per_s * recipe.batch * recipe.accumulation * self.accelerator.num_processes
        self.metrics.write(
            {
                "step": self.course.step,
                "loss": loss,
                "rate": rate,
                "norm": norm,
                "images_per_s": round(images, 2),
                "seconds": round(self.course.seconds, 1),
            }
        )

    def _training(
        self, before: dict[str, float], after: dict[str, tuple[float, int]], f1: dict[str, MeasureF1]
    ) -> Training:
        task, job = self.task, self.task.job
        held = {name: TaskLoss(before.get(name, loss), loss, tokens) for name, (loss, tokens) in after.items()}
        return Training(
            job=task.hash,
            round=job.round,
            checkpoint=job.checkpoint,
            identity=task.identity,
            data=task.pool.data,
            settings=job.settings.model_dump(mode="json"),
            recipe=asdict(self.recipe) | {"betas": list(self.recipe.betas)},  # as JSON gives it back
            steps=self.steps,
            processes=self.accelerator.num_processes,
            images=self.trained,
            held_out_images=self.held_count,
            unreadable_images=len(self.feeder.corrupt),
            refused_labels=self.examiner.refused(),
            sealed=True,
            seconds=round(self.course.seconds, 1),
            last_loss=self.course.smooth,
            held_out=held,
            libraries={name: metadata.version(name) for name in LIBRARIES},
            held_out_f1=f1,
        )

    def _finish(self, training: Training) -> None:
        """The newest checkpoint's files become the model. Killed anywhere in here, the next run does it again."""
        work, newest = self.task.work, self.keeper.newest()
        for file in sorted(newest.iterdir()) if newest else []:
            if file.is_file():
                file.rename(work / file.name)
        (work / JOB_FILE).unlink()
        (work / TRAINING_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(training), indent=1) + b"\n")
        seal_model(work, training.job)
        publish_model(self.task.job, work)


def _accelerator(recipe: Recipe) -> Any:
    import accelerate
    import torch

    accelerate.state.AcceleratorState._reset_state()  # else a run of another precision in this process is refused
    return accelerate.Accelerator(
        cpu=not torch.accelerator.is_available(),  # unasked, it would leave processes without a GPU on their own
        mixed_precision="no" if recipe.precision == "fp32" else recipe.precision,
        gradient_accumulation_steps=recipe.accumulation,
    )


def _first(events: list[Event], name: str) -> dict[str, float]:
    value: dict[str, float] = next((event[name] for event in events if name in event), {})
    return value


def _step_count(epochs: float | None, recipe: Recipe, images: int, processes: int) -> int:
    if epochs is None:
        return recipe.steps
    return max(1, round(epochs * images / (recipe.batch * recipe.accumulation * processes)))
