"""Trains yolo-nano from nothing on generated scenes: ultralytics' YOLO11 at an eighth of its width.

    python -m stages.recipes.embedded.yolo_nano --cache CACHE --run RUN --out specialists/embedded/yolo-nano

A plain loop on the library's model and loss: its own trainer wants a data set on disk, writes plots and checks for
updates. The checkpoint has the form that trainer writes, so that any ultralytics tool reads it.
"""

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.recipes.embedded.card import write_card
from stages.recipes.embedded.data import TRAIN_SEED, Drawn, drawn_scenes
from stages.recipes.embedded.running import NanoRecipe, averaged, recipe_parser, single_thread
from stages.scenes.kinds import NAMES

RECIPE = "stages.recipes.embedded.yolo_nano"
PLAN = NanoRecipe(seed=1, scenes=4000, steps=2000, batch=16, rate=2e-3, ema=0.998)
IMAGE_SIZE = 192
SCALE = [0.50, 0.125, 1024]
"""Depth, width and most channels, in the form of the library's model files."""


@dataclass(frozen=True, eq=False)
class LetterboxedPictures:
    """pixels: uint8 [n, 3, S, S], letterboxed in grey. labels: per picture float32 [k, 5], class and x, y, w, h of the
    box as shares of the square."""

    pixels: NDArray[np.uint8]
    labels: list[NDArray[np.float32]]


def load_pictures(drawn: Iterable[Drawn]) -> LetterboxedPictures:
    """Scenes as the library shows them to its model: long side scaled to the size, padded evenly with grey 114."""
    from PIL import Image

    pixels, labels = [], []
    for scene in drawn:
        image = scene.image()
        height, width = image.shape[:2]
        scale = IMAGE_SIZE / max(height, width)
        wide, tall = round(width * scale), round(height * scale)
        left, top = (IMAGE_SIZE - wide) // 2, (IMAGE_SIZE - tall) // 2
        square = np.full((IMAGE_SIZE, IMAGE_SIZE, 3), 114, dtype=np.uint8)
        small = Image.fromarray(image).resize((wide, tall), Image.Resampling.BILINEAR)
        square[top : top + tall, left : left + wide] = np.asarray(small)
        pixels.append(square.transpose(2, 0, 1))
        rows = [
            (NAMES.index(region.candidates[0].text), *region.box)
            for region in scene.record.regions
            if region.kind == "object"
        ]
        table = np.array(rows, dtype=np.float32).reshape(-1, 5)
        corners = (table[:, 1:] * scale + (left, top, left, top)) / IMAGE_SIZE
        table[:, 1:3] = (corners[:, :2] + corners[:, 2:]) / 2
        table[:, 3:] = corners[:, 2:] - corners[:, :2]
        labels.append(table)
    return LetterboxedPictures(np.stack(pixels), labels)


def build(seed: int) -> Any:
    """An untrained detection model with our kinds as classes."""
    import torch
    from ultralytics.cfg import get_cfg
    from ultralytics.nn import tasks

    library: Any = tasks
    torch.manual_seed(seed)
    architecture = library.yaml_model_load("yolo11n.yaml") | {"scales": {"n": SCALE}, "scale": "n", "nc": len(NAMES)}
    model: Any = library.DetectionModel(architecture, ch=3, nc=len(NAMES), verbose=False)
    model.names = dict(enumerate(NAMES))
    model.args = get_cfg()
    return model


def train(plan: NanoRecipe, cache: Path, run: Path) -> Any:
    """The averaged model."""
    import torch

    single_thread()
    pictures = load_pictures(drawn_scenes(cache, TRAIN_SEED, 0, plan.scenes))
    model = build(plan.seed).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=plan.rate, betas=(0.9, 0.99), weight_decay=5e-4)
    rng = np.random.default_rng([plan.seed, 1])

    def loss_of() -> Any:
        losses, _ = model(_batch(pictures, plan.batch, rng))
        return losses.sum() / plan.batch

    return averaged(model, loss_of, optimizer, plan, run, clip=10.0)


def _batch(pictures: LetterboxedPictures, size: int, rng: np.random.Generator) -> dict[str, Any]:
    """Random pictures, half of them mirrored, all a little brighter or darker."""
    import torch

    chosen = rng.integers(len(pictures.labels), size=size)
    pixels = pictures.pixels[chosen].astype(np.float32) / 255
    labels = [pictures.labels[int(i)].copy() for i in chosen]
    for row in np.flatnonzero(rng.random(size) < 0.5):
        pixels[row] = pixels[row, :, :, ::-1]
        labels[row][:, 1] = 1 - labels[row][:, 1]
    pixels *= rng.uniform(0.85, 1.15, size=(size, 1, 1, 1)).astype(np.float32)
    owner = np.repeat(np.arange(size), [len(table) for table in labels])
    table = np.concatenate(labels)
    return {
        "img": torch.from_numpy(np.clip(pixels, 0, 1)),
        "batch_idx": torch.from_numpy(owner.astype(np.float32)),
        "cls": torch.from_numpy(table[:, :1].copy()),
        "bboxes": torch.from_numpy(table[:, 1:].copy()),
    }


def save(model: Any, out: Path) -> None:
    """yolo-nano.pt in half precision, as the library's trainer writes it: the model object and its arguments."""
    import torch

    out.mkdir(parents=True, exist_ok=True)
    kept = copy.deepcopy(model).eval().half()
    kept.criterion = None
    arguments = {"task": "detect", "imgsz": IMAGE_SIZE, "data": None, "single_cls": False, "model": "yolo11n.yaml"}
    kept.args = arguments
    torch.save(
        {"model": kept, "train_args": arguments, "epoch": -1, "ema": None, "optimizer": None}, out / "yolo-nano.pt"
    )


def main() -> None:
    """Command line of the recipe."""
    arguments = recipe_parser(__doc__).parse_args()
    model = train(PLAN, arguments.cache, arguments.run)
    save(model, arguments.out)
    write_card(arguments.out, RECIPE, PLAN, arguments.run, sum(w.numel() for w in model.parameters()))


if __name__ == "__main__":
    main()
