"""What texts say: are the objects, attributes and actions of the gold text there, and are there others?

    gold "a brown dog chases two balls"    objects dog balls    attributes brown    actions chases
    said "a black dog chases a ball"       objects dog ball     attributes black    actions chases
    objects_precision 1/2, objects_recall 1/2, attributes_f1 0, actions_f1 1

The elements are those of Florence-2's corpus statistics (section 4.4, Table 3), found by `filters.features`. Words are
compared as they stand, so "ball" is not "balls": the number of things is part of what a text says.
"""

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from filters.features import ElementWords
from shards.record import Record
from stages.evaluate.bootstrap import Estimate, estimate, f1, ratio
from stages.evaluate.captions import GRANULARITIES, first_text

ReadElements = Callable[[list[str]], list[ElementWords]]
"""`filters.parser.Parser.elements` of a loaded parser."""


def element_quality(pairs: Sequence[tuple[Record, Record]], resamples: int, read: ReadElements) -> dict[str, Estimate]:
    """<granularity>/objects_precision, _recall, _f1 and so on for attributes and actions, for every granularity that
    the gold has. A missing text has no elements. Counted over all texts, not averaged per text."""
    estimates: dict[str, Estimate] = {}
    for granularity in GRANULARITIES:
        texts = [(first_text(p, granularity), first_text(g, granularity)) for p, g in pairs]
        texts = [(predicted, truth) for predicted, truth in texts if truth]
        if not texts:
            continue
        predicted, truth = read([predicted for predicted, _ in texts]), read([truth for _, truth in texts])
        for kind in ElementWords._fields:
            rows = [_overlap(getattr(a, kind), getattr(b, kind)) for a, b in zip(predicted, truth, strict=True)]
            estimates |= {f"{granularity}/{kind}_{name}": value for name, value in _scores(rows, resamples).items()}
    return estimates


def _overlap(predicted: Sequence[str], truth: Sequence[str]) -> tuple[int, int, int]:
    """(in both, predicted, true): a word that is there twice counts twice."""
    return (Counter(predicted) & Counter(truth)).total(), len(predicted), len(truth)


def _scores(rows: Sequence[tuple[int, int, int]], resamples: int) -> dict[str, Estimate]:
    sums = np.array(rows, dtype=np.float64)
    predicted, truth = int(sums[:, 1].sum()), int(sums[:, 2].sum())
    return {
        "precision": estimate(sums[:, [0, 1]], ratio, predicted, resamples),
        "recall": estimate(sums[:, [0, 2]], ratio, truth, resamples),
        "f1": estimate(sums, f1, truth, resamples),
    }
