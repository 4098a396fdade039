"""The numbers of a training run, and where each comes from.

Presets `base` and `large` are the paper's (Florence-2, arXiv 2311.06242, section 6 and Table 15): AdamW, a cosine after
5,000 steps of linear warm-up up to 1e-4 and 1e-5, batches of 2,048 and 3,072 effective samples over all processes, 384
px until 3 billion effective samples. `base_768` and `large_768` are its second phase, 768 px for another 0.5 and 0.1
billion, started from the model of the first. An effective sample is one image with one of its annotations, a lesson
here. All tasks together, and the tower is never frozen: in its ablations fewer tasks transfer worse, and a frozen tower
finds few boxes. The paper leaves open: weight decay, betas, clipping, the weights of tasks and the rate of the second
phase; those numbers are common ones, and the second phase keeps the rate of the first.

Presets `nano` (models as small as the embedded one) and `finetune` (a released checkpoint on one GPU) are ours.
"""

from dataclasses import dataclass, replace
from typing import Literal

from specialists.florence2_format import PROMPTS, Task

Preset = Literal["nano", "finetune", "base", "base_768", "large", "large_768"]
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
    process and micro-step; targets: lessons per image. samples: lessons of the whole run, from which `steps` follow,
    None: `steps` as they are; effective_batch: lessons per step of all processes, from which `accumulation` follows."""

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
    samples: int | None = None
    effective_batch: int | None = None

    def over(self, processes: int) -> "Recipe":
        """With accumulation and steps as they follow for so many processes. What the effective batch cannot be divided
        into evenly is rounded, and the steps follow from what a step then has."""
        at_once = self.batch * self.targets * processes
        whole = self.effective_batch
        accumulation = self.accumulation if whole is None else max(1, round(whole / at_once))
        lessons = at_once * accumulation
        steps = self.steps if self.samples is None else max(1, round(self.samples / lessons))
        return replace(self, accumulation=accumulation, steps=steps)


def _paper(
    rate: float, batch: int, effective_batch: int, samples: int, image_size: int, *, checkpointing: bool
) -> Recipe:
    return Recipe(
        weights=dict.fromkeys(PROMPTS, 1.0),
        steps=round(samples / effective_batch), batch=batch, targets=4, accumulation=1, learning_rate=rate, warmup=5000,
        weight_decay=0.05, clip=1.0, betas=(0.9, 0.999), precision="bf16", image_size=image_size, freeze_vision=False,
        lora=0, gradient_checkpointing=checkpointing, location_spread=0.0, ema=0.0, samples=samples,
        effective_batch=effective_batch,
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
    "base": _paper(1e-4, 64, 2048, 3_000_000_000, 384, checkpointing=False),
    "base_768": _paper(1e-4, 16, 2048, 500_000_000, 768, checkpointing=False),
    "large": _paper(1e-5, 32, 3072, 3_000_000_000, 384, checkpointing=True),
    "large_768": _paper(1e-5, 8, 3072, 100_000_000, 768, checkpointing=True),
}  # fmt: skip
