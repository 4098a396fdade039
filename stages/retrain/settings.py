"""How a model is trained on a round: a preset gives every number, and a field that is set wins over its preset.

loop:
  retrain:
    steps: 400
    learning_rate: 0.0001

Without a preset, the one that goes with the checkpoint is taken (`stages/retrain/fit.py`). What each of them holds, and
from where, is in `stages/retrain/presets.py`.
"""

from dataclasses import fields, replace
from typing import Final, Literal, Self

from pydantic import Field, model_validator

from shards.settings import Settings
from specialists.florence2_format import Task
from stages.retrain.presets import PRESETS, TASK_SETS, Preset, Recipe, TaskSet

LATER: Final = ("samples", "effective_batch", "doubtful", "sure")
"""Fields that older trainings do not know: where they are null, they are no part of what was trained."""
_BATCHES: Final = ("accumulation", "effective_batch")


class RetrainSettings(Settings):
    """A null takes the preset's number."""

    preset: Preset | None = Field(
        None,
        description="defaults of what is null below: nano, finetune, base, base_768, large, large_768; null: what goes"
        " with the checkpoint",
    )
    tasks: TaskSet | list[Task] | None = Field(
        None, description="what is trained: image, image-region, image-region-pixel, or a list of tasks"
    )
    task_weights: dict[Task, float] = Field(
        {}, description="how often a task is asked, relative to the others; default the preset's, else 1"
    )
    steps: int | None = Field(None, ge=1, description="optimizer steps; null, and so epochs and samples: the preset's")
    epochs: float | None = Field(None, gt=0, description="instead of steps: passes over the trained images")
    samples: int | None = Field(
        None,
        ge=1,
        description="instead of steps: effective samples of the run, an image with one annotation each",
    )
    effective_batch: int | None = Field(
        None, ge=1, description="instead of accumulation: effective samples per step, of all processes"
    )
    batch: int | None = Field(None, ge=1, description="images per process and micro-step")
    targets: int | None = Field(None, ge=1, description="lessons per image and step; the image is encoded once")
    accumulation: int | None = Field(None, ge=1, description="micro-steps whose gradients are summed for one step")
    learning_rate: float | None = Field(None, gt=0, description="highest rate of AdamW; then a cosine down to 2%")
    warmup: int | None = Field(None, ge=0, description="steps of linear warm-up")
    weight_decay: float | None = Field(None, ge=0, description="AdamW's, on matrices only")
    clip: float | None = Field(None, gt=0, description="largest norm of the gradient")
    precision: Literal["fp32", "bf16", "fp16"] | None = Field(
        None, description="arithmetic of the passes; weights and optimizer stay fp32"
    )
    image_size: int | None = Field(None, ge=32, description="side of the square the model sees; null: the checkpoint's")
    freeze_vision: bool | None = Field(None, description="train the language part and the projector only")
    lora: int | None = Field(None, ge=0, description="rank of low-rank adapters (peft) in the language part; 0: none")
    gradient_checkpointing: bool | None = Field(None, description="less memory, a third more time (language part)")
    location_spread: float | None = Field(
        None, ge=0, description="make a near miss of a place cost less: width of the bell in bins; 0: one bin only"
    )
    ema: float | None = Field(None, ge=0, lt=1, description="save averaged weights: share kept per step; 0: off")
    compile: bool = Field(False, description="torch.compile of the vision tower: worth it on a GPU and in long runs")
    max_target_tokens: int = Field(512, ge=8, description="longest answer; leave out the lowest scores")
    held_out: float = Field(
        0.1, ge=0, lt=1, description="share of the images, by hash, that no round ever trains on; losses are of these"
    )
    eval_every: int = Field(100, ge=1, description="steps between losses on held-out images")
    eval_images: int = Field(64, ge=1, description="held-out images that are looked at")
    generate_every: int | None = Field(
        1000,
        ge=0,
        description="steps between answers about held-out images, compared with the round's labels; also before and"
        " after training; 0: only then, null: never",
    )
    generate_images: int = Field(16, ge=1, description="held-out images that are asked about, once per task")
    save_every: int = Field(100, ge=1, description="steps between checkpoints to go on from")
    corrupt_budget: float = Field(0.01, ge=0, le=1, description="share of the images that may be unreadable")
    divergence: float = Field(
        2.0, gt=0, description="stop when the smoothed loss is this much above its lowest (nats per token)"
    )
    loader_threads: int = Field(2, ge=1, description="threads per process that read and prepare batches")
    cpu_threads: int = Field(1, ge=1, description="torch threads without a GPU; more made small models slower")
    seed: int = Field(1, description="of the order of images, the choice of lessons and dropout")
    workers: int = Field(0, ge=0, description="Ray Train worker processes; 0: train in the command's own process")
    gpu: bool = Field(False, description="one GPU per Ray Train worker (a run without workers takes what it finds)")
    cpus_per_worker: float = Field(1.0, gt=0, description="CPUs that a Ray Train worker reserves")

    @property
    def recipe(self) -> Recipe:
        """The preset with the fields that are set; nano's while the checkpoint is not known."""
        base = PRESETS[self.preset or "nano"]
        names = [field.name for field in fields(Recipe) if field.name != "weights"]
        chosen = {name: value for name in names if (value := getattr(self, name, None)) is not None}
        if self.steps is not None or self.epochs is not None:
            chosen["samples"] = None
        if self.accumulation is not None:
            chosen["effective_batch"] = None
        asked = {task: self.task_weights.get(task, base.weights.get(task, 1.0)) for task in self._tasks()}
        return replace(base, weights={task: weight for task, weight in asked.items() if weight > 0}, **chosen)

    def _tasks(self) -> tuple[Task, ...]:
        if self.tasks is None:
            return tuple(PRESETS[self.preset or "nano"].weights)
        return tuple(self.tasks) if isinstance(self.tasks, list) else TASK_SETS[self.tasks]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for one, other in (("steps", "epochs"), ("steps", "samples"), ("epochs", "samples"), _BATCHES):
            mine, theirs = getattr(self, one), getattr(self, other)
            if mine is not None and theirs is not None:
                raise ValueError(f"{one} and {other} exclude each other, got {mine} and {theirs}: unset one")
        if wrong := [task for task, weight in self.task_weights.items() if weight < 0]:
            raise ValueError(f"task_weights must be at least 0, got {self.task_weights[wrong[0]]} for {wrong[0]}")
        if not self.recipe.weights:
            raise ValueError(f"tasks must name at least one task whose weight is not 0, got {self.tasks}")
        return self
