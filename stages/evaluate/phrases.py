"""Phrases and their boxes: do predicted phrases point at what they name, and are the gold phrases found?"""

from collections.abc import Sequence

import numpy as np

from filters.nouns import names
from shards.geometry import iou_matrix
from shards.record import Grounding, Record
from stages.evaluate.bootstrap import Estimate, estimate, ratio
from stages.evaluate.boxes import objects
from stages.evaluate.match import MATCH_IOU, compared_label


def phrase_quality(pairs: Sequence[tuple[Record, Record]], resamples: int) -> dict[str, Estimate]:
    """precision: share of predicted boxes that lie (IoU 0.5) on a gold object whose label the phrase names.
    recall_at_1: share of gold phrases that a predicted phrase of an equal text repeats, with its best box on one of the
    gold boxes. coverage: share of gold objects that some predicted phrase names and points at."""
    precise, recalled, covered = [], [], []
    for predicted, gold in pairs:
        truth = objects(gold)
        hits, boxes, touched = 0, 0, set()
        for grounding in predicted.groundings:
            right = [i for i, region in enumerate(truth) if names(grounding.phrase, compared_label(region))]
            overlap = iou_matrix([place.box for place in grounding.boxes], [truth[i].box for i in right])
            on = overlap >= MATCH_IOU
            hits += int(on.any(axis=1).sum()) if right else 0
            boxes += len(grounding.boxes)
            touched |= {right[int(j)] for j in np.flatnonzero(on.any(axis=0))} if len(on) else set()
        precise.append((hits, boxes))
        covered.append((len(touched), len(truth)))
        recalled.append(_recalled(predicted, gold))
    sums = {"precision": precise, "recall_at_1": recalled, "coverage": covered}
    estimates = {}
    for name, values in sums.items():
        rows = np.array(values, dtype=np.float64)
        estimates[name] = estimate(rows, ratio, int(rows[:, 1].sum()), resamples)
    return estimates


def _recalled(predicted: Record, gold: Record) -> tuple[int, int]:
    """(right, all) gold phrases of the gold texts that the prediction repeats word for word. A phrase is compared
    with the one at the same place of the same text."""
    known = {text.text: text.id for text in predicted.texts}
    predictions = {(grounding.text_id, grounding.span): grounding for grounding in predicted.groundings}
    texts = {text.id: text.text for text in gold.texts}
    hits = total = 0
    for grounding in gold.groundings:
        if texts[grounding.text_id] in known:
            total += 1
            answer = predictions.get((known[texts[grounding.text_id]], grounding.span))
            hits += answer is not None and _best_box_right(answer, grounding)
    return hits, total


def _best_box_right(prediction: Grounding, truth: Grounding) -> bool:
    if not prediction.boxes or not truth.boxes:
        return False
    best = max(prediction.boxes, key=lambda place: place.score if place.score is not None else 0.0)
    return bool((iou_matrix([best.box], [place.box for place in truth.boxes]) >= MATCH_IOU).any())
