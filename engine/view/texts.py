"""The texts of a record with their grounded phrases: a text cut where phrases begin and end.

"a dog with a ball", phrases (0, 5) and (11, 17)  ->  ["a dog" g0] [" with "] ["a ball" g1]
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from engine.view.layers import hue
from shards.record import Grounding, Record, Text


@dataclass(frozen=True)
class Piece:
    """A part of a text, and the phrases it belongs to: "g0 g3"."""

    text: str
    phrases: str
    hue: int = 0
    hint: str = ""


@dataclass(frozen=True)
class Written:
    """One text in pieces. words: how many; likelihood: what the loop's model thinks of it, if it was asked."""

    id: str
    granularity: str
    pieces: list[Piece]
    words: int
    source: str
    ref: str
    score: float | None
    merge: str


def written(record: Record) -> list[Written]:
    """Every text of a record, in its order."""
    shown = []
    for text in record.texts:
        own = [(f"g{at}", grounding) for at, grounding in enumerate(record.groundings) if grounding.text_id == text.id]
        source = text.source
        shown.append(Written(text.id, text.granularity.replace("_", " "), pieces(text, own), len(text.text.split()),
                             source.annotator, source.ref, source.score, text.merge))  # fmt: skip
    return shown


def pieces(text: Text, groundings: Sequence[tuple[str, Grounding]]) -> list[Piece]:
    """The text cut at every border of a phrase. Spans outside the text are cut to it."""
    length = len(text.text)
    spans = [
        (name, grounding, _inside(grounding.span[0], length), _inside(grounding.span[1], length))
        for name, grounding in groundings
    ]
    cuts = sorted({0, length, *(start for _, _, start, _ in spans), *(end for *_, end in spans)})
    parts = []
    for start, end in pairwise(cuts):
        inside = [(name, grounding) for name, grounding, first, last in spans if first <= start and end <= last]
        hint = "; ".join(_hint(grounding) for _, grounding in inside)
        shade = hue(inside[0][1].phrase) if inside else 0
        parts.append(Piece(text.text[start:end], " ".join(name for name, _ in inside), shade, hint))
    return parts


def _inside(place: int, length: int) -> int:
    return max(0, min(place, length))


def _hint(grounding: Grounding) -> str:
    score = "" if grounding.score is None else f" {grounding.score:.2f}"
    places = "1 box" if len(grounding.boxes) == 1 else f"{len(grounding.boxes)} boxes"
    return f"“{grounding.phrase}”{score}: {places}"
