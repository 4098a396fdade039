"""What a Florence-2 answered, in pixels and with scores.

Comes in: an `Answer` and the size of its image. Goes out: the output of a role, in the order of the answer. Scores are
geometric means of token probabilities: a box's over its label and locations, a phrase's over the phrase, a place's of
a phrase over its locations, an outline's over the whole answer. Places are the middles of their bins.
"""

import logging

import numpy as np

from shards.finding import Polygons, Span
from shards.geometry import clockwise
from specialists.florence2_format import Located, clean_text, dequantize, parse_polygons, parse_regions, parse_words
from specialists.florence2_model import Answer
from specialists.phrase_spans import find_spans
from specialists.roles import Boxes, Detections, Phrase, ScoredCaption, Words

log = logging.getLogger(__name__)


def read_caption(answer: Answer) -> ScoredCaption:
    """The text; locations and other tokens of the model that do not belong into a text are taken out of it."""
    return ScoredCaption(clean_text(answer.text), answer.score())


def read_boxes(answer: Answer, width: int, height: int) -> Detections:
    """Labelled boxes; corners are put in order where the model wrote them the wrong way round."""
    places = parse_regions(answer.text)
    scores = [answer.score(place.label_span, place.span) for place in places]
    boxes = _boxes(places, width, height)
    return Detections(boxes, np.array(scores, dtype=np.float32), [place.label for place in places])


def read_words(answer: Answer, width: int, height: int) -> Words:
    """Text regions; corners are in the order in which the model wrote them."""
    places = parse_words(answer.text)
    quads = np.array([dequantize(place.bins, width, height) for place in places], dtype=np.float32).reshape(-1, 8)
    scores = [answer.score(place.label_span, place.span) for place in places]
    return Words(quads, np.array(scores, dtype=np.float32), [place.label for place in places])


def read_phrases(answer: Answer, width: int, height: int, text: str, offset: int = 0) -> list[Phrase]:
    """Phrases with spans into the text whose part `text`, which the model was asked about, starts at `offset`.

    A phrase that `text` does not hold is left out and counted in the log: without a span it is no Phrase. Boxes of
    one that the model repeats more often than the text does are joined to its last occurrence."""
    mentions: dict[Span, list[Located]] = {}
    for place in parse_regions(answer.text):
        mentions.setdefault(place.label_span, []).append(place)
    spans = find_spans(text, [places[0].label for places in mentions.values()])
    found: dict[Span, list[Located]] = {}
    for span, places in zip(spans, mentions.values(), strict=True):
        if span is not None:
            found.setdefault(span, []).extend(places)
    if lost := spans.count(None):
        log.info("florence2: %d of %d phrases of an answer are not in its text and are left out", lost, len(spans))
    return [
        Phrase(
            start + offset,
            end + offset,
            answer.score(*(place.label_span for place in places)),
            _boxes(places, width, height),
            np.array([answer.score(place.span) for place in places], dtype=np.float32),
        )
        for (start, end), places in sorted(found.items())
    ]


def read_outlines(answer: Answer, width: int, height: int) -> list[tuple[str, Polygons]]:
    """Label and rings of every instance, all rings clockwise; rings of less than three corners are left out, and
    instances without rings."""
    found = []
    for instance in parse_polygons(answer.text):
        rings = [np.array(dequantize(ring, width, height)).reshape(-1, 2) for ring in instance.rings if len(ring) >= 6]
        if polygons := [clockwise(ring).reshape(-1).tolist() for ring in rings]:
            found.append((instance.label, polygons))
    return found


def _boxes(places: list[Located], width: int, height: int) -> Boxes:
    """float32 [n, 4] px: the middle of each bin, corners in order."""
    boxes = np.array([dequantize(place.bins, width, height) for place in places], dtype=np.float32).reshape(-1, 2, 2)
    return np.sort(boxes, axis=1).reshape(-1, 4)
