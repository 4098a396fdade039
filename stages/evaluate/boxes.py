"""Objects: precision and recall at IoU 0.5, over all thresholds of the score, and COCO's average precision.

Precision and recall of a set of images at every threshold come from one matching, since the highest score chooses
first: `best_f1` is the best F1 of all thresholds, `best_score` where it is, `precision_at/0.3` the precision where 0.3
of the gold is found.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from shards.record import Record, Region
from stages.evaluate.average_precision import average_precisions
from stages.evaluate.bootstrap import Estimate, draws, estimate, f1, interval, ratio
from stages.evaluate.match import Pairs, compared_label, counted, matches

RECALLS = (0.1, 0.2, 0.3, 0.4, 0.5)
"""Where precision is compared."""


class Curve(NamedTuple):
    """Boxes by falling score [n]: score, whether right, and of which image; gold [images]: how many there are."""

    scores: NDArray[np.float64]
    right: NDArray[np.bool_]
    image: NDArray[np.intp]
    gold: NDArray[np.float64]


def objects(record: Record) -> list[Region]:
    return [region for region in record.regions if region.kind == "object"]


def box_quality(pairs: Pairs, resamples: int) -> dict[str, Estimate]:
    """precision, recall, f1 (place and label), place_precision, place_recall (any label), label_accuracy (of the boxes
    in the right place), map, map50 (of each label, too), best_f1, best_score and precision_at/RECALL."""
    labelled, placed = [], []
    for predicted, gold in pairs:
        detected, truth = counted(objects(predicted), objects(gold), True)
        labelled.append((len(matches(detected, truth, True)), len(detected), len(truth)))
        where = matches(detected, truth, False)
        right = sum(compared_label(detected[i]) == compared_label(truth[j]) for i, j in where)
        placed.append((len(where), len(detected), len(truth), right))
    hits, places = np.array(labelled, dtype=np.float64), np.array(placed, dtype=np.float64)
    detected_count, gold_count = int(hits[:, 1].sum()), int(hits[:, 2].sum())
    return {
        "precision": estimate(hits[:, [0, 1]], ratio, detected_count, resamples),
        "recall": estimate(hits[:, [0, 2]], ratio, gold_count, resamples),
        "f1": estimate(hits, f1, gold_count, resamples),
        "place_precision": estimate(places[:, [0, 1]], ratio, detected_count, resamples),
        "place_recall": estimate(places[:, [0, 2]], ratio, gold_count, resamples),
        "label_accuracy": estimate(places[:, [3, 0]], ratio, int(places[:, 0].sum()), resamples),
        **_over_thresholds(curve_of(pairs), resamples),
        **average_precisions(pairs, resamples),
    }


def curve_of(pairs: Pairs) -> Curve:
    """All boxes of all images, matched once (IoU 0.5, same label)."""
    scores, right, image, gold_counts = [], [], [], []
    for place, (predicted, gold) in enumerate(pairs):
        detected, truth = counted(objects(predicted), objects(gold), True)
        hits = {row for row, _ in matches(detected, truth, True)}
        scores += [region.score for region in detected]
        right += [row in hits for row in range(len(detected))]
        image += [place] * len(detected)
        gold_counts.append(len(truth))
    order = np.argsort(-np.array(scores, np.float64), kind="stable")
    return Curve(
        np.array(scores, np.float64)[order],
        np.array(right, bool)[order],
        np.array(image, np.intp)[order],
        np.array(gold_counts, np.float64),
    )


def precision_recall(curve: Curve) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(precision [n], recall [n]) of the boxes from each score on, all images together."""
    hits = np.cumsum(curve.right)
    return hits / np.arange(1, len(hits) + 1), hits / max(float(curve.gold.sum()), 1e-9)


def _over_thresholds(curve: Curve, resamples: int) -> dict[str, Estimate]:
    count = int(curve.gold.sum())
    if count == 0 or not len(curve.scores):
        nothing = Estimate(float("nan"), float("nan"), float("nan"), 0)
        return dict.fromkeys(["best_f1", "best_score", *(f"precision_at/{recall}" for recall in RECALLS)], nothing)
    weights = np.concatenate([np.ones((1, len(curve.gold))), draws(len(curve.gold), resamples)])
    gold, times = weights @ curve.gold, weights[:, curve.image]
    hits, detected = np.cumsum(times * curve.right, axis=1), np.cumsum(times, axis=1)
    f1s = 2 * hits / np.maximum(detected + gold[:, None], 1e-9)
    best = f1s.argmax(axis=1)
    estimates = {"best_f1": _drawn(f1s.max(axis=1), count), "best_score": _drawn(curve.scores[best], count)}
    for recall in RECALLS:
        enough = recall * gold
        first = np.array([np.searchsorted(row, least - 1e-9) for row, least in zip(hits, enough, strict=True)])
        places = np.minimum(first, hits.shape[1] - 1)
        rows = np.arange(len(hits))
        precision = hits[rows, places] / np.maximum(detected[rows, places], 1e-9)
        reached = (first < hits.shape[1]) & (gold > 0)
        estimates[f"precision_at/{recall}"] = _drawn(np.where(reached, precision, np.nan), count)
    return estimates


def _drawn(values: NDArray[np.float64], count: int) -> Estimate:
    """The first value is of all images, the others of resampled ones; nothing where it is not a number."""
    if not np.isfinite(values[0]):
        return Estimate(float("nan"), float("nan"), float("nan"), 0)
    return interval(float(values[0]), values[1:] if len(values) > 1 else values, count)
