import json
import re
from pathlib import Path
from typing import Any

import pytest

from shards.finding import Caption, Detection, box_of, text_of
from stages.ingest.coco import read_coco
from stages.ingest.entry import Entry, SourceError
from stages.ingest.left_out import LeftOut

IMAGES = [
    {"id": 9, "file_name": "000009.jpg", "width": 40, "height": 30},
    {"id": 10, "file_name": "000010.jpg", "width": 40, "height": 30},
]
CATEGORIES = [{"id": 1, "name": "dog"}, {"id": 90, "name": "ball"}]


def read(folder: Path, annotations: list[dict[str, Any]], root: str | None = None) -> tuple[list[Entry], LeftOut]:
    return read_file(folder, {"images": IMAGES, "categories": CATEGORIES, "annotations": annotations}, root)


def read_file(folder: Path, content: object, root: str | None = None) -> tuple[list[Entry], LeftOut]:
    left_out = LeftOut()
    data = json.dumps(content).encode()
    return list(read_coco(str(folder / "instances_val.json"), data, root, left_out)), left_out


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
        Detection("ball", box=(4, 5, 14, 11), polygons=[[14, 11, 4, 11, 4, 5]]),
        Caption("a dog with a ball", granularity="brief"),
    ]
    assert second.given == [Detection("dog", box=(0, 0, 2.5, 3))]
    assert (first.uri, first.location, first.given_wh) == ("000009.jpg", str(folder / "000009.jpg"), (40, 30))
    assert not skipped.lines()


def test_crowds_are_left_out_and_counted(folder: Path) -> None:
    (first, _), skipped = read(folder, [{"image_id": 9, "category_id": 1, "bbox": [0, 0, 9, 9], "iscrowd": 1}])
    assert first.given == []
    assert skipped.counts == {"crowd (iscrowd: 1)": 1}


def test_run_length_masks_become_polygons(folder: Path) -> None:
    rle = {"size": [30, 40], "counts": [30 * 4 + 5, 6, 1200 - 131]}
    (first, _), _ = read(folder, [{"image_id": 9, "category_id": 1, "bbox": [4, 5, 1, 6], "segmentation": rle}])
    [finding] = first.given
    assert isinstance(finding, Detection)
    assert sorted(set((finding.polygons or [[]])[0])) == [4.0, 5.0, 11.0]


def test_annotations_of_unknown_images_are_counted(folder: Path) -> None:
    _, skipped = read(folder, [{"image_id": 77, "category_id": 1, "bbox": [0, 0, 1, 1]}])
    assert skipped.counts == {"annotation of an image that the file does not list": 1}


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
    ("annotation", "problem"),
    [
        ({"image_id": 9, "category_id": 1}, r"annotations\[0\]: bbox must be \[x, y, width, height\], got None"),
        ({"image_id": 9, "category_id": 1, "bbox": [0, 0, float("nan"), 1]}, "bbox must be"),
        ({"image_id": 9, "category_id": 7, "bbox": [0, 0, 1, 1]}, r"annotations\[0\]: category_id 7 is not among"),
        (
            {"image_id": 9, "category_id": 1, "bbox": [0, 0, 1, 1], "segmentation": {"size": [1, 2], "counts": [1]}},
            "segmentation cannot be read: .*must add up to 1x2",
        ),
        (
            {
                "image_id": 9,
                "category_id": 1,
                "bbox": [0, 0, 1, 1],
                "segmentation": {"size": [10**6, 10**6], "counts": [0, 10**12]},
            },
            "segmentation cannot be read: size of an RLE must be at most",
        ),
        (
            {"image_id": 9, "category_id": 1, "bbox": [0, 0, 1, 1], "segmentation": [[1, 2, 3, 4, 5, 6, 7]]},
            "even count",
        ),
        ({"category_id": 1}, r"annotations\[0\]: .*image_id"),
    ],
)
def test_an_annotation_that_cannot_be_read_is_counted_and_named(
    folder: Path, annotation: dict[str, Any], problem: str
) -> None:
    good = {"image_id": 9, "caption": "a dog"}
    entries, left_out = read(folder, [annotation, good])
    assert [len(entry.given) for entry in entries] == [1, 0]
    [line] = left_out.lines()
    assert line.startswith("cannot be read: 1 x annotation (")
    assert re.search(problem, line)
    assert left_out.rows == 0


@pytest.mark.parametrize(
    "change",
    [
        {"width": 40.0, "height": 30.0},
        {"width": None, "height": None},
        {"coco_url": None, "license": None},
        {"width": 1e300, "height": 30},
    ],
)
def test_images_as_other_tools_write_them(folder: Path, change: dict[str, Any]) -> None:
    [entry], left_out = read_file(folder, {"images": [{**IMAGES[0], **change}]})
    assert entry.given_wh in ((40, 30), None)
    assert not left_out.lines()


@pytest.mark.parametrize("crowd", [False, None, 0])
def test_no_crowd_in_other_words(folder: Path, crowd: object) -> None:
    (first, _), _ = read(folder, [{"image_id": 9, "category_id": 1, "bbox": [0, 0, 9, 9], "iscrowd": crowd}])
    assert len(first.given) == 1


