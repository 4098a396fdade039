"""A record and its dropped findings as shapes to lay over the picture.

Comes in: a record, and its rows of the index. Goes out: one `Shape` per region, per place of a phrase and per dropped
finding that has a box, in pixels of the oriented image, so that an SVG of the picture's size needs no arithmetic.
"""

import json
import math
import unicodedata
import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from engine.report.labels import place_labels
from shards.finding import Box, Quad
from shards.reader import Row
from shards.record import AnnotationType, GroundedBox, Grounding, Record, Region
from shards.summary import label_of, voters

LONGEST_LABEL = 40
_GOLDEN_DEGREES = 137.508


@dataclass(frozen=True)
class Said:
    """One annotator's own statement behind a shape. score: as it was used; raw: as the model gave it."""

    source: str
    ref: str
    label: str
    score: float | None
    raw: float | None
    weight: float | None = None


@dataclass(frozen=True)
class Label:
    """Text at a place, with the size of the field behind it, in px."""

    text: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Shape:
    """id: of the region, "g0.1" for the second place of a phrase, the reference of a dropped finding, "w0" of what a
    waiting correction draws. layer: object, text, phrase, dropped or waiting; type: what the last two are about
    (`AnnotationType`). outline: the points of an SVG polygon; mask: the "d" of an SVG path, "" without one."""

    id: str
    layer: str
    name: str
    hue: int
    outline: str
    mask: str
    score: float | None
    said: tuple[Said, ...]
    region: str = ""
    type: str = ""
    rule: str = ""
    value: float | None = None
    threshold: float | None = None
    label: Label | None = None

    @property
    def said_json(self) -> str:
        """Who said it with which score, whether it holds the shape up, and the score as the model gave it: for the
        page's script."""
        return json.dumps([[vote.source, vote.score, vote.weight != 0, vote.raw] for vote in self.said])

    @property
    def sources(self) -> list[str]:
        """The annotators behind it."""
        return sorted({vote.source for vote in self.said})


def shapes(record: Record, rows: Sequence[Row], readers: Collection[str] = ()) -> list[Shape]:
    """All shapes, the largest first, so that a small one lies on top and can be pointed at. readers: the annotators
    whose boxes are words."""
    boxed = [row for row in rows if not row["kept"] and row["box"] is not None and row["type"] in ("region", "phrase")]
    labels = _labels(record)
    drawn = [(_area(region.box), region_shape(region, labels.get(region.id))) for region in record.regions]
    drawn += [
        (_area(box.box), _place(f"g{number}.{at}", grounding, box))
        for number, grounding in enumerate(record.groundings)
        for at, box in enumerate(grounding.boxes)
    ]
    drawn += [(_area(_box(row)), dropped_shape(row, readers)) for row in boxed]
    return [shape for _, shape in sorted(drawn, key=lambda entry: -entry[0])]


def region_shape(region: Region, label: Label | None = None) -> Shape:
    """The shape of one region."""
    votes = tuple(
        Said(vote.source.annotator, vote.source.ref, vote.label, vote.score, vote.source.score, vote.weight)
        for vote in region.votes
    )
    outline = _points(region.quad) if region.quad is not None else _corners(region.box)
    name = label_of(region) if region.kind == "object" else region.text
    mask = _path(region.polygons or [])
    return Shape(region.id, region.kind, name, hue(name), outline, mask, region.score, votes, region.id, label=label)


def hue(name: str) -> int:
    """A colour for a name, in degrees, the same on every page."""
    return round(zlib.crc32(name.casefold().encode()) % 997 * _GOLDEN_DEGREES) % 360


def voters_of(record: Record) -> list[str]:
    """Every annotator that has a shape in the record."""
    names = {name for region in record.regions for name in voters(region)}
    names |= {box.source.annotator for grounding in record.groundings for box in grounding.boxes}
    return sorted(names)


def label_size(record: Record) -> float:
    """The height of a letter, in px of the picture, that can be read when the picture fills the page; smaller where
    there is much to name."""
    crowd = max(1.0, len(record.regions) / 10)
    return max(record.width, record.height) / 44 * max(0.6, 1 / math.sqrt(crowd))


def shortened(text: str, longest: int = LONGEST_LABEL) -> str:
    """The text, cut where it is too long for a label."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def text_width(text: str, size: float) -> float:
    """About how wide a text is, in the unit of `size`: East Asian characters are square."""
    return size * sum(1.02 if unicodedata.east_asian_width(letter) in "WF" else 0.57 for letter in text)


def _labels(record: Record) -> dict[str, Label]:
    size = label_size(record)
    names = [shortened(label_of(region) if region.kind == "object" else region.text) for region in record.regions]
    texts = [f"{name} {region.score:.2f}" for name, region in zip(names, record.regions, strict=True)]
    sizes = [(text_width(text, size) + size * 0.6, size * 1.35) for text in texts]
    boxes: list[Box] = [region.box for region in record.regions]
    words = [region.box for region in record.regions if region.kind == "text"]
    places = place_labels(boxes, sizes, (float(record.width), float(record.height)), words)
    return {
        region.id: Label(text, x, y, width, height)
        for region, text, (x, y), (width, height) in zip(record.regions, texts, places, sizes, strict=True)
    }


def _place(id: str, grounding: Grounding, box: GroundedBox) -> Shape:
    own = Said(box.source.annotator, box.source.ref, grounding.phrase, box.score, box.source.score)
    return Shape(
        id, "phrase", grounding.phrase, hue(grounding.phrase), _corners(box.box), _path(box.polygons or []),
        grounding.score, (own,), box.region_id or "",
    )  # fmt: skip


def waiting_shape(id: str, on: AnnotationType, name: str, box: Box, quad: Quad | None = None) -> Shape:
    """The shape of what a correction puts there, before the round knows it."""
    outline = _corners(box) if quad is None else _points(quad)
    return Shape(id, "waiting", name, hue(name), outline, "", None, (), type=on)


def dropped_shape(row: Row, readers: Collection[str] = ()) -> Shape:
    """The shape of a finding that has a box and was dropped."""
    on = "ocr" if row["type"] == "region" and row["source"] in readers else row["type"]
    own = Said(row["source"], row["ref"], row["text"], row["score"], row["score"])
    return Shape(
        row["ref"], "dropped", row["text"], hue(row["text"]), _corners(_box(row)), "", row["score"], (own,),
        type=on, rule=row["rule"], value=row["value"], threshold=row["threshold"],
    )  # fmt: skip


def _box(row: Row) -> Box:
    box = row["box"]
    return box["x0"], box["y0"], box["x1"], box["y1"]


def _area(box: Box) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def _corners(box: Box) -> str:
    x0, y0, x1, y1 = box
    return _points((x0, y0, x1, y0, x1, y1, x0, y1))


def _points(flat: Sequence[float]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(flat[0::2], flat[1::2], strict=False))


def _path(polygons: Sequence[Sequence[float]]) -> str:
    """Outer rings and holes as one path; filled by the even-odd rule."""
    rings = [f"M{_points(ring).replace(' ', 'L')}Z" for ring in polygons if len(ring) >= 6]
    return "".join(rings)
