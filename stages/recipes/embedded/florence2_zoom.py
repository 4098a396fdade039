"""The third phase of florence2-nano: parts of scenes, magnified, beside whole ones.

    python -m stages.recipes.embedded.florence2_zoom --cache CACHE --run RUN --start CHECKPOINT --out OUT

After two phases the model found 81% of the largest quarter of all objects and 11% of the smallest: 192 pixels hold too
little of a small thing. A detector that also looks at parts of a picture (`tiles` of a Florence-2 detector) sees them
larger, if it knows such views: here a part of a random size and place is a picture of its own, whose objects are those
of which enough lies inside. It has no texts: nobody said what is in the part. Everything else is phase two's.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from shards.finding import Box
from shards.record import Record, Region
from stages.recipes.embedded.card import write_card
from stages.recipes.embedded.data import TRAIN_SEED, Drawn, drawn_scenes
from stages.recipes.embedded.florence2_batches import School, load_close_ups, load_school, load_views
from stages.recipes.embedded.florence2_nano import Florence2Recipe, RecipeTrainer
from stages.recipes.embedded.running import recipe_parser, save_half, single_thread

LEAST_SIDE, LEAST_INSIDE = 0.35, 0.6
"""Of a part: its least side as a share of the picture's; how much of an object lies inside if it is the part's."""
VIEWS = 2
"""Parts per scene."""
FIRST_SCENE = 4000
"""The first two phases saw the scenes before it."""
PLAN = replace(Florence2Recipe(), scenes=6000, look_steps=0, cycles=(3000,))


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


def load_parts(drawn: Iterable[Drawn], tokenizer: Any, seed: int) -> School:
    """VIEWS parts of every scene that hold an object."""
    rng = np.random.default_rng([seed, 3])
    views = []
    for scene in drawn:
        image = scene.image()
        for _ in range(VIEWS):
            window = draw_window(rng, scene.record.width, scene.record.height)
            part = part_of(scene.record, window)
            if part.regions:
                x0, y0, x1, y1 = (round(side) for side in window)
                views.append((image[y0:y1, x0:x1], part))
    return load_views(views, tokenizer)


def train(start: Path, cache: Path, folder: Path, out: Path, keep: int, plan: Florence2Recipe = PLAN) -> None:
    """Run or continue the phase from the checkpoint `start` and save the averaged weights to `out`."""
    from transformers import AutoProcessor, Florence2ForConditionalGeneration

    single_thread()
    folder.mkdir(parents=True, exist_ok=True)
    loads: Any = AutoProcessor
    processor = loads.from_pretrained(start)
    drawn = list(drawn_scenes(cache, TRAIN_SEED, FIRST_SCENE, FIRST_SCENE + plan.scenes))
    school = joined(load_school(drawn, processor.tokenizer), load_parts(drawn, processor.tokenizer, plan.seed))
    trainer = RecipeTrainer(plan, processor, school, load_close_ups(drawn, processor.tokenizer))
    begun: Any = Florence2ForConditionalGeneration.from_pretrained(start)
    trainer.model.load_state_dict(begun.float().state_dict())
    (folder / "plan.json").write_text(json.dumps(asdict(plan), indent=2) + "\n")
    trainer.learn(keep, folder, sum(plan.cycles))
    save_half(trainer.mean, processor, out)
    parameters = sum(weights.numel() for weights in trainer.mean.parameters())
    before = json.loads((start / "card.json").read_bytes())
    write_card(out, "stages.recipes.embedded.florence2_zoom", plan, folder, parameters, before)


def joined(first: School, second: School) -> School:
    """Both, one after the other."""
    pixels, cells = np.concatenate([first.pixels, second.pixels]), np.concatenate([first.cells, second.cells])
    return School(pixels, cells, [*first.asked, *second.asked])


def main() -> None:
    """Command line of the phase."""
    parser = recipe_parser(__doc__)
    parser.add_argument("--start", type=Path, required=True, help="folder of the checkpoint of the first two phases")
    parser.add_argument("--keep", type=int, default=100)
    arguments = parser.parse_args()
    train(arguments.start, arguments.cache, arguments.run, arguments.out, arguments.keep)


if __name__ == "__main__":
    main()
