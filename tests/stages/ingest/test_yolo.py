from collections.abc import Sequence

import pytest

from shards.finding import Detection
from stages.ingest.entry import Entry, SourceError
from stages.ingest.left_out import LeftOut
from stages.ingest.yolo import Dataset, dataset_of, read_yolo

NAMES = Dataset("data.yaml", b"names: {0: dog, 1: ball}")


def read(labels: dict[str, str], images: Sequence[str], dataset: Dataset = NAMES) -> tuple[list[Entry], LeftOut]:
    left_out = LeftOut()
    content = {f"/y/{name}": text.encode() for name, text in labels.items()}
    found = read_yolo("y", "/y", [*labels, *images], images, dataset, content.__getitem__, left_out)
    return found, left_out


def test_boxes_and_polygons_are_fractions() -> None:
    text = "0 0.5 0.5 0.2 0.4\n\n1 0.1 0.1 0.1 0.3 0.3 0.3\n"
    [entry], left_out = read({"labels/train/1.txt": text}, ["images/train/1.jpg"])
    assert (entry.normalised, entry.given_wh, entry.location) == (True, None, "/y/images/train/1.jpg")
    box, polygon = entry.given
    assert isinstance(box, Detection)
    assert isinstance(polygon, Detection)
    assert box.text == "dog"
    assert box.box == pytest.approx((0.4, 0.3, 0.6, 0.7))
    assert (polygon.text, polygon.box) == ("ball", (0.1, 0.1, 0.3, 0.3))
    assert polygon.polygons == [[0.3, 0.3, 0.1, 0.3, 0.1, 0.1]]  # clockwise
    assert left_out.lines() == []


@pytest.mark.parametrize(
    ("image", "label"),
    [
        ("images/1.jpg", "labels/1.txt"),
        ("train/images/a/1.png", "train/labels/a/1.txt"),
        ("1.jpg", "1.txt"),
        ("x/1.jpg", "labels/x/1.txt"),
    ],
)
def test_where_labels_lie(image: str, label: str) -> None:
    [entry], left_out = read({label: "1 0.5 0.5 1 1"}, [image])
    assert len(entry.given) == 1
    assert left_out.lines() == []


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("2 0.5 0.5 0.1 0.1", "class '2' is not among the names"),
        ("dog 0.5 0.5 0.1 0.1", "class 'dog' is not among the names"),
        ("0 0.5 0.5 0.1", "must have 4 numbers, or the corners of a polygon, got 3"),
        ("0 0.5 0.5 0.1 0.1 0.9", "must have 4 numbers, or the corners of a polygon, got 5"),
        ("0 320 240 64 48", "must have fractions of the sides, got '320'"),
        ("0 nan 0.5 0.1 0.1", "must have fractions"),
        ("0 caf\u00e9 0.5 0.1 0.1", "must have fractions"),
    ],
)
def test_a_line_that_cannot_be_read_is_counted(line: str, problem: str) -> None:
    [entry], left_out = read({"labels/1.txt": f"0 0.5 0.5 0.1 0.1\n{line}"}, ["images/1.jpg"])
    assert len(entry.given) == 1
    [shown] = left_out.lines()
    assert f"labels/1.txt, line 2: {problem}" in shown


def test_key_points_are_not_corners() -> None:
    pose = Dataset("pose.yaml", b"{names: [person], kpt_shape: [2, 3]}")
    [entry], _ = read({"labels/1.txt": "0 0.5 0.5 0.2 0.2 0.1 0.1 2 0.3 0.3 2"}, ["images/1.jpg"], pose)
    [found] = entry.given
    assert isinstance(found, Detection)
    assert found.box == pytest.approx((0.4, 0.4, 0.6, 0.6))
    assert found.polygons is None


def test_a_label_without_an_image_is_counted() -> None:
    _, left_out = read({"labels/1.txt": "", "labels/2.txt": ""}, ["images/1.jpg"])
    assert left_out.counts == {"txt file that belongs to no image": 1}


@pytest.mark.parametrize(
    "data",
    [
        b"names: 3",
        b"a: [b",
        b"",
        b"names: {0: [a, b]}",
        b"- x",
        b"\x00",
        b"[" * 5000,
        b"date: 2026-99-99",
        b"names: &a [*a]",
    ],
)
def test_what_is_no_data_set_is_one_line(data: bytes) -> None:
    with pytest.raises(SourceError, match=r"source d\.yaml: (not sound YAML|a YOLO data set has names)[^\n]*$"):
        Dataset("d.yaml", data)


def test_names_come_from_a_yaml_or_from_classes_txt() -> None:
    files = {"/f/other.yaml": b"a: 1", "/f/data.yaml": b"names: [dog]", "/f/labels/classes.txt": b"cat\r\nbird\r\n"}
    names = [path[3:] for path in files]
    found = dataset_of("/f", names, files.__getitem__)
    assert found is not None
    assert found.names == {"0": "dog"}
    found = dataset_of("/f", ["labels/classes.txt"], files.__getitem__)
    assert found is not None
    assert found.names == {"0": "cat", "1": "bird"}
    assert dataset_of("/f", ["other.yaml"], files.__getitem__) is None
