"""The objects of a round as one COCO instances file, masks as run lengths.

    {"images": [{"id": 1, "file_name": "dog.jpg", "width": 640, "height": 480, "fld_key": "dog"}],
     "categories": [{"id": 1, "name": "dog"}],
     "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [12.0, 30.5, 188.0, 149.75], "area": 20411.0,
                      "iscrowd": 0, "score": 0.91, "segmentation": {"size": [480, 640], "counts": "..."}}]}

bbox is x, y, width, height in pixels of the oriented image, as COCO has it. A region without a mask has no
`segmentation`. The category is the region's label: its `phrase` candidate, else its selected text.
"""

import json
from pathlib import Path
from typing import Any

from engine.api.reports import ExportReport, Place
from shards.reader import Corpus
from shards.record import Record, Region
from specialists.masks import coco_rle, polygons_to_mask


def export(corpus: Place, out: Place, *, round: int = 0) -> ExportReport:
    """Write a round to the file `out` as COCO instances. Raises CorpusError if the round is not there."""
    found = Corpus(str(corpus)).round(round)
    samples = [(record, ext) for shard in found.shards() for record, ext, _ in found.samples(shard)]
    data = coco(samples)
    Path(out).write_text(json.dumps(data))
    return ExportReport(str(out), len(data["images"]), len(data["annotations"]), len(data["categories"]))


def coco(samples: list[tuple[Record, str]]) -> dict[str, list[dict[str, Any]]]:
    """(record, extension) of each image as COCO instances; ids count from 1, categories are sorted by name."""
    objects = [(i, record, region) for i, (record, _) in enumerate(samples, 1) for region in _objects(record)]
    names = sorted({label(region) for _, _, region in objects})
    category = {name: index for index, name in enumerate(names, 1)}
    return {
        "images": [
            {"id": i, "file_name": f"{r.key}.{ext}", "width": r.width, "height": r.height, "fld_key": r.key}
            for i, (r, ext) in enumerate(samples, 1)
        ],
        "categories": [{"id": index, "name": name} for name, index in category.items()],
        "annotations": [
            {"id": n, "image_id": i, "category_id": category[label(region)], **_place(record, region)}
            for n, (i, record, region) in enumerate(objects, 1)
        ],
    }


def label(region: Region) -> str:
    """What the region is called: its `phrase` candidate, else its selected text."""
    return next((each.text for each in region.candidates if each.kind == "phrase"), region.text)


def _objects(record: Record) -> list[Region]:
    return [region for region in record.regions if region.kind == "object"]


def _place(record: Record, region: Region) -> dict[str, Any]:
    x0, y0, x1, y1 = region.box
    place = {"bbox": [x0, y0, x1 - x0, y1 - y0], "area": (x1 - x0) * (y1 - y0), "iscrowd": 0, "score": region.score}
    if region.polygons:
        mask = polygons_to_mask(region.polygons, record.height, record.width)
        place |= {"area": float(mask.sum()), "segmentation": coco_rle(region.polygons, *mask.shape)}
    return place
