"""Parts of a picture: where they lie, and what becomes of what is found in several."""

import numpy as np
import pytest

from shards.finding import Detection, Finding, box_of, text_of
from specialists.custom import CustomSettings
from specialists.roles import Detections, Image
from stages.annotate.detector import ObjectsSettings, ObjectsStage
from stages.annotate.tiles import TileSettings, View, found_in_parts, gathered, views
from stages.stage import Item

PICTURE = np.zeros((300, 400, 3), dtype=np.uint8)


def detections(*found: tuple[tuple[float, float, float, float], float, str]) -> Detections:
    boxes = np.array([box for box, _, _ in found], dtype=np.float32).reshape(-1, 4)
    return Detections(boxes, np.array([s for _, s, _ in found], np.float32), [label for _, _, label in found])


def test_the_parts_cover_the_picture_and_overlap() -> None:
    whole, *parts = views(PICTURE, TileSettings(grid=3, overlap=0.25))
    assert (whole.x, whole.y, whole.image.shape) == (0, 0, (300, 400, 3))
    assert len(parts) == 9
    seen = np.zeros(PICTURE.shape[:2], dtype=int)
    for part in parts:
        seen[part.y : part.y + part.image.shape[0], part.x : part.x + part.image.shape[1]] += 1
    assert seen.min() == 1
    assert seen.max() == 4
    assert parts[1].x < parts[0].image.shape[1]


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 700, 3), (3, 5, 3)])
def test_tiny_pictures_have_parts_of_at_least_a_pixel(shape: tuple[int, int, int]) -> None:
    for view in views(np.zeros(shape, np.uint8), TileSettings(grid=8)):
        assert view.image.size > 0
        assert view.x + view.image.shape[1] <= shape[1]
        assert view.y + view.image.shape[0] <= shape[0]


def test_a_thing_seen_twice_is_one_and_has_the_surest_box() -> None:
    seen = [View(PICTURE, 0, 0), View(PICTURE[:200, 200:], 200, 0)]
    found = [detections(((250, 50, 300, 100), 0.4, "cat")), detections(((52, 51, 99, 99), 0.7, "cat"))]
    merged = gathered(found, seen, TileSettings())
    assert merged.labels == ["cat"]
    assert merged.boxes.tolist() == [[252, 51, 299, 99]]
    assert merged.scores.tolist() == [pytest.approx(0.7)]


def test_two_boxes_of_one_view_stay_two_and_so_do_two_labels_that_overlap() -> None:
    seen = [View(PICTURE, 0, 0), View(PICTURE[:200, 200:], 200, 0)]
    doubles = [((250.0, 50.0, 300.0, 100.0), 0.4, "cat"), ((250.0, 50.0, 301.0, 100.0), 0.3, "cat")]
    found = [detections(*doubles), detections(((50, 50, 100, 70), 0.2, "dog"))]
    assert gathered(found, seen, TileSettings()).labels == ["cat", "cat", "dog"]


def test_a_thing_has_one_label_whatever_two_views_say() -> None:
    seen = [View(PICTURE, 0, 0), View(PICTURE[:200, 200:], 200, 0)]
    found = [detections(((250, 50, 300, 100), 0.4, "cat")), detections(((50, 50, 100, 95), 0.7, "dog"))]
    assert gathered(found, seen, TileSettings()).labels == ["dog"]
    assert gathered(found, seen, TileSettings(other_label_iou=0.95)).labels == ["dog", "cat"]


def test_what_is_cut_by_an_inner_edge_is_left_out() -> None:
    part = View(PICTURE[:200, 200:], 200, 0)  # the picture goes on at its left and below
    cut = [((0.0, 50.0, 50.0, 100.0), 0.9, "cat"), ((50.0, 150.0, 99.0, 200.0), 0.9, "dog")]
    at_the_border = ((150.0, 0.0, 200.0, 50.0), 0.9, "cow")
    found = [detections(), detections(*cut, at_the_border)]
    merged = gathered(found, [View(PICTURE, 0, 0), part], TileSettings())
    assert merged.labels == ["cow"]
    assert merged.boxes.tolist() == [[350, 0, 400, 50]]


def test_every_view_is_asked_once_and_nothing_is_found_in_nothing() -> None:
    asked: list[tuple[int, ...]] = []

    def detect(images: list[Image]) -> list[Detections]:
        asked.extend(image.shape for image in images)
        return [detections() for _ in images]

    found = found_in_parts(detect, [PICTURE, PICTURE[:100]], TileSettings())
    assert len(asked) == 10
    assert [(each.boxes.shape, each.labels) for each in found] == [((0, 4), [])] * 2


def test_a_detector_with_tiles_finds_what_only_a_part_shows() -> None:
    """The fake finds a colour once per picture, by the bounds of its pixels: two red things are one to it."""
    detector = CustomSettings(factory="tests.specialists.fakes:ColourDetector")
    image = np.zeros((100, 100, 3), dtype=np.uint8)
    image[10:20, 10:20, 0] = image[80:90, 80:90, 0] = 255

    def found(tiles: TileSettings | None) -> list[Finding]:
        stage = ObjectsStage(ObjectsSettings(specialist=detector, tiles=tiles))
        stage.load()
        [findings] = stage.run([Item("a", image)])
        return findings

    assert [box_of(finding) for finding in found(None)] == [(10, 10, 90, 90)]
    with_tiles = found(TileSettings())
    assert {box_of(finding) for finding in with_tiles} == {(10, 10, 90, 90), (10, 10, 20, 20), (80, 80, 90, 90)}
    assert all(isinstance(finding, Detection) and text_of(finding) == "red" for finding in with_tiles)


def test_tiles_are_in_the_fingerprint_only_where_they_are_set() -> None:
    detector = CustomSettings(factory="tests.specialists.fakes:ColourDetector")
    plain = ObjectsStage(ObjectsSettings(specialist=detector)).fingerprint()
    tiled = ObjectsStage(ObjectsSettings(specialist=detector, tiles=TileSettings())).fingerprint()
    assert plain == {"backend": "colours", "level": 250}
    assert tiled != plain
    assert tiled != ObjectsStage(ObjectsSettings(specialist=detector, tiles=TileSettings(grid=3))).fingerprint()
