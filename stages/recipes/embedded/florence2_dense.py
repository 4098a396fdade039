"""A scaffold that teaches the vision tower to see before the decoder learns to speak; thrown away afterwards.

Every cell of the feature grid whose centre lies in an object's box says what that object is: kind, colour, texture,
size, and the distances to the four edges (as FCOS does; Tian et al. 2019). One scene gives some forty such answers,
where a caption gives one.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shards.record import Record
from stages.scenes.kinds import NAMES
from stages.scenes.palette import COLOURS, TEXTURES

CELLS_ASKED = 256
"""Cells per batch whose edges are asked for in location tokens: each costs four scores over all bins."""
COLOUR_NAMES = tuple(COLOURS)
SIZE_NAMES = ("small", "", "large")
PARTS = (len(NAMES), len(COLOUR_NAMES), len(TEXTURES), len(SIZE_NAMES))
"""Width of each classification in the head's output, after objectness (1) and before the edges (4)."""


def cell_answers(record: Record, grid: int) -> NDArray[np.float32]:
    """float32 [grid, grid, 9]: is an object, kind, colour, texture, size, then left, top, right, bottom as shares of
    the picture. Small objects win a cell over large ones; an object between cell centres takes the nearest cell."""
    answers = np.zeros((grid, grid, 9), dtype=np.float32)
    scale = np.array([record.width, record.height] * 2)
    things = [region for region in record.regions if region.kind == "object"]
    things.sort(key=lambda region: -(region.box[2] - region.box[0]) * (region.box[3] - region.box[1]))
    for region in things:
        box = np.array(region.box) / scale
        centre = np.minimum((box[:2] + box[2:]) / 2 * grid, grid - 1e-3).astype(int)
        low, high = np.ceil(box[:2] * grid - 0.5).astype(int), np.floor(box[2:] * grid - 0.5).astype(int)
        low, high = np.minimum(low, centre), np.maximum(high, centre)
        answers[low[1] : high[1] + 1, low[0] : high[0] + 1] = [1, *_named(region.candidates[1].text), *box]
    return answers


def _named(phrase: str) -> tuple[int, int, int, int]:
    """Indices of kind, colour, texture and size in "a large striped red fish"."""
    words = phrase.split()
    texture = next((word for word in words if word in TEXTURES), "plain")
    size = next((word for word in words if word in SIZE_NAMES), "")
    colour = next(word for word in words if word in COLOURS)
    return NAMES.index(words[-1]), COLOUR_NAMES.index(colour), TEXTURES.index(texture), SIZE_NAMES.index(size)


def build_head(width: int) -> Any:
    """[n, width] features of cells -> [n, 1 + sum(PARTS) + 4]."""
    from torch import nn

    return nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, 1 + sum(PARTS) + 4))


def dense_loss(output: Any, answers: Any) -> Any:
    """output [b, cells, width of the head], answers [b, cells, 9] -> scalar."""
    import torch
    from torch.nn import functional

    is_object = answers[..., 0]
    loss = functional.binary_cross_entropy_with_logits(output[..., 0], is_object)
    inside = is_object > 0.5
    said, truth = output[inside], answers[inside]
    if len(said) == 0:
        return loss
    start = 1
    for part, width in enumerate(PARTS):
        loss = loss + functional.cross_entropy(said[:, start : start + width], truth[:, 1 + part].long())
        start += width
    cells = torch.arange(answers.shape[1], device=answers.device)
    side = round(answers.shape[1] ** 0.5)
    centres = torch.stack([cells % side, cells // side] * 2, dim=1).add(0.5).div(side)
    edges = truth[:, 5:] - centres.expand(len(answers), -1, -1)[inside]
    return loss + 10 * functional.smooth_l1_loss(said[:, start:], edges, beta=0.05)


def build_place_head(width: int) -> Any:
    """[n, width] encoded cells -> [n, 4 * width]: for each edge, what should look like the embedding of its bin."""
    from torch import nn

    return nn.Linear(width, 4 * width)


def place_loss(output: Any, answers: Any, rows: Any, near: Any) -> Any:
    """Every cell of an object says its edges in location tokens. output [b, cells, 4 * width]; answers [b, cells, 9];
    rows: the model's own embeddings of `<loc_i>` [1000, width]; near [1000, 1000]: the wanted distribution per bin."""
    import torch

    inside = torch.nonzero(answers[..., 0].reshape(-1) > 0.5)[:, 0]
    inside = inside[:: max(1, len(inside) // CELLS_ASKED)]
    said = output.reshape(-1, 4, rows.shape[1])[inside] @ rows.T
    bins = (answers.reshape(-1, 9)[inside, 5:] * len(rows)).long().clamp(0, len(rows) - 1)
    return -(near[bins] * torch.log_softmax(said, dim=-1)).sum(-1).mean()
