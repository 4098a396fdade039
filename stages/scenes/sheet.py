"""A contact sheet: scenes side by side, with their brief caption, on request with a record's boxes, masks and words.

python -m stages.scenes.sheet docs/images/scenes.jpg --seed 7 --count 20
python -m stages.scenes.sheet docs/images/scenes-gold.jpg --seed 7 --start 20 --count 10 --gold
python -m stages.scenes.sheet docs/images/scenes-predicted.jpg --corpus demo/corpus --count 20
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from shards.record import Record, Region
from stages.scenes.gold import draw_scene
from stages.scenes.palette import COLOURS

if TYPE_CHECKING:
    from PIL.Image import Image

TILE, GAP, TEXT_HEIGHT = 256, 8, 34
PENS = [COLOURS[name] for name in ("red", "blue", "orange", "green", "purple", "pink", "yellow", "brown")]


def sheet(tiles: Sequence[tuple[NDArray[np.uint8], Record]], columns: int, marks: bool) -> "Image":
    """The pictures (long side TILE at most) row by row, each over its brief caption."""
    from PIL import Image, ImageDraw, ImageFont

    rows = -(-len(tiles) // columns)
    step_x, step_y = TILE + GAP, TILE + GAP + TEXT_HEIGHT
    page = Image.new("RGB", (columns * step_x + GAP, rows * step_y + GAP), "white")
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(size=13)
    for index, (image, record) in enumerate(tiles):
        left, top = GAP + index % columns * step_x, GAP + index // columns * step_y
        picture = marked(image, record) if marks else Image.fromarray(image)
        page.paste(picture, (left + (TILE - picture.width) // 2, top + (TILE - picture.height)))
        brief = next((text.text for text in record.texts if text.granularity == "brief"), "")
        pen.multiline_text((left, top + TILE + 2), _wrapped(brief, 38), fill="black", font=font, spacing=2)
    return page


def marked(image: NDArray[np.uint8], record: Record) -> "Image":
    """The picture with every region's mask tinted, its box and its label."""
    from PIL import Image, ImageDraw, ImageFont

    picture = Image.fromarray(image).convert("RGB")
    tint = Image.new("RGBA", picture.size)
    for index, region in enumerate(record.regions):
        for ring in region.polygons or []:
            if len(ring) >= 6:
                ImageDraw.Draw(tint).polygon(ring, fill=(*PENS[index % len(PENS)], 90))
    picture.paste(tint, mask=tint.getchannel("A"))
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(size=10)
    for index, region in enumerate(record.regions):
        colour = PENS[index % len(PENS)]
        if region.quad is not None:
            pen.polygon(region.quad, outline=colour)
        else:
            pen.rectangle(region.box, outline=colour)
        place = (max(0.0, region.box[0]), max(0.0, region.box[1] - 12))
        pen.rectangle(pen.textbbox(place, _label(region), font=font), fill=colour)
        pen.text(place, _label(region), fill="white", font=font)
    return picture


def _label(region: Region) -> str:
    return next((c.text for c in region.candidates if c.kind == "phrase"), region.text)


def _wrapped(text: str, width: int) -> str:
    import textwrap

    return "\n".join(textwrap.wrap(text, width)[:2])


def annotated(url: str, start: int, count: int) -> list[tuple[NDArray[np.uint8], Record]]:
    """Pictures and records of round 0 of a corpus, in its order."""
    import io

    from PIL import Image

    from shards.reader import Corpus
    from shards.store import open_store

    round_ = Corpus(open_store(url)).round(0)
    tiles = []
    for key in round_.keys()[start : start + count]:
        image = np.asarray(Image.open(io.BytesIO(round_.image(key))).convert("RGB"))
        tiles.append((image, round_.record(key)))
    return tiles


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--columns", type=int, default=5)
    parser.add_argument("--gold", action="store_true", help="draw the gold onto the pictures")
    parser.add_argument("--corpus", help="show what round 0 of this corpus says about its pictures, instead of gold")
    arguments = parser.parse_args()
    if arguments.corpus:
        tiles = annotated(arguments.corpus, arguments.start, arguments.count)
    else:
        drawn = [draw_scene(arguments.seed, arguments.start + i) for i in range(arguments.count)]
        tiles = [(scene.image, scene.record) for scene in drawn]
    page = sheet(tiles, arguments.columns, arguments.gold or bool(arguments.corpus))
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    page.save(arguments.out, quality=82, optimize=True)


if __name__ == "__main__":
    main()
