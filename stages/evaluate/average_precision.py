"""COCO's average precision, also over resampled sets of images, from one matching.

Comes in: (predicted, gold) records of each image. Goes out: AP over IoU 0.5:0.95 and at 0.5, of all labels and of each,
with 95% intervals. pycocotools matches boxes (each image and label once, with its rules for crowds); what it does then
for one set of images is done here for many at once: an image that is drawn twice counts its boxes twice, and one that
is not drawn not at all. A test compares the numbers with pycocotools' own.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shards.geometry import FloatArray
from shards.record import Record, Region
from specialists.weights import require_package
from stages.evaluate.bootstrap import Estimate, draws, interval
from stages.evaluate.match import Pairs, compared_label, is_counted

MOST_BOXES = 100
"""Per image and label, as in COCO."""
_RECALLS = np.linspace(0.0, 1.0, 101)
_TINY = float(np.spacing(1))


class _Label(NamedTuple):
    """Of one label: its boxes by falling score. image [n]; hit, counted [IoUs, n]; gold [images]."""

    name: str
    image: NDArray[np.intp]
    hit: NDArray[np.bool_]
    counted: NDArray[np.bool_]
    gold: FloatArray


def average_precisions(pairs: Pairs, resamples: int) -> dict[str, Estimate]:
    """map, map50, and map50/LABEL of every label of the gold. Labels without gold do not count, as in COCO."""
    labels = _matched(pairs)
    if not labels:
        nothing = Estimate(float("nan"), float("nan"), float("nan"), 0)
        return {"map": nothing, "map50": nothing}
    weights = np.concatenate([np.ones((1, len(pairs))), draws(len(pairs), resamples)])
    precisions = np.stack([_precisions(label, weights) for label in labels])  # [labels, sets, IoUs]
    with np.errstate(invalid="ignore"):
        every, at_half = np.nanmean(precisions, axis=(0, 2)), np.nanmean(precisions[:, :, 0], axis=0)
    count = int(sum(label.gold.sum() for label in labels))
    means = {"map": _estimate(every, count), "map50": _estimate(at_half, count)}
    own = {
        f"map50/{label.name}": _estimate(values[:, 0], int(label.gold.sum()))
        for label, values in zip(labels, precisions, strict=True)
    }
    return means | own


def _estimate(values: FloatArray, count: int) -> Estimate:
    return interval(float(values[0]), values[1:] if len(values) > 1 else values, count)


def _precisions(label: _Label, weights: FloatArray) -> FloatArray:
    """[sets, IoUs] average precision over 101 recalls; nan for a set without gold. weights [sets, images]."""
    gold = weights @ label.gold
    precisions = np.full((len(weights), len(label.hit)), np.nan)
    times = weights[:, label.image]
    for row, (hit, counted) in enumerate(zip(label.hit, label.counted, strict=True)):
        right = np.cumsum(times * (hit & counted), axis=1)
        detected = np.cumsum(times * counted, axis=1)
        precision = right / (detected + _TINY)
        envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        for place in np.flatnonzero(gold > 0).tolist():
            reached = np.searchsorted(right[place] / gold[place], _RECALLS, side="left")
            there = reached < right.shape[1]
            precisions[place, row] = envelope[place, reached[there]].sum() / len(_RECALLS)
    return precisions


def _matched(pairs: Pairs) -> list[_Label]:
    """One entry per label of the gold, matched by pycocotools."""
    names = sorted({compared_label(region) for _, gold in pairs for region in _objects(gold) if is_counted(region)})
    if not names:
        return []
    run = _coco(pairs, names)
    images, labels = len(pairs), []
    for place, name in enumerate(names):
        results = [(image, run.evalImgs[place * images + image]) for image in range(images)]
        there = [(image, result) for image, result in results if result is not None]
        gold = np.zeros(images)
        for image, result in there:
            gold[image] = np.count_nonzero(np.asarray(result["gtIgnore"]) == 0)
        scores = np.concatenate([np.asarray(result["dtScores"], np.float64)[:MOST_BOXES] for _, result in there])
        order = np.argsort(-scores, kind="mergesort")
        places = np.concatenate([np.full(len(result["dtScores"][:MOST_BOXES]), image) for image, result in there])
        hit = np.concatenate([result["dtMatches"][:, :MOST_BOXES] > 0 for _, result in there], axis=1)
        ignored = np.concatenate([result["dtIgnore"][:, :MOST_BOXES] > 0 for _, result in there], axis=1)
        labels.append(_Label(name, places[order].astype(np.intp), hit[:, order], ~ignored[:, order], gold))
    return [label for label in labels if label.gold.sum() > 0]


def _objects(record: Record) -> list[Region]:
    return [region for region in record.regions if region.kind == "object"]


def _coco(pairs: Pairs, names: Sequence[str]) -> Any:
    """pycocotools' evaluation with its per-image matching done."""
    import contextlib
    import io

    require_package("average precision", "pycocotools", "eval")
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    number = {name: i + 1 for i, name in enumerate(names)}
    truth, detected = COCO(), COCO()
    frame = {"images": [{"id": i} for i in range(len(pairs))], "categories": [{"id": i} for i in number.values()]}
    truth.dataset = frame | {"annotations": _annotations([gold for _, gold in pairs], number)}
    detected.dataset = frame | {"annotations": _annotations([predicted for predicted, _ in pairs], number)}
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools reports its progress on standard output
        truth.createIndex()
        detected.createIndex()
        run = COCOeval(truth, detected, "bbox")
        run.params.areaRng, run.params.areaRngLbl, run.params.maxDets = [[0, 1e10]], ["all"], [MOST_BOXES]
        run.evaluate()
    return run


def _annotations(records: Sequence[Record], number: dict[str, int]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for image, record in enumerate(records):
        for region in _objects(record):
            if compared_label(region) in number:
                x0, y0, x1, y1 = region.box
                wide, tall = x1 - x0, y1 - y0
                row = {"bbox": [x0, y0, wide, tall], "area": wide * tall, "score": region.score}
                row["iscrowd"] = int(not is_counted(region))
                rows.append(
                    row | {"id": len(rows) + 1, "image_id": image, "category_id": number[compared_label(region)]}
                )
    return rows
