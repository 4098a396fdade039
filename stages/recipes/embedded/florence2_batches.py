"""Batches for florence2-nano: pictures as the processor shows them to the model, lessons as token ids."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shards.record import Record, Region
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

    def to(self, device: str) -> "DeviceSchool":
        """Pictures and cells as tensors there, whole."""
        import torch

        return DeviceSchool(
            torch.from_numpy(self.pixels).to(device), torch.from_numpy(self.cells).to(device), self.asked
        )


@dataclass(frozen=True, eq=False)
class DeviceSchool:
    """A school whose pixels and cells are tensors on the device of the model; the lessons stay lists."""

    pixels: Any
    cells: Any
    asked: list[list[TokenizedLesson]]

    def __len__(self) -> int:
        return len(self.asked)


def joined(schools: Sequence[School]) -> School:
    """One after the other."""
    pixels, cells = (np.concatenate(parts) for parts in zip(*((s.pixels, s.cells) for s in schools), strict=True))
    return School(pixels, cells, [asked for school in schools for asked in school.asked])


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


Pick = tuple[int, float]
"""Which object of a scene is shown alone, and its margin."""


def draw_picks(records: Iterable[Record]) -> list[list[Pick]]:
    """The close-ups of every scene. The draws follow one another, so that they are made for all scenes at once."""
    rng = np.random.default_rng(SEED)
    orders = (rng.permutation(len(_things(record)))[:CLOSE_UPS] for record in records)
    return [[(int(index), float(rng.uniform(0, CLOSE_MARGIN))) for index in order] for order in orders]


def load_close_ups(drawn: Sequence[Drawn], tokenizer: Any, picks: list[list[Pick]] | None = None) -> School:
    """Some objects of every scene alone, each with its phrase as caption: what a captioner of crops is shown. picks: of
    `draw_picks`, if these scenes are some of more."""
    picks = draw_picks(scene.record for scene in drawn) if picks is None else picks
    pixels, asked = [], []
    for scene, chosen in zip(drawn, picks, strict=True):
        image, things = scene.image(), _things(scene.record)
        for index, margin in chosen:
            region = things[index]
            pixels.append(_shown(crop(image, region.box, margin)))
            lesson = Lesson("<CAPTION>", prompt("<CAPTION>"), region.candidates[1].text, (region.id,))
            asked.append(_asked([lesson], tokenizer))
    return School(np.stack(pixels), np.zeros((len(pixels), 0, 9), dtype=np.float32), asked)


def _things(record: Record) -> list[Region]:
    return [region for region in record.regions if region.kind == "object"]


def _asked(found: list[Lesson], tokenizer: Any) -> list[TokenizedLesson]:
    prompts = tokenizer([f"<s>{item.prompt}</s>" for item in found], add_special_tokens=False)["input_ids"]
    targets = tokenizer([f"<s>{item.target}</s>" for item in found], add_special_tokens=False)["input_ids"]
    return [TokenizedLesson(i.task, p, t) for i, p, t in zip(found, prompts, targets, strict=True)]


def _shown(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture squeezed to a square, uint8 [3, S, S]: what CLIPImageProcessor does before it normalizes."""
    from PIL import Image

    squeezed = Image.fromarray(image).resize((IMAGE_SIZE, IMAGE_SIZE), Image.Resampling.BICUBIC)
    return np.asarray(squeezed).transpose(2, 0, 1).copy()


def normalized(pixels: Any) -> Any:
    """uint8 tensor [b, 3, S, S] -> float32 with ImageNet's mean and deviation."""
    import torch

    mean = torch.tensor([0.485, 0.456, 0.406], device=pixels.device)[None, :, None, None]
    deviation = torch.tensor([0.229, 0.224, 0.225], device=pixels.device)[None, :, None, None]
    return (pixels.float() / 255 - mean) / deviation


def draw_lessons(
    asked: list[TokenizedLesson], weights: Weights, count: int, rng: np.random.Generator
) -> list[TokenizedLesson]:
    """Up to `count` different lessons of a picture, by the weight of their task."""
    shares = np.array([weights[item.task] for item in asked])
    chosen = rng.choice(len(asked), size=min(count, len(asked)), replace=False, p=shares / shares.sum())
    return [asked[int(i)] for i in chosen]
