"""How well one record repeats another: F1 per type of annotation, as sums that can be resampled over images.

Comes in: a record and the one it is compared with (gold, the consensus of round 0, an earlier round). Goes out: for
each measure (hits, predicted, in the reference); over any set of images F1 = 2 hits / (said + wanted), in [0, 1].

    boxes           objects in the right place (IoU 0.5) with the right label
    texts/brief     words that both texts have, in images where the other record has such a text;
                    texts/detailed and texts/more_detailed likewise
    words           text regions in the right place that read right
    masks           objects in the right place whose outlines overlap (mask IoU 0.5), of those that have outlines
    phrases         objects that a grounded phrase names and points at, of all objects and all boxes of phrases,
                    in images where the other record has phrases, too

Texts are compared word by word rather than as a whole, so that the measure moves before a text is perfect.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from filters.nouns import names
from shards.finding import Granularity
from shards.geometry import iou_matrix
from shards.record import Record, Region
from stages.evaluate.bootstrap import Sums
from stages.evaluate.boxes import objects
from stages.evaluate.captions import first_text, words
from stages.evaluate.masks import polygon_iou
from stages.evaluate.match import MATCH_IOU, Pairs, compared_label, counted, is_counted, matches

MeasureName = Literal[
    "boxes", "texts/brief", "texts/detailed", "texts/more_detailed", "words", "masks", "phrases"
]  # fmt: skip
EVERY_MEASURE: list[MeasureName] = [
    "boxes", "texts/brief", "texts/detailed", "texts/more_detailed", "words", "masks", "phrases"
]  # fmt: skip

MatchCounts = tuple[int, int, int]
"""hits, predicted, in the reference."""


def sums(name: MeasureName, pairs: Pairs) -> Sums:
    """[images, 3]: (hits, predicted, in the reference) of each pair."""
    count = _MEASURES[name]
    return np.array([count(prediction, reference) for prediction, reference in pairs], dtype=np.float64).reshape(-1, 3)


def paired(predictions: Sequence[Record], references: Sequence[Record]) -> list[tuple[Record, Record]]:
    """Each reference with the prediction of its image; an empty record where there is none."""
    by_key = {record.key: record for record in predictions}
    return [(by_key.get(reference.key) or _empty(reference), reference) for reference in references]


def _boxes(prediction: Record, reference: Record) -> MatchCounts:
    here, there = counted(objects(prediction), objects(reference), True)
    return len(matches(here, there, True)), len(here), len(there)


def _text(granularity: Granularity) -> Callable[[Record, Record], MatchCounts]:
    def count(prediction: Record, reference: Record) -> MatchCounts:
        here, there = (Counter(words(first_text(record, granularity))) for record in (prediction, reference))
        if not there:
            return 0, 0, 0  # nobody wrote such a text there
        return (here & there).total(), here.total(), there.total()

    return count


def _words(prediction: Record, reference: Record) -> MatchCounts:
    here, there = counted(_text_regions(prediction), _text_regions(reference), False)
    same = sum(compared_label(here[i]) == compared_label(there[j]) for i, j in matches(here, there, False))
    return same, len(here), len(there)


def _masks(prediction: Record, reference: Record) -> MatchCounts:
    here, there = ([region for region in objects(record) if region.polygons] for record in (prediction, reference))
    both = [(here[i].polygons or [], there[j].polygons or []) for i, j in matches(here, there, False)]
    hits = sum(polygon_iou(mask, other, reference.width, reference.height) >= MATCH_IOU for mask, other in both)
    return hits, len(here), len(there)


def _phrases(prediction: Record, reference: Record) -> MatchCounts:
    if not reference.groundings:
        return 0, 0, 0  # nobody tied phrases to boxes there
    there = [region for region in objects(reference) if is_counted(region)]
    named: set[int] = set()
    for grounding in prediction.groundings:
        overlap = iou_matrix([place.box for place in grounding.boxes], [region.box for region in there]) >= MATCH_IOU
        for index in np.flatnonzero(overlap.any(axis=0)).tolist():
            if names(grounding.phrase, compared_label(there[index])):
                named.add(index)
    return len(named), sum(len(grounding.boxes) for grounding in prediction.groundings), len(there)


def _text_regions(record: Record) -> list[Region]:
    return [region for region in record.regions if region.kind == "text"]


def _empty(like: Record) -> Record:
    return Record(like.key, like.uri, like.sha256, like.width, like.height, like.round)


_MEASURES: dict[MeasureName, Callable[[Record, Record], MatchCounts]] = {
    "boxes": _boxes,
    "texts/brief": _text("brief"),
    "texts/detailed": _text("detailed"),
    "texts/more_detailed": _text("more_detailed"),
    "words": _words,
    "masks": _masks,
    "phrases": _phrases,
}
