"""Batches for florence2-nano: pictures as the processor shows them to the model, lessons as token ids."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shards.record import Record
from specialists.florence2_format import Task
from stages.scenes.recipes.data import Drawn
from stages.scenes.recipes.florence2_build import GRID, IMAGE_SIZE
from stages.scenes.recipes.florence2_dense import cell_answers
from stages.scenes.recipes.florence2_targets import lessons
from stages.scenes.recipes.mirror import can_mirror, mirrored

Weights = dict[Task, float]
"""How often a task is asked, relative to the others (three groundings per scene, one per text)."""
SPEAKING: Weights = {
    "<CAPTION>": 1.0, "<DETAILED_CAPTION>": 0.7, "<MORE_DETAILED_CAPTION>": 0.6, "<OD>": 1.0,
    "<DENSE_REGION_CAPTION>": 0.8, "<REGION_PROPOSAL>": 0.3, "<CAPTION_TO_PHRASE_GROUNDING>": 0.6,
}  # fmt: skip
PLACING: Weights = {
    "<CAPTION>": 0.7, "<DETAILED_CAPTION>": 0.4, "<MORE_DETAILED_CAPTION>": 0.3, "<OD>": 2.0,
    "<DENSE_REGION_CAPTION>": 0.8, "<REGION_PROPOSAL>": 0.5, "<CAPTION_TO_PHRASE_GROUNDING>": 1.0,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Asked:
    """One lesson in token ids, `<s>` and `</s>` included."""

    task: Task
    prompt: list[int]
    target: list[int]


@dataclass(frozen=True, eq=False)
class School:
    """All training pictures: pixels uint8 [n, 3, S, S], cells float32 [n, GRID * GRID, 9], lessons per picture."""

    pixels: NDArray[np.uint8]
    cells: NDArray[np.float32]
    asked: list[list[Asked]]

    def __len__(self) -> int:
        return len(self.asked)


def load_school(drawn: Iterable[Drawn], tokenizer: Any) -> School:
    """Resize the pictures and tokenize all lessons. Pictures without words come a second time, mirrored."""
    pixels, cells, asked = [], [], []
    for scene in drawn:
        shown = _shown(scene)
        views = [(shown, scene.record)]
        if can_mirror(scene.record):
            views.append((shown[:, :, ::-1], mirrored(scene.record)))
        for picture, record in views:
            pixels.append(picture)
            cells.append(cell_answers(record, GRID).reshape(GRID * GRID, -1))
            asked.append(_asked(record, tokenizer))
    return School(np.stack(pixels), np.stack(cells), asked)


def _asked(record: Record, tokenizer: Any) -> list[Asked]:
    found = lessons(record)
    prompts = tokenizer([f"<s>{item.prompt}</s>" for item in found], add_special_tokens=False)["input_ids"]
    targets = tokenizer([f"<s>{item.target}</s>" for item in found], add_special_tokens=False)["input_ids"]
    return [Asked(i.task, p, t) for i, p, t in zip(found, prompts, targets, strict=True)]


def _shown(scene: Drawn) -> NDArray[np.uint8]:
    """The picture squeezed to a square, uint8 [3, S, S]: what CLIPImageProcessor does before it normalizes."""
    from PIL import Image

    squeezed = Image.fromarray(scene.image()).resize((IMAGE_SIZE, IMAGE_SIZE), Image.Resampling.BICUBIC)
    return np.asarray(squeezed).transpose(2, 0, 1).copy()


def normalized(pixels: NDArray[np.uint8]) -> Any:
    """float32 tensor with ImageNet's mean and deviation."""
    import torch

    mean = torch.tensor([0.485, 0.456, 0.406])[None, :, None, None]
    deviation = torch.tensor([0.229, 0.224, 0.225])[None, :, None, None]
    return (torch.from_numpy(pixels).float() / 255 - mean) / deviation


def draw_lessons(asked: list[Asked], weights: Weights, count: int, rng: np.random.Generator) -> list[Asked]:
    """Up to `count` different lessons of a picture, by the weight of their task."""
    shares = np.array([weights[item.task] for item in asked])
    chosen = rng.choice(len(asked), size=min(count, len(asked)), replace=False, p=shares / shares.sum())
    return [asked[int(i)] for i in chosen]
