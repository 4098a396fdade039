"""Pictures at dusk: what a specialist meets that was trained by day.

at_dusk(scenes, half)    scenes/dusk/000000.jpg, ..., and a list of them, scenes/dusk.jsonl
"""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from tests.experiments.running import written

LIGHT = np.array([0.50, 0.55, 0.70])
"""What is left of red, green and blue. Of 160 scenes, florence2-nano's brief texts fall from a CIDEr-D of 3.9 to 1.5,
the F1 of yolo-nano's objects from 0.73 to 0.65; with less light (0.30, 0.34, 0.50) to 0.5 and 0.55."""
HAZE = 8.0
BLUR = 1.0
"""Radius in px."""
NOISE = 6.0
"""Standard deviation of every value, of 255."""


def at_dusk(scenes: Path, listed: Path) -> Path:
    """The list with every picture replaced by one at dusk, labels and keys as they were."""
    folder = scenes / "dusk"
    folder.mkdir(exist_ok=True)
    lines = [json.loads(line) for line in listed.read_text().splitlines()]
    for number, line in enumerate(lines):
        with Image.open(scenes / line["uri"]) as picture:
            shown = darkened(picture.convert("RGB"), number)
        line["uri"] = f"dusk/{line['key']}.jpg"
        Image.fromarray(shown).save(scenes / line["uri"], quality=92)
    return written(scenes / "dusk.jsonl", lines)


def darkened(picture: Image.Image, seed: int) -> NDArray[np.uint8]:
    """uint8 RGB [h, w, 3]."""
    soft = np.asarray(picture.filter(ImageFilter.GaussianBlur(BLUR)), dtype=np.float64)
    grain = np.random.default_rng(seed).normal(0.0, NOISE, soft.shape)
    shown: NDArray[np.float64] = np.clip(soft * LIGHT + HAZE + grain, 0, 255)
    return shown.astype(np.uint8)
