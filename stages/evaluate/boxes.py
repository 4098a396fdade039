"""Objects: precision and recall at IoU 0.5, and COCO's mean average precision through pycocotools."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from shards.record import Record, Region
from stages.evaluate.bootstrap import Estimate, draws, estimate, f1, interval, ratio
from stages.evaluate.match import label_of, matches

Pairs = Sequence[tuple[Record, Record]]
"""(predicted, gold) of each image."""


def objects(record: Record) -> list[Region]:
    return [region for region in record.regions if region.kind == "object"]


def box_quality(pairs: Pairs, resamples: int) -> dict[str, Estimate]:
    """precision, recall, f1 (place and label), place_precision, place_recall (any label), label_accuracy (of the boxes
    in the right place), map, map50."""
    found, placed = [], []
    for predicted, gold in pairs:
        said, truth = objects(predicted), objects(gold)
        found.append((len(matches(said, truth, True)), len(said), len(truth)))
        where = matches(said, truth, False)
        right = sum(label_of(said[i]) == label_of(truth[j]) for i, j in where)
        placed.append((len(where), len(said), len(truth), right))
    hits, places = np.array(found, dtype=np.float64), np.array(placed, dtype=np.float64)
    said_count, gold_count = int(hits[:, 1].sum()), int(hits[:, 2].sum())
    return {
        "precision": estimate(hits[:, [0, 1]], ratio, said_count, resamples),
        "recall": estimate(hits[:, [0, 2]], ratio, gold_count, resamples),
        "f1": estimate(hits, f1, gold_count, resamples),
        "place_precision": estimate(places[:, [0, 1]], ratio, said_count, resamples),
        "place_recall": estimate(places[:, [0, 2]], ratio, gold_count, resamples),
        "label_accuracy": estimate(places[:, [3, 0]], ratio, int(places[:, 0].sum()), resamples),
        **_average_precision(pairs, gold_count, resamples),
    }


def _average_precision(pairs: Pairs, count: int, resamples: int) -> dict[str, Estimate]:
    """COCO AP over IoU 0.5:0.95 and at 0.5. Labels without gold have no AP and do not count, as in COCO."""
    if count == 0:
        nothing = Estimate(float("nan"), float("nan"), float("nan"), 0)
        return {"map": nothing, "map50": nothing}
    run = _coco(pairs)
    per_image, images = run.evalImgs, len(pairs)
    value = _accumulated(run, per_image, range(images), images)
    resampled = [
        _accumulated(run, per_image, np.repeat(np.arange(images), times.astype(int)), images)
        for times in draws(images, resamples)
    ] or [value]
    drawn = np.array(resampled, dtype=np.float64)
    return {name: interval(value[k], drawn[:, k], count) for k, name in enumerate(("map", "map50"))}


def _coco(pairs: Pairs) -> Any:
    """pycocotools' evaluation with its per-image matching done."""
    import contextlib
    import io

    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    names = sorted({label_of(region) for _, gold in pairs for region in objects(gold)})
    number = {name: i + 1 for i, name in enumerate(names)}
    truth, said = COCO(), COCO()
    frame = {"images": [{"id": i} for i in range(len(pairs))], "categories": [{"id": i} for i in number.values()]}
    truth.dataset = frame | {"annotations": _annotations([gold for _, gold in pairs], number)}
    said.dataset = frame | {"annotations": _annotations([predicted for predicted, _ in pairs], number)}
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools reports its progress on standard output
        truth.createIndex()
        said.createIndex()
        run = COCOeval(truth, said, "bbox")
        run.params.areaRng, run.params.areaRngLbl, run.params.maxDets = [[0, 1e10]], ["all"], [100]
        run.evaluate()
    return run


def _annotations(records: list[Record], number: dict[str, int]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for image, record in enumerate(records):
        for region in objects(record):
            if label_of(region) in number:
                x0, y0, x1, y1 = region.box
                wide, tall = x1 - x0, y1 - y0
                row = {"bbox": [x0, y0, wide, tall], "area": wide * tall, "iscrowd": 0, "score": region.score}
                rows.append(row | {"id": len(rows) + 1, "image_id": image, "category_id": number[label_of(region)]})
    return rows


def _accumulated(run: Any, per_image: list[Any], chosen: Any, images: int) -> tuple[float, float]:
    """AP and AP50 of a set of images, in which an image can be more than once."""
    import contextlib
    import io

    labels = len(run.params.catIds)
    run.evalImgs = [per_image[label * images + int(i)] for label in range(labels) for i in chosen]
    with contextlib.redirect_stdout(io.StringIO()):
        run.accumulate()
    precision = run.eval["precision"]  # [IoU, recall, label, area, max detections], -1 where a label has no gold
    return _mean(precision), _mean(precision[:1])


def _mean(precision: Any) -> float:
    known = precision[precision > -1]
    return float(known.mean()) if known.size else float("nan")
