"""Numbers that describe a round as a whole, whatever is true: how varied, how long, how much its own echo.

Comes in: the records of a round. Goes out: `DriftStatistics`; one of scenes with three specialists (shortened):

    {"images": 96, "label_entropy": 4.1, "labels": 24, "vocabulary": 118, "boxes_per_image": 3.2, ...
     "unsupported_regions": 0.12, "agreement_boxes": 0.83, "self_agreement": 0.91}

A loop that trains on its own labels drifts towards what it already says: entropy, vocabulary and complexity fall, the
share of labels that no specialist supports rises, and each model agrees ever more with the one before it.
"""

import math
from collections import Counter
from collections.abc import Sequence

import msgspec

from shards.record import Record, Region
from stages.evaluate.bootstrap import f1
from stages.evaluate.boxes import objects
from stages.evaluate.captions import first_text, words
from stages.evaluate.match import compared_label
from stages.evaluate.measures import MeasureName, paired, sums
from stages.fuse.settings import LEARNED
from stages.round import TextParser


class DriftStatistics(msgspec.Struct, frozen=True):
    """Of one round. label_entropy: bits, of the labels of objects; labels: different ones; vocabulary: different words
    of all texts; brief_length: words; brief_complexity: relations per object (`filters.parser`); unsupported_*: shares
    for which the loop's model alone speaks; agreement_*: F1 against round 0; self_agreement: F1 of this round's model
    against the one before, None where there is none."""

    images: int
    label_entropy: float
    labels: int
    vocabulary: int
    boxes_per_image: float
    brief_length: float
    brief_complexity: float
    unsupported_regions: float
    unsupported_texts: float
    unsupported_phrases: float
    agreement_boxes: float | None = None
    agreement_texts: float | None = None
    self_agreement: float | None = None


def statistics(
    records: Sequence[Record],
    parser: TextParser,
    first: Sequence[Record] = (),
    own: Sequence[Record] = (),
    own_before: Sequence[Record] = (),
) -> DriftStatistics:
    """The numbers of a round. first: the records of round 0; own, own_before: what this round's model and the one
    before it say by themselves (`stages.gate.alone`)."""
    regions = [region for record in records for region in objects(record)]
    briefs = [text for record in records if (text := first_text(record, "brief"))]
    labels = Counter(compared_label(region) for region in regions)
    lengths = [len(words(text)) for text in briefs]
    return DriftStatistics(
        images=len(records),
        label_entropy=_rounded(entropy(labels)),
        labels=len(labels),
        vocabulary=len({word for record in records for text in record.texts for word in words(text.text)}),
        boxes_per_image=_mean([len(objects(record)) for record in records]),
        brief_length=_mean(lengths),
        brief_complexity=_complexity(briefs, parser),
        unsupported_regions=_mean([not is_supported(region) for record in records for region in record.regions]),
        unsupported_texts=_mean([text.source.annotator in LEARNED for record in records for text in record.texts]),
        unsupported_phrases=_mean(
            [
                all(box.source.annotator in LEARNED for box in grounding.boxes)
                for record in records
                for grounding in record.groundings
            ]
        ),
        agreement_boxes=agreement("boxes", records, first),
        agreement_texts=agreement("texts/brief", records, first),
        self_agreement=agreement("boxes", own, own_before),
    )


def is_supported(region: Region) -> bool:
    """Whether somebody other than the loop's models voted for it: a specialist, a human, a grounder."""
    return any(vote.source.annotator not in LEARNED for vote in region.votes)


def agreement(name: MeasureName, predictions: Sequence[Record], references: Sequence[Record]) -> float | None:
    """F1 over the images of `wanted`; None where there is nothing on either side."""
    if not references:
        return None
    value = float(f1(sums(name, paired(predictions, references)).sum(axis=0, keepdims=True))[0])
    return None if math.isnan(value) else _rounded(value)


def entropy(counts: Counter[str]) -> float:
    """Shannon entropy in bits; 0 for nothing."""
    total = counts.total()
    return sum(-count / total * math.log2(count / total) for count in counts.values())


def _complexity(texts: Sequence[str], parser: TextParser) -> float:
    """The mean over texts of the mean number of relations per object (Florence-2 judges texts by it, section 4.1)."""
    unique = list(dict.fromkeys(texts))
    by_text = dict(zip(unique, parser.parse(unique), strict=True)) if unique else {}
    degrees = [by_text[text].features.object_degrees for text in texts]
    return _mean([sum(each) / len(each) for each in degrees if each])


def _mean(values: Sequence[float]) -> float:
    return _rounded(sum(values) / len(values)) if values else 0.0


def _rounded(value: float) -> float:
    return round(float(value), 6)
