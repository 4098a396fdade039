from collections.abc import Sequence

import pytest

from shards.finding import Detection
from stages.ingest.entry import Entry
from stages.ingest.left_out import LeftOut
from stages.ingest.voc import read_voc


def annotation(filename: str, *objects: str, size: str = "<size><width>40</width><height>30</height></size>") -> bytes:
    return f"<annotation><filename>{filename}</filename>{size}{''.join(objects)}</annotation>".encode()


def an_object(name: str, *sides: object) -> str:
    names = ("xmin", "ymin", "xmax", "ymax")
    box = "".join(f"<{side}>{value}</{side}>" for side, value in zip(names, sides, strict=True))
    return f"<object><name>{name}</name><bndbox>{box}</bndbox><part><name>head</name></part></object>"


def read(files: dict[str, bytes], images: Sequence[str]) -> tuple[list[Entry], LeftOut]:
    left_out = LeftOut()
    content = {f"/voc/{name}": data for name, data in files.items()}
    found = read_voc("voc", "/voc", [*files, *images], images, content.__getitem__, left_out)
    return found, left_out


def test_boxes_count_from_one_and_include_the_last_pixel() -> None:
    files = {"Annotations/1.xml": annotation("1.jpg", an_object("dog", 1, 3, 12, 14), an_object("cat", 2.5, 3, 4, 5))}
    [entry], left_out = read(files, ["JPEGImages/1.jpg"])
    assert (entry.name, entry.location, entry.given_wh) == ("JPEGImages/1.jpg", "/voc/JPEGImages/1.jpg", (40, 30))
    assert entry.given == [Detection("dog", box=(0, 2, 12, 14)), Detection("cat", box=(1.5, 2, 4, 5))]
    assert left_out.lines() == []


def test_images_without_a_file_are_unlabelled_and_masks_are_counted() -> None:
    images = ["JPEGImages/1.jpg", "JPEGImages/2.jpg", "SegmentationClass/1.png"]
    found, left_out = read({"Annotations/1.xml": annotation("1.jpg", an_object("dog", 1, 1, 2, 2))}, images)
    assert [(entry.name, len(entry.given)) for entry in found] == [("JPEGImages/1.jpg", 1), ("JPEGImages/2.jpg", 0)]
    assert left_out.lines() == ["left out: 1 x image in a folder of which no annotation speaks"]


@pytest.mark.parametrize("said", ["1.jpg", "C:\\photos\\1.jpg", "old-name.png", ""])
def test_the_image_is_found_by_the_name_that_is_there(said: str) -> None:
    [entry], _ = read({"labels/1.xml": annotation(said)}, ["images/1.jpg"])
    assert entry.name == "images/1.jpg"


def test_an_image_that_is_missing_becomes_an_entry_that_will_fail() -> None:
    [entry], _ = read({"Annotations/9.xml": annotation("9.jpg")}, [])
    assert entry.location == "/voc/JPEGImages/9.jpg"


@pytest.mark.parametrize("sides", [("x", 1, 2, 3), ("nan", 1, 2, 3), ("", 1, 2, 3)])
def test_an_object_that_cannot_be_read_is_counted(sides: tuple[object, ...]) -> None:
    files = {"a/1.xml": annotation("1.jpg", an_object("dog", *sides), an_object("cat", 1, 1, 5, 5))}
    [entry], left_out = read(files, ["a/1.jpg"])
    assert len(entry.given) == 1
    assert left_out.unreadable == {"object": 1}
    assert "a/1.xml, object 0: xmin must be a number" in left_out.lines()[0]


BOMB = b'<!DOCTYPE a [<!ENTITY a "%s">%s]><annotation><filename>&j;</filename></annotation>' % (
    b"x" * 1000,
    b"".join(b'<!ENTITY %c "%s">' % (98 + level, b"&%c;" % (97 + level) * 20) for level in range(9)),
)


@pytest.mark.parametrize("data", [b"<annotation><object>", b"\xff\xfe\x00", b"", BOMB, b'<?xml encoding="no"?><a/>'])
def test_a_damaged_file_fails_its_image_alone(data: bytes) -> None:
    files = {"a/1.xml": data, "a/2.xml": annotation("2.jpg", an_object("dog", 1, 1, 5, 5))}
    found, _ = read(files, ["a/1.jpg", "a/2.jpg"])
    assert [entry.problem.partition(":")[0] for entry in found] == ["label", ""]


def test_other_xml_is_counted() -> None:
    found, left_out = read({"a/1.xml": b"<svg/>", "a/2.xml": annotation("2.jpg")}, ["a/2.jpg"])
    assert len(found) == 1
    assert left_out.counts == {"xml file that is no VOC annotation": 1}


@pytest.mark.parametrize(
    "size", ["", "<size><width>x</width></size>", "<size><width>0</width><height>0</height></size>"]
)
def test_without_a_size_none_is_said(size: str) -> None:
    [entry], _ = read({"a/1.xml": annotation("1.jpg", size=size)}, ["a/1.jpg"])
    assert entry.given_wh is None
