"""Exported objects, read back by pycocotools, are where the record says."""

import json
from pathlib import Path

import pytest
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from engine.api.export import coco
from stages.scenes.gold import draw_scene

RECORDS = [draw_scene(7, index).record for index in range(8)]


def test_coco_reads_the_boxes_masks_and_names_back(tmp_path: Path) -> None:
    path = tmp_path / "instances.json"
    path.write_text(json.dumps(coco([(record, "jpg") for record in RECORDS])))
    read = COCO(str(path))
    wanted = [(record, region) for record in RECORDS for region in record.regions if region.kind == "object"]
    assert len(wanted) == len(read.anns) > 10
    for (record, region), annotation in zip(wanted, read.anns.values(), strict=True):
        x, y, width, height = annotation["bbox"]
        assert (x, y, x + width, y + height) == pytest.approx(region.box)
        assert read.cats[annotation["category_id"]]["name"] == region.candidates[0].text
        assert read.imgs[annotation["image_id"]]["fld_key"] == record.key
        assert coco_mask.area(annotation["segmentation"]) == annotation["area"]
        left, top, wide, high = coco_mask.toBbox(annotation["segmentation"])
        assert (left, top, left + wide, top + high) == pytest.approx(region.box, abs=1.5)


def test_a_round_of_nothing_is_a_valid_file() -> None:
    assert coco([]) == {"images": [], "categories": [], "annotations": []}