def test_without_bbox_the_box_bounds_the_segmentation(folder: Path) -> None:
    (first, _), _ = read(folder, [{"image_id": 9, "category_id": 1, "segmentation": [[1, 2, 11, 2, 11, 14]]}])
    assert box_of(first.given[0]) == (1, 2, 11, 14)


def test_lvis_names_come_from_the_url(folder: Path) -> None:
    url = "http://images.example.org/train/000009.jpg"
    [entry], _ = read_file(folder, {"images": [{"id": 1, "coco_url": url}]}, root=str(folder))
    assert (entry.name, entry.location) == ("000009.jpg", str(folder / "000009.jpg"))


def test_one_missing_image_does_not_decide_where_the_others_are(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images/000010.jpg").touch()
    gone = {**IMAGES[0], "coco_url": "http://images.example.org/000009.jpg"}
    found, _ = read_file(tmp_path, {"images": [gone, IMAGES[1]]})
    assert [entry.location for entry in found] == [
        str(tmp_path / f"images/{name}.jpg") for name in ("000009", "000010")
    ]


def test_an_id_that_stands_for_two_things_is_refused(folder: Path) -> None:
    with pytest.raises(SourceError, match=r"id 9 is that of two images, 000009\.jpg and 000010\.jpg"):
        read_file(folder, {"images": [IMAGES[0], {**IMAGES[1], "id": 9}]})
    with pytest.raises(SourceError, match=r"id 1 is that of two categories, 'dog' and 'cat'"):
        read_file(folder, {"images": IMAGES, "categories": [CATEGORIES[0], {"id": 1, "name": "cat"}]})


def test_an_image_that_cannot_be_read_is_a_row_that_counts(folder: Path) -> None:
    found, left_out = read_file(folder, {"images": [IMAGES[0], {"file_name": "no-id.jpg"}, 7, {"id": 3}]})
    assert [entry.name for entry in found] == ["000009.jpg"]
    assert left_out.rows == 3


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"images": 3}', b'{"images": []}', b"{" * 100_000])
def test_what_is_no_coco_file_is_one_line(data: bytes) -> None:
    with pytest.raises(SourceError, match=r"a\.json: (not a COCO file|lists no images)"):
        list(read_coco("a.json", data, "/", LeftOut()))


def test_a_byte_order_mark_is_no_problem(folder: Path) -> None:
    data = b"\xef\xbb\xbf" + json.dumps({"images": IMAGES}).encode()
    assert len(list(read_coco("a.json", data, str(folder), LeftOut()))) == 2


def test_ids_that_pandas_made_fractions_are_the_same_ids() -> None:
    content = {
        "images": [{"id": 1.0, "file_name": "a.jpg", "coco_url": "http://h/a.jpg"}],
        "annotations": [{"image_id": 1, "category_id": 7.0, "bbox": [1, 2, 3, 4]}],
        "categories": [{"id": 7, "name": "cat"}],
    }
    left_out = LeftOut()
    [entry] = read_coco("/l/l.json", json.dumps(content).encode(), None, left_out)
    assert ([text_of(finding) for finding in entry.given], left_out.lines()) == (["cat"], [])


def test_ids_and_numbers_that_are_texts(folder: Path) -> None:
    content = {
        "images": [{"id": "9", "file_name": "000009.jpg", "width": "40", "height": "30"}],
        "categories": [{"id": "k", "name": "dog"}],
        "annotations": [{"image_id": "9", "category_id": "k", "bbox": ["1", "2", "3", "4"], "iscrowd": "0"}],
    }
    [entry], left_out = read_file(folder, content)
    assert (entry.given, entry.given_wh) == ([Detection("dog", box=(1, 2, 4, 6))], (40, 30))
    assert left_out.lines() == []


def test_captions_as_lists_and_missing_ones(folder: Path) -> None:
    captions: list[object] = [["a dog", "a ball"], float("nan"), "", 5, {"en": "x"}]
    (first, _), left_out = read(folder, [{"image_id": 9, "caption": caption} for caption in captions])
    assert [text_of(found) for found in first.given] == ["a dog", "a ball", "5"]
    assert left_out.unreadable == {"annotation": 1}


def test_the_caption_of_a_box_is_not_the_images(folder: Path) -> None:
    (first, _), left_out = read(
        folder, [{"image_id": 9, "category_id": 1, "bbox": [1, 2, 3, 4], "caption": "a dog that runs"}]
    )
    assert first.given == [Detection("dog", box=(1, 2, 4, 6))]
    assert left_out.counts == {"caption of a box, not of its image": 1}


def test_an_object_that_is_no_coco_says_what_it_is(folder: Path) -> None:
    with pytest.raises(SourceError, match="an object with version, shapes, imagePath; COCO has images, annotations"):
        read_file(folder, {"version": "5", "shapes": [], "imagePath": "a.jpg"})


def test_coco_in_utf_16(folder: Path) -> None:
    data = json.dumps({"images": IMAGES}).encode("utf-16")
    assert len(list(read_coco(str(folder / "a.json"), data, None, LeftOut()))) == 2
