"""How a model is trained on a round: a preset gives every number, and a field that is set wins over its preset.

loop:
  retrain:
    preset: nano
    steps: 400
    learning_rate: 0.0001

Presets `base` and `large` follow the paper (Florence-2, section 6.1, arXiv 2311.06242): AdamW, cosine, 5,000 steps of
linear warm-up, 1e-4 and 1e-5, batches of 2,048 and 3,072 images over all processes at 384 px; for the second phase at
768 px set `image_size: 768`. They were written down without the paper at hand; check them before a long run, and its
Table 15, which is not transcribed here. Where the text is silent (weight decay, clipping) the numbers are common ones.
Presets `nano` (the embedded model) and `finetune` (a released checkpoint on one GPU) are ours.
"""

from dataclasses import dataclass, fields, replace
from typing import Literal, Self

from pydantic import Field, model_validator

from shards.settings import Settings
from specialists.florence2_format import PROMPTS, Task

Preset = Literal["nano", "finetune", "base", "large"]
TaskSet = Literal["image", "image-region", "image-region-pixel"]

IMAGE_TASKS: tuple[Task, ...] = ("<CAPTION>", "<DETAILED_CAPTION>", "<MORE_DETAILED_CAPTION>", "<OCR>")
PIXEL_TASKS: tuple[Task, ...] = ("<REFERRING_EXPRESSION_SEGMENTATION>", "<REGION_TO_SEGMENTATION>")
TASK_SETS: dict[TaskSet, tuple[Task, ...]] = {
    "image": IMAGE_TASKS,
    "image-region": tuple(task for task in PROMPTS if task not in PIXEL_TASKS),
    "image-region-pixel": tuple(PROMPTS),
}
"""The three models of the paper's ablation: what a picture says, also what its regions say, also outlines."""

NANO_WEIGHTS: dict[Task, float] = {
    "<CAPTION>": 0.7, "<DETAILED_CAPTION>": 0.4, "<MORE_DETAILED_CAPTION>": 0.3, "<OD>": 2.0,
    "<DENSE_REGION_CAPTION>": 0.8, "<REGION_PROPOSAL>": 0.5, "<CAPTION_TO_PHRASE_GROUNDING>": 3.0,
}  # fmt: skip
"""What the embedded model was taught, and how often each is asked (the last phase of its recipe)."""


@dataclass(frozen=True)
class Recipe:
    """The numbers of one run. weights: the tasks, and how often each is asked relative to the others; batch: images per
    process and micro-step; targets: lessons per image."""

    weights: dict[Task, float]
    steps: int
    batch: int
    targets: int
    accumulation: int
    learning_rate: float
    warmup: int
    weight_decay: float
    clip: float
    betas: tuple[float, float]
    precision: Literal["fp32", "bf16", "fp16"]
    image_size: int | None
    freeze_vision: bool
    lora: int
    gradient_checkpointing: bool
    location_spread: float
    ema: float


_PAPER = Recipe(
    weights=dict.fromkeys(PROMPTS, 1.0),
    steps=1_000_000, batch=64, targets=4, accumulation=1, learning_rate=1e-4, warmup=5000, weight_decay=0.05,
    clip=1.0, betas=(0.9, 0.999), precision="bf16", image_size=384, freeze_vision=False, lora=0,
    gradient_checkpointing=False, location_spread=0.0, ema=0.0,
)  # fmt: skip

PRESETS: dict[Preset, Recipe] = {
    "nano": Recipe(
        weights=NANO_WEIGHTS,
        steps=400, batch=16, targets=4, accumulation=1, learning_rate=2e-4, warmup=20, weight_decay=0.01,
        clip=1.0, betas=(0.9, 0.98), precision="fp32", image_size=None, freeze_vision=False, lora=0,
        gradient_checkpointing=False, location_spread=4.0, ema=0.0,
    ),
    "finetune": Recipe(
        weights=dict.fromkeys(PROMPTS, 1.0),
        steps=2000, batch=8, targets=4, accumulation=2, learning_rate=1e-5, warmup=100, weight_decay=0.01,
        clip=1.0, betas=(0.9, 0.999), precision="bf16", image_size=None, freeze_vision=False, lora=0,
        gradient_checkpointing=False, location_spread=0.0, ema=0.0,
    ),
    "base": _PAPER,
    "large": Recipe(**{**_PAPER.__dict__, "learning_rate": 1e-5, "batch": 32, "gradient_checkpointing": True}),
}  # fmt: skip


class RetrainSettings(Settings):
    """A null takes the preset's number."""

    preset: Preset = Field("nano", description="defaults of what is null below: nano, finetune, base, large")
    tasks: TaskSet | list[Task] | None = Field(
        None, description="what is trained: image, image-region, image-region-pixel, or a list of tasks"
    )
    task_weights: dict[Task, float] = Field(
        {}, description="how often a task is asked, relative to the others; default the preset's, else 1"
    )
    steps: int | None = Field(None, ge=1, description="optimizer steps; null with epochs null: the preset's")
    epochs: float | None = Field(None, gt=0, description="instead of steps: passes over the trained images")
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
        """The preset with the fields that are set."""
        base = PRESETS[self.preset]
        names = [field.name for field in fields(Recipe) if field.name != "weights"]
        chosen = {name: value for name in names if (value := getattr(self, name, None)) is not None}
        asked = {task: self.task_weights.get(task, base.weights.get(task, 1.0)) for task in self._tasks()}
        return replace(base, weights={task: weight for task, weight in asked.items() if weight > 0}, **chosen)

    def _tasks(self) -> tuple[Task, ...]:
        if self.tasks is None:
            return tuple(PRESETS[self.preset].weights)
        return tuple(self.tasks) if isinstance(self.tasks, list) else TASK_SETS[self.tasks]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.steps is not None and self.epochs is not None:
            raise ValueError(f"steps and epochs exclude each other, got {self.steps} and {self.epochs}: unset one")
        if wrong := [task for task, weight in self.task_weights.items() if weight < 0]:
            raise ValueError(f"task_weights must be at least 0, got {self.task_weights[wrong[0]]} for {wrong[0]}")
        if not self.recipe.weights:
            raise ValueError(f"tasks must name at least one task whose weight is not 0, got {self.tasks}")
        return self
