"""Specialists for the engine's tests: they look at real pixels, with rules a reader can work out by hand.

The pictures of `save_pictures` have a grey ground and one coloured rectangle. Used through `backend: custom`.
"""

from pathlib import Path

import numpy as np
import PIL.Image

from shards.finding import Granularity
from specialists.roles import Boxes, Detections, Fingerprint, Image, Masks, ScoredCaption, Scores

GREY = 128
COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}


def save_pictures(folder: Path, count: int) -> list[str]:
    """`count` PNGs of 64 x 48 px with a rectangle at (8 + i % 8, 10)-(40, 30); returns their keys."""
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for index in range(count):
        pixels = np.full((48, 64, 3), GREY, np.uint8)
        pixels[10:30, 8 + index % 8 : 40] = list(COLOURS.values())[index % 3]
        pixels[0, 0] = (index % 256, index // 256, 0)  # no two pictures are the same bytes
        PIL.Image.fromarray(pixels).save(folder / f"p{index:03d}.png")
        names.append(f"p{index:03d}")
    return names


def rectangle(image: Image) -> tuple[float, float, float, float] | None:
    """Bounds of what is not grey, the marked corner left out."""
    ys, xs = np.nonzero((image[1:] != GREY).any(axis=2))
    return None if len(xs) == 0 else (float(xs.min()), float(ys.min()) + 1, float(xs.max()) + 1, float(ys.max()) + 2)


def colour_of(image: Image) -> str:
    """The colour word of the brightest channel of the pixel in the middle."""
    return list(COLOURS)[int(np.argmax(image[image.shape[0] // 2, image.shape[1] // 3]))]


class _Fake:
    def __init__(self, options: dict[str, object]) -> None:
        self.options = options

    def load(self) -> None:
        """Nothing to load."""

    def close(self) -> None:
        """Nothing to close."""

    def fingerprint(self) -> Fingerprint:
        return {"backend": type(self).__name__, **{key: str(value) for key, value in self.options.items()}}


class RectangleDetector(_Fake):
    """The rectangle with score 0.9, and a second, wrong box in its corner with score 0.2."""

    def detect(self, images: list[Image]) -> list[Detections]:
        return [self._detections(image) for image in images]

    def _detections(self, image: Image) -> Detections:
        is_mended = Path(str(self.options.get("until"))).exists()
        if image[0, 0, 0] == self.options.get("raises_on") and not is_mended:
            raise RuntimeError("this picture is too much")
        box = rectangle(image)
        boxes = np.array([] if box is None else [box, (0, 0, 12, 12)], np.float32).reshape(-1, 4)
        return Detections(boxes, np.array([0.9, 0.2][: len(boxes)], np.float32), ["box", "corner"][: len(boxes)])


class ColourCaptioner(_Fake):
    """`a red box stands on a grey wall`"""

    def caption(self, images: list[Image], granularity: Granularity) -> list[ScoredCaption]:
        return [ScoredCaption(f"a {colour_of(image)} box stands on a grey wall", 0.8) for image in images]


class BoxSegmenter(_Fake):
    """The whole box."""

    def segment(self, images: list[Image], boxes: list[Boxes]) -> list[Masks]:
        return [
            Masks(
                [[[x0, y0, x1, y0, x1, y1, x0, y1]] for x0, y0, x1, y1 in each.tolist()], np.ones(len(each), np.float32)
            )
            for each in boxes
        ]


class LengthMatcher(_Fake):
    """The longer the text, the closer: 1 - 1 / (1 + characters)."""

    def similarity(self, crops: list[Image], texts: list[list[str]]) -> list[Scores]:
        return [np.array([1 - 1 / (1 + len(text)) for text in each], np.float32) for each in texts]
