"""Training scenes, drawn once and kept as JPEG and gold in chunk files: the picture is what `fld scenes` writes.

    python -m stages.recipes.embedded.data CACHE --seed 1000 --count 16000

Three seeds, never mixed: TRAIN for weights, TUNE to choose between recipes, TEST for the numbers in the model card.
"""

import argparse
import io
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from shards.record import Record
from stages.scenes.gold import draw_scene
from stages.scenes.settings import VERSION, SceneSettings
from stages.scenes.write import JPEG_QUALITY

TRAIN_SEED, TUNE_SEED, TEST_SEED = 1000, 2000, 3000
CHUNK = 500


class Drawn(msgspec.Struct):
    """A scene as it is kept: JPEG bytes and gold."""

    jpeg: bytes
    record: Record

    def image(self) -> NDArray[np.uint8]:
        """uint8 RGB [h, w, 3]."""
        from PIL import Image

        return np.asarray(Image.open(io.BytesIO(self.jpeg)).convert("RGB"))


def drawn_scenes(cache: Path, seed: int, start: int, stop: int, chunk_size: int = CHUNK) -> Iterator[Drawn]:
    """Scenes start..stop-1 of a seed, from the cache; whatever is missing there is drawn and kept first."""
    for first in range(start - start % chunk_size, stop, chunk_size):
        path = cache / f"scenes-{VERSION}-{seed}-{first:06d}.msgpack"
        if not path.exists():
            _draw_chunk(path, seed, first, chunk_size)
        chunk = msgspec.msgpack.decode(path.read_bytes(), type=list[Drawn])
        yield from chunk[max(0, start - first) : stop - first]


def _draw_chunk(path: Path, seed: int, first: int, size: int) -> None:
    from PIL import Image

    drawn = []
    for index in range(first, first + size):
        scene = draw_scene(seed, index, SceneSettings())
        buffer = io.BytesIO()
        Image.fromarray(scene.image).save(buffer, "JPEG", quality=JPEG_QUALITY)
        drawn.append(Drawn(buffer.getvalue(), scene.record))
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_suffix(".part")
    half.write_bytes(msgspec.msgpack.encode(drawn))
    os.replace(half, path)


def main() -> None:
    """Fill a cache ahead of training."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cache", type=Path)
    parser.add_argument("--seed", type=int, default=TRAIN_SEED)
    parser.add_argument("--count", type=int, default=16000)
    arguments = parser.parse_args()
    for _ in drawn_scenes(arguments.cache, arguments.seed, 0, arguments.count):
        pass


if __name__ == "__main__":
    main()
