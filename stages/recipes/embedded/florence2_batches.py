"""Batches for florence2-nano: pictures as the processor shows them to the model, lessons as token ids."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shards.record import Record
from specialists.florence2_format import Task, prompt
from stages.annotate.boxes import crop
from stages.codec.lesson import Lesson
from stages.recipes.embedded.data import Drawn
from stages.recipes.embedded.florence2_dense import cell_answers
from stages.recipes.embedded.florence2_targets import scene_lessons
from stages.recipes.embedded.mirror import can_mirror, mirrored_record
from stages.retrain.build import SIZES
from stages.retrain.lessons import TokenizedLesson

IMAGE_SIZE = SIZES["nano"].image_size
GRID = math.isqrt(SIZES["nano"].image_tokens - 1)
Weights = dict[Task, float]
"""How often a task is asked, relative to the others (three groundings per scene, one per text)."""
WEIGHTS: Weights = {
    "<CAPTION>": 1.0, "<DETAILED_CAPTION>": 0.6, "<MORE_DETAILED_CAPTION>": 0.5, "<OD>": 1.6,
    "<DENSE_REGION_CAPTION>": 0.8, "<REGION_PROPOSAL>": 0.4, "<CAPTION_TO_PHRASE_GROUNDING>": 0.8,
}  # fmt: skip
CLOSE_UPS = 2
"""Objects per scene, at most, that are shown alone."""
CLOSE_MARGIN = 0.2
"""A close-up shows up to this share of the box more on every side."""
SEED = 5


@dataclass(frozen=True, eq=False)
class School:
    """Training pictures: pixels uint8 [n, 3, S, S], cells float32 [n, GRID * GRID, 9] (close-ups have none: [n, 0, 9]),
    lessons per picture."""

    pixels: NDArray[np.uint8]
    cells: NDArray[np.float32]
    asked: list[list[TokenizedLesson]]

    def __len__(self) -> int:
        return len(self.asked)


def load_school(drawn: Iterable[Drawn], tokenizer: Any) -> School:
    """Resize the pictures and tokenize all lessons. Pictures without words come a second time, mirrored."""
    views = []
    for scene in drawn:
        image = scene.image()
        views.append((image, scene.record))
        if can_mirror(scene.record):
            views.append((image[:, ::-1], mirrored_record(scene.record)))
    return load_views(views, tokenizer)


def load_views(views: Iterable[tuple[NDArray[np.uint8], Record]], tokenizer: Any) -> School:
    """The same of pictures uint8 RGB [h, w, 3] and their gold."""
    pixels, cells, asked = [], [], []
    for image, record in views:
        pixels.append(_shown(image))
        cells.append(cell_answers(record, GRID).reshape(GRID * GRID, -1))
        asked.append(_asked(scene_lessons(record), tokenizer))
    return School(np.stack(pixels), np.stack(cells), asked)


def load_close_ups(drawn: Iterable[Drawn], tokenizer: Any) -> School:
    """Some objects of every scene alone, each with its phrase as caption: what a captioner of crops is shown."""
    rng = np.random.default_rng(SEED)
    pixels, asked = [], []
    for scene in drawn:
        image, things = scene.image(), [region for region in scene.record.regions if region.kind == "object"]
        for index in rng.permutation(len(things))[:CLOSE_UPS]:
            region = things[index]
            pixels.append(_shown(crop(image, region.box, float(rng.uniform(0, CLOSE_MARGIN)))))
            lesson = Lesson("<CAPTION>", prompt("<CAPTION>"), region.candidates[1].text, (region.id,))
            asked.append(_asked([lesson], tokenizer))
    return School(np.stack(pixels), np.zeros((len(pixels), 0, 9), dtype=np.float32), asked)


def _asked(found: list[Lesson], tokenizer: Any) -> list[TokenizedLesson]:
    prompts = tokenizer([f"<s>{item.prompt}</s>" for item in found], add_special_tokens=False)["input_ids"]
    targets = tokenizer([f"<s>{item.target}</s>" for item in found], add_special_tokens=False)["input_ids"]
    return [TokenizedLesson(i.task, p, t) for i, p, t in zip(found, prompts, targets, strict=True)]


def _shown(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture squeezed to a square, uint8 [3, S, S]: what CLIPImageProcessor does before it normalizes."""
    from PIL import Image

    squeezed = Image.fromarray(image).resize((IMAGE_SIZE, IMAGE_SIZE), Image.Resampling.BICUBIC)
    return np.asarray(squeezed).transpose(2, 0, 1).copy()


def normalized(pixels: NDArray[np.uint8]) -> Any:
    """float32 tensor with ImageNet's mean and deviation."""
    import torch

    mean = torch.tensor([0.485, 0.456, 0.406])[None, :, None, None]
    deviation = torch.tensor([0.229, 0.224, 0.225])[None, :, None, None]
    return (torch.from_numpy(pixels).float() / 255 - mean) / deviation


def draw_lessons(
    asked: list[TokenizedLesson], weights: Weights, count: int, rng: np.random.Generator
) -> list[TokenizedLesson]:
    """Up to `count` different lessons of a picture, by the weight of their task."""
    shares = np.array([weights[item.task] for item in asked])
    chosen = rng.choice(len(asked), size=min(count, len(asked)), replace=False, p=shares / shares.sum())
    return [asked[int(i)] for i in chosen]
