"""Pictures at dusk: what a specialist meets that was trained by day. As `fld scenes --light dusk` draws them, but made
of files: the published numbers are of pictures that were compressed twice.

at_dusk(scenes, half)    scenes/dusk/000000.jpg, ..., and a list of them, scenes/dusk.jsonl
"""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from stages.scenes.light import BLUR, HAZE, LIGHT, NOISE
from tests.experiments.running import written


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
