"""Small records for the tests of the measures."""

from shards.finding import Box, Polygons
from shards.record import Candidate, GroundedBox, Grounding, Record, Region, Source, Text, Vote

SOURCE = Source("test", "f0", 0, None, "test/0")


def thing(label: str, box: Box, score: float = 1.0, polygons: Polygons | None = None) -> Region:
    """An object region whose label is a candidate of kind phrase."""
    candidates = [Candidate("phrase", label, None, SOURCE), Candidate("brief", f"a red {label}", None, SOURCE)]
    return Region("r", "object", box, score, candidates, 1, [Vote(box, label, score, 1.0, SOURCE)], polygons=polygons)


def word(text: str, box: Box, score: float = 1.0) -> Region:
    """A text region."""
    return Region("w", "text", box, score, [Candidate("ocr", text, None, SOURCE)], 0, [])


def record(key: str, *regions: Region, brief: str = "", groundings: list[Grounding] | None = None) -> Record:
    """A 100 x 100 picture."""
    texts = [Text("t0", "brief", brief, SOURCE)] if brief else []
    return Record(key, "", "", 100, 100, 0, texts, list(regions), groundings or [])


def grounding(text: str, phrase: str, *boxes: Box, scores: tuple[float, ...] = ()) -> Grounding:
    """A phrase of text t0 on some boxes."""
    start = text.index(phrase)
    rated = scores or (1.0,) * len(boxes)
    places = [GroundedBox(box, score, SOURCE) for box, score in zip(boxes, rated, strict=True)]
    return Grounding("t0", (start, start + len(phrase)), phrase, 1.0, places)
