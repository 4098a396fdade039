import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from shards.finding import Finding
from stages.ingest.coco import read_coco
from stages.ingest.entry import Entry, SourceError

IMAGES = [
    {"id": 9, "file_name": "000009.jpg", "width": 40, "height": 30},
    {"id": 10, "file_name": "000010.jpg", "width": 40, "height": 30},
]
CATEGORIES = [{"id": 1, "name": "dog"}, {"id": 90, "name": "ball"}]


def read(folder: Path, annotations: list[dict[str, Any]], root: str | None = None) -> tuple[list[Entry], Counter[str]]:
    skipped: Counter[str] = Counter()
    data = json.dumps({"images": IMAGES, "categories": CATEGORIES, "annotations": annotations}).encode()
    return list(read_coco(str(folder / "instances_val.json"), data, root, skipped)), skipped


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "000009.jpg").touch()
    return tmp_path


def test_instances_and_captions(folder: Path) -> None:
    ring = [4, 5, 4, 11, 14, 11]  # counter-clockwise on screen
    (first, second), skipped = read(
        folder,
        [
            {"image_id": 9, "category_id": 90, "bbox": [4, 5, 10, 6], "segmentation": [ring], "iscrowd": 0},
            {"image_id": 9, "caption": " a dog with a ball\n"},
            {"image_id": 10, "category_id": 1, "bbox": [0, 0, 2.5, 3]},
        ],
    )
    assert first.given == [
        Finding(kind="object", text="ball", box=(4, 5, 14, 11), polygons=[[14, 11, 4, 11, 4, 5]]),
        Finding(kind="text", text="a dog with a ball", granularity="brief"),
    ]
    assert second.given == [Finding(kind="object", text="dog", box=(0, 0, 2.5, 3))]
    assert (first.uri, first.location, first.given_wh) == ("000009.jpg", str(folder / "000009.jpg"), (40, 30))
    assert not skipped


def test_crowds_are_left_out_and_counted(folder: Path) -> None:
    (first, _), skipped = read(folder, [{"image_id": 9, "category_id": 1, "bbox": [0, 0, 9, 9], "iscrowd": 1}])
    assert first.given == []
    assert skipped == {"crowd (iscrowd: 1)": 1}


def test_run_length_masks_become_polygons(folder: Path) -> None:
    rle = {"size": [30, 40], "counts": [30 * 4 + 5, 6, 1200 - 131]}
    (first, _), _ = read(folder, [{"image_id": 9, "category_id": 1, "bbox": [4, 5, 1, 6], "segmentation": rle}])
    [finding] = first.given
    assert finding.polygons is not None
    assert sorted(set(finding.polygons[0])) == [4.0, 5.0, 11.0]


def test_annotations_of_unknown_images_are_counted(folder: Path) -> None:
    _, skipped = read(folder, [{"image_id": 77, "category_id": 1, "bbox": [0, 0, 1, 1]}])
    assert skipped == {"annotation of an image that the file does not list": 1}


@pytest.mark.parametrize("place", ["", "images", "../images", "../val", "../images/val"])
def test_images_are_found_in_the_usual_places(tmp_path: Path, place: str) -> None:
    folder = tmp_path / "annotations"
    folder.mkdir()
    where = (folder / place).resolve()
    where.mkdir(parents=True, exist_ok=True)
    (where / "000009.jpg").touch()
    (first, _), _ = read(folder, [])
    assert first.location == str(where / "000009.jpg")


def test_root_is_where_images_are(tmp_path: Path) -> None:
    (first, _), _ = read(tmp_path, [], root="/elsewhere")
    assert first.location == "/elsewhere/000009.jpg"


def test_images_in_no_place_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"000009\.jpg is in none of .*: name the folder with ingest\.root"):
        read(tmp_path, [])


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        ({"image_id": 9, "category_id": 1}, r"annotations\[0\]: bbox must be \[x, y, width, height\], got None"),
        ({"image_id": 9, "category_id": 7, "bbox": [0, 0, 1, 1]}, r"annotations\[0\]: category_id 7 is not among"),
        (
            {"image_id": 9, "category_id": 1, "bbox": [0, 0, 1, 1], "segmentation": {"size": [1, 2], "counts": [1]}},
            "segmentation cannot be read: .*must add up to 1x2",
        ),
        (
            {"image_id": 9, "category_id": 1, "bbox": [0, 0, 1, 1], "segmentation": [[1, 2, 3, 4, 5, 6, 7]]},
            "even count",
        ),
        ({"category_id": 1}, r"not a COCO file: .*image_id.*annotations\[0\]"),
    ],
)
def test_errors_name_the_annotation(folder: Path, annotation: dict[str, Any], message: str) -> None:
    with pytest.raises(SourceError, match=message):
        read(folder, [annotation])
