"""Parts of scenes, magnified: a part of a random size and place is a picture of its own, whose objects are those of
which enough lies inside. It has no texts: nobody said what is in the part.
"""

from collections.abc import Iterable
from typing import Any

import msgspec
import numpy as np

from shards.finding import Box
from shards.record import Record, Region
from stages.recipes.embedded.data import Drawn
from stages.recipes.embedded.florence2_batches import School, load_views

LEAST_SIDE, LEAST_INSIDE = 0.35, 0.6
"""Of a part: its least side as a share of the picture's; how much of an object lies inside if it is the part's."""
VIEWS = 2
"""Parts per scene."""


def part_of(record: Record, window: Box) -> Record:
    """The gold of a part of the picture: window x0 y0 x1 y1 in whole pixels. Objects are cut at its edges; texts and
    words are left out."""
    inside = [_cut(region, window) for region in record.regions if region.kind == "object"]
    regions = [region for region in inside if region is not None]
    x0, y0, x1, y1 = (round(side) for side in window)
    return msgspec.structs.replace(record, width=x1 - x0, height=y1 - y0, texts=[], groundings=[], regions=regions)


def _cut(region: Region, window: Box) -> Region | None:
    x0, y0, x1, y1 = region.box
    cut = max(x0, window[0]), max(y0, window[1]), min(x1, window[2]), min(y1, window[3])
    area = max(cut[2] - cut[0], 0.0) * max(cut[3] - cut[1], 0.0)
    if area < LEAST_INSIDE * (x1 - x0) * (y1 - y0):
        return None
    box = cut[0] - window[0], cut[1] - window[1], cut[2] - window[0], cut[3] - window[1]
    return msgspec.structs.replace(region, box=box, polygons=None, quad=None, votes=[])


def draw_window(rng: np.random.Generator, width: int, height: int) -> Box:
    """A part of a picture of a random size and place, in whole pixels; its sides keep their ratio."""
    share = float(rng.uniform(LEAST_SIDE, 1.0))
    w, h = round(width * share), round(height * share)
    x, y = int(rng.integers(width - w + 1)), int(rng.integers(height - h + 1))
    return float(x), float(y), float(x + w), float(y + h)


def draw_windows(records: Iterable[Record], seed: int) -> list[list[Box]]:
    """VIEWS windows for every scene. The draws follow one another, so that they are made for all scenes at once."""
    rng = np.random.default_rng([seed, 3])
    return [[draw_window(rng, record.width, record.height) for _ in range(VIEWS)] for record in records]


def load_parts(drawn: Iterable[Drawn], tokenizer: Any, windows: list[list[Box]]) -> School:
    """The parts of every scene that hold an object. windows: of each scene, as from `draw_windows`."""
    views = []
    for scene, chosen in zip(drawn, windows, strict=True):
        image = scene.image()
        for window in chosen:
            part = part_of(scene.record, window)
            if part.regions:
                x0, y0, x1, y1 = (round(side) for side in window)
                views.append((image[y0:y1, x0:x1], part))
    return load_views(views, tokenizer)
