"""A record drawn onto its picture: masks filled, boxes and quads outlined, selected texts as labels.

Comes in: an oriented uint8 RGB image `[h, w, 3]` and its `Record`. Goes out: a PIL image of the same size, or larger
when the picture is tiny, so that labels can be read.
"""

import colorsys
from typing import TYPE_CHECKING

import numpy as np

from shards.geometry import signed_area
from shards.record import GroundedBox, Record, Region

if TYPE_CHECKING:
    from PIL.Image import Image as Picture
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont, ImageFont

    from specialists.roles import Image

    Font = FreeTypeFont | ImageFont
    Colour = tuple[int, int, int]

SHORT_SIDE = 480  # a smaller picture is enlarged to this, otherwise labels hide it
FILL_OPACITY = 90  # of 255
LABEL_CHARACTERS = 48


def draw(image: "Image", record: Record, *, groundings: bool = False) -> "Picture":
    """Regions of `record` on `image`; with `groundings` also the boxes of grounded phrases, dashed by a thin line."""
    import PIL.Image
    from PIL import ImageDraw

    scale = max(1, -(-SHORT_SIDE // max(1, min(record.width, record.height))))
    canvas = PIL.Image.fromarray(image).resize(
        (record.width * scale, record.height * scale), PIL.Image.Resampling.LANCZOS
    )
    canvas = _filled(canvas, record, scale)
    pen = ImageDraw.Draw(canvas)
    font = _font(max(12, min(canvas.size) // 45))
    width = max(2, min(canvas.size) // 300)
    for index, region in enumerate(record.regions):
        outline = region.quad if region.quad is not None else _corners(region.box)
        pen.polygon(_scaled(outline, scale), outline=colour(index), width=width)
    for index, region in enumerate(record.regions):
        _label(pen, _caption(region), (region.box[0] * scale, region.box[1] * scale), colour(index), font)
    if groundings:
        for index, (phrase, place) in enumerate(_grounded(record)):
            tint = colour(index + len(record.regions))
            pen.polygon(_scaled(_corners(place.box), scale), outline=tint, width=1)
            _label(pen, f"“{phrase}”", (place.box[0] * scale, place.box[3] * scale), tint, font)
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


def _corners(box: tuple[float, float, float, float]) -> tuple[float, ...]:
    x0, y0, x1, y1 = box
    return (x0, y0, x1, y0, x1, y1, x0, y1)


def _scaled(flat: "tuple[float, ...] | list[float]", scale: int) -> list[tuple[float, float]]:
    return [(x * scale, y * scale) for x, y in zip(flat[0::2], flat[1::2], strict=True)]


def _label(pen: "ImageDraw", text: str, at: tuple[float, float], tint: "Colour", font: "Font") -> None:
    """The text above `at`, moved into the picture where it would leave it."""
    canvas_width = pen.im.size[0]
    left, top, right, bottom = pen.textbbox((0, 0), text, font=font)
    width, height = right - left + 4, bottom - top + 4
    x, y = max(0, min(at[0], canvas_width - width)), max(0, at[1] - height)
    pen.rectangle((x, y, x + width, y + height), fill=tint)
    bright = 0.3 * tint[0] + 0.59 * tint[1] + 0.11 * tint[2] > 140
    pen.text((x + 2 - left, y + 2 - top), text, fill=(0, 0, 0) if bright else (255, 255, 255), font=font)


def _font(size: int) -> "Font":
    """DejaVu where matplotlib or the system has it (it knows accents and CJK is drawn as boxes), else PIL's own."""
    from PIL import ImageFont

    try:
        return ImageFont.truetype("DejaVuSans.ttf", size)
    except OSError:
        return ImageFont.load_default(size)
