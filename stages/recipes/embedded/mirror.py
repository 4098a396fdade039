"""A scene seen in a mirror is another scene for free: boxes change sides, and so do the words left and right."""

import re

import msgspec

from shards.finding import Box
from shards.record import Grounding, Record

_SIDES = re.compile(r"\b(left|right)\b")
_OTHER = {"left": "right", "right": "left"}


def can_mirror(record: Record) -> bool:
    """Whether nothing in the picture is written: a mirrored word is no word. A sign may have words that are cut off."""
    return not any(region.kind == "text" or region.candidates[0].text == "sign" for region in record.regions)


def mirrored_record(record: Record) -> Record:
    """The gold of the mirrored picture. Polygons, quads and votes are left out: no lesson asks for them."""
    texts = [msgspec.structs.replace(text, text=_swapped(text.text)) for text in record.texts]
    regions = [
        msgspec.structs.replace(region, box=_flipped(region.box, record.width), polygons=None, quad=None, votes=[])
        for region in record.regions
    ]
    by_id = {text.id: text.text for text in record.texts}
    groundings = [_grounding(grounding, by_id[grounding.text_id], record.width) for grounding in record.groundings]
    return msgspec.structs.replace(record, texts=texts, regions=regions, groundings=groundings)


def _swapped(text: str) -> str:
    return _SIDES.sub(lambda found: _OTHER[found.group()], text)


def _flipped(box: Box, width: int) -> Box:
    return width - box[2], box[1], width - box[0], box[3]


def _grounding(grounding: Grounding, text: str, width: int) -> Grounding:
    """Spans move by a letter for every left and right before them."""
    start = len(_swapped(text[: grounding.span[0]]))
    boxes = [msgspec.structs.replace(place, box=_flipped(place.box, width), polygons=None) for place in grounding.boxes]
    return msgspec.structs.replace(grounding, span=(start, start + len(grounding.phrase)), boxes=boxes)
