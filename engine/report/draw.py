"""A record drawn onto its picture: masks filled, boxes and quads outlined, selected texts as labels.

Comes in: an oriented uint8 RGB image `[h, w, 3]` and its `Record`. Goes out: a PIL image of the same size, or larger
when the picture is tiny, so that labels can be read.
"""

import colorsys
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from engine.report.drops import dashed
from engine.report.fonts import drawable, font_for
from engine.report.labels import place_labels
from shards.finding import Box
from shards.geometry import signed_area
from shards.reader import Row
from shards.record import GroundedBox, Record, Region

if TYPE_CHECKING:
    from PIL.Image import Image as Picture
    from PIL.ImageDraw import ImageDraw

    from specialists.roles import Image

    Colour = tuple[int, int, int]

SHORT_SIDE = 480  # a smaller picture is enlarged to this, otherwise labels hide it
FILL_OPACITY = 90  # of 255
LABEL_CHARACTERS = 48
DASH, DOT = (8, 6), (2, 3)
LIGHT, SHADE = (245, 245, 245), (70, 70, 70)


def draw_record(image: "Image", record: Record, *, groundings: bool = False, dropped: Sequence[Row] = ()) -> "Picture":
    """Regions of `record` on `image`; with `groundings` also the boxes of grounded phrases, dotted; `dropped`: rows of
    the index whose boxes are drawn dashed, those nearest to their thresholds (`drops.DASHED`). No label hides another,
    or a word that was read."""
    import PIL.Image
    from PIL import ImageDraw

    scale = max(1, -(-SHORT_SIDE // max(1, min(record.width, record.height))))
    canvas = PIL.Image.fromarray(image).resize(
        (record.width * scale, record.height * scale), PIL.Image.Resampling.LANCZOS
    )
    canvas = _filled(canvas, record, scale)
    pen = ImageDraw.Draw(canvas)
    width = max(2, min(canvas.size) // 300)
    for row in dashed(dropped):
        corners = _scaled(_corners(tuple(row["box"].values())), scale)
        pen.polygon(corners, outline=SHADE)  # between light strokes, so that they are seen on any ground
        _broken(pen, corners, LIGHT, DASH)
    labels = []
    for index, region in enumerate(record.regions):
        outline = region.quad if region.quad is not None else _corners(region.box)
        pen.polygon(_scaled(outline, scale), outline=colour(index), width=width)
        labels.append((_caption(region), region.box, colour(index)))
    for index, (phrase, place) in enumerate(_grounded(record) if groundings else []):
        tint = colour(index + len(record.regions))
        _broken(pen, _scaled(_corners(place.box), scale), tint, DOT)
        labels.append((f"“{phrase}”", place.box, tint))
    words = [_larger(region.box, scale) for region in record.regions if region.kind == "text"]
    _label_all(pen, [(text, _larger(box, scale), tint) for text, box, tint in labels], words)
    return canvas


def colour(index: int) -> "Colour":
    """A strong colour; neighbours in the list differ by the golden angle, so they never look alike."""
    red, green, blue = colorsys.hsv_to_rgb(index * 0.61803398875 % 1, 0.85, 0.95)
    return round(255 * red), round(255 * green), round(255 * blue)


def _filled(canvas: "Picture", record: Record, scale: int) -> "Picture":
    """Masks as one translucent layer; holes are cut out by drawing outer rings first, then inner ones."""
    import PIL.Image
    from PIL import ImageDraw

    result = canvas.convert("RGB")
    for index, region in enumerate(record.regions):
        if not region.polygons:
            continue
        mask = PIL.Image.new("L", canvas.size, 0)
        pen = ImageDraw.Draw(mask)
        for ring in sorted(region.polygons, key=_ring_area, reverse=True):
            if len(ring) >= 6:
                pen.polygon(_scaled(ring, scale), fill=FILL_OPACITY if _ring_area(ring) >= 0 else 0)
        result.paste(PIL.Image.new("RGB", canvas.size, colour(index)), mask=mask)
    return result


def _ring_area(ring: list[float]) -> float:
    return signed_area(np.reshape(ring, (-1, 2)))


def _grounded(record: Record) -> list[tuple[str, GroundedBox]]:
    return [(grounding.phrase, place) for grounding in record.groundings for place in grounding.boxes]


def _caption(region: Region) -> str:
    text = region.text if len(region.text) <= LABEL_CHARACTERS else region.text[: LABEL_CHARACTERS - 1] + "…"
    return f"{text} {region.score:.2f}".strip()


def _corners(box: Box) -> tuple[float, ...]:
    x0, y0, x1, y1 = box
    return (x0, y0, x1, y0, x1, y1, x0, y1)


def _larger(box: Box, scale: int) -> Box:
    x0, y0, x1, y1 = box
    return x0 * scale, y0 * scale, x1 * scale, y1 * scale


def _scaled(flat: "tuple[float, ...] | list[float]", scale: int) -> list[tuple[float, float]]:
    return [(x * scale, y * scale) for x, y in zip(flat[0::2], flat[1::2], strict=True)]


def _broken(pen: "ImageDraw", corners: list[tuple[float, float]], tint: "Colour", pattern: tuple[int, int]) -> None:
    """A closed line of strokes. pattern: length of a stroke and of a gap, in px."""
    stroke, gap = pattern
    for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True):
        length = math.hypot(x1 - x0, y1 - y0)
        for start in range(0, math.ceil(length), stroke + gap):
            first, last = start / length, min(start + stroke, length) / length
            ends = [(x0 + (x1 - x0) * at, y0 + (y1 - y0) * at) for at in (first, last)]
            pen.line(ends, fill=tint, width=1)


def _fitting(text: str, size: int, wide: int) -> str:
    """What can be drawn of a label, shortened before its last word, the score, until it is no wider than a picture."""
    said, _, last = text.rpartition(" ")
    shown = drawable(text, size)
    for kept in range(len(said) - 1, 0, -1):
        if font_for(shown, size).getlength(shown) <= wide:
            break
        shown = drawable(f"{said[:kept].rstrip()}… {last}", size)
    return shown


def _label_all(pen: "ImageDraw", labels: "list[tuple[str, Box, Colour]]", words: list[Box]) -> None:
    """Every text beside its box. words: boxes of words, which stay readable."""
    size = max(12, min(pen.im.size) // 45)
    texts = [_fitting(text, size, pen.im.size[0] - 4) for text, _, _ in labels]
    edges = [pen.textbbox((0, 0), text, font=font_for(text, size)) for text in texts]
    sizes = [(right - left + 4.0, bottom - top + 4.0) for left, top, right, bottom in edges]
    canvas = (float(pen.im.size[0]), float(pen.im.size[1]))
    places = place_labels([box for _, box, _ in labels], sizes, canvas, words)
    for text, (_, _, tint), edge, (width, height), (x, y) in zip(texts, labels, edges, sizes, places, strict=True):
        pen.rectangle((x, y, x + width, y + height), fill=tint)
        bright = 0.3 * tint[0] + 0.59 * tint[1] + 0.11 * tint[2] > 140
        ink = (0, 0, 0) if bright else (255, 255, 255)
        pen.text((x + 2 - edge[0], y + 2 - edge[1]), text, fill=ink, font=font_for(text, size))
