"""Label Studio's and CVAT's files, as we export them and somebody changed them, become corrections."""

import copy
import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest

from shards.record import Candidate, Record, Region, Source, Text
from shards.store import LocalStore
from stages.export.categories import Categories
from stages.export.cvat import CvatTarget
from stages.export.label_studio import LabelStudioTarget
from stages.export.sample import Sample
from stages.review.compare import corrections
from stages.review.cvat import read_images
from stages.review.label_studio import read_tasks
from stages.review.lines import LineError
from stages.review.sheet import Sheet

SOURCE = Source("yolo", "f", 0, 0.9, "yolo/0")


def region(id: str, label: str, x: float, kind: str = "object") -> Region:
    box = (x, 10.25, x + 30.5, 50.0)
    candidate = Candidate("phrase" if kind == "object" else "ocr", label, None, SOURCE)
    return Region(id, kind, box, 0.9, [candidate], 0, [])  # type: ignore[arg-type]


RECORD = Record(
    "pets/b.v2", "b.jpg", "", 321, 123, 0, [Text("t0", "brief", "a dog & a <cat>", SOURCE)],
    [region("r0", "dog", 10), region("r1", "dog", 60), region("r2", "cat", 110), region("r3", "EXlT", 160, "text")],
)  # fmt: skip


@pytest.fixture
def categories(tmp_path: Path) -> Categories:
    found = Categories(LocalStore(tmp_path / "corpus"))
    found.learn({"dog", "cat"})
    return found


def sample() -> Sample:
    return Sample(RECORD, "train", "train/pets/b%2Ev2.jpg", "", b"")


@pytest.fixture
def tasks(tmp_path: Path, categories: Categories) -> list[dict[str, Any]]:
    target = LabelStudioTarget(tmp_path, categories, ExitStack())
    target.add(sample())
    target.close()
    found: list[dict[str, Any]] = json.loads((tmp_path / "tasks.json").read_text())
    found[0]["annotations"] = [
        {"completed_by": {"email": "ann@x"}, "updated_at": "2026-11-26T10:15:00Z",
         "result": copy.deepcopy(found[0]["predictions"][0]["result"])}
    ]  # fmt: skip
    return found


def lines_of(found: Sheet | LineError, accept_rest: bool = False) -> list[dict[str, Any]]:
    assert isinstance(found, Sheet)
    assert found.key == RECORD.key
    return [
        {name: value for name, value in line.items() if name != "key"}
        for line in corrections(RECORD, found.shapes, found.texts, accept_rest)
    ]


def test_a_task_that_nobody_changed_corrects_nothing(tasks: list[dict[str, Any]]) -> None:
    [(_, sheet)] = read_tasks(tasks)
    assert lines_of(sheet) == []
    accepted = lines_of(sheet, accept_rest=True)
    assert [(line["action"], line["target"]) for line in accepted] == [
        ("accept", id) for id in ("r0", "r1", "r2", "r3", "t0")
    ]


def test_what_was_changed_in_label_studio(tasks: list[dict[str, Any]]) -> None:
    [annotation] = tasks[0]["annotations"]
    by_id = {each["id"]: each for each in annotation["result"] if each["from_name"] != "reading"}
    by_id["r0"]["value"]["rectanglelabels"] = ["fox"]
    by_id["r1"]["value"]["x"] += 10
    by_id["brief"]["value"]["text"] = ["a fox"]
    next(each for each in annotation["result"] if each["from_name"] == "reading")["value"]["text"] = ["EXIT"]
    annotation["result"].remove(by_id["r2"])
    annotation["result"].append({**copy.deepcopy(by_id["r0"]), "id": "new"})
    annotation["result"][-1]["value"]["x"] += 60
    [(_, sheet)] = read_tasks(tasks)
    assert isinstance(sheet, Sheet)
    assert (sheet.who, sheet.when) == ("label-studio:ann@x", "2026-11-26T10:15:00Z")
    found = lines_of(sheet)
    assert [(line["action"], line.get("target"), line.get("label") or line.get("text")) for line in found] == [
        ("relabel", "r0", "fox"), ("move", "r1", None), ("text", "r3", "EXIT"), ("add", None, "fox"),
        ("reject", "r2", None), ("text", "t0", "a fox"),
    ]  # fmt: skip
    assert found[1]["box"] == pytest.approx([60 + 32.1, 10.25, 90.5 + 32.1, 50.0])


def test_tasks_that_say_nothing_and_tasks_that_are_none(tasks: list[dict[str, Any]]) -> None:
    done = tasks[0]["annotations"][0]
    cancelled = {**tasks[0], "annotations": [{**done, "was_cancelled": True}]}
    nameless = {"data": {}, "annotations": [done]}
    turned = copy.deepcopy(tasks[0])
    turned["annotations"][0]["result"][0]["value"]["rotation"] = 30
    found = list(read_tasks([cancelled, {"data": {}}, nameless, turned]))
    assert [number for number, _ in found] == [3, 4]
    assert "data.fld_key is missing" in str(found[0][1])
    assert "turned by 30 degrees" in str(found[1][1])


def test_an_outline_smaller_than_its_box_and_a_text_of_two_lines_are_no_corrections(
    tmp_path: Path, categories: Categories
) -> None:
    rings = [[20.0, 20.0, 40.0, 20.0, 40.0, 45.0, 20.0, 45.0], [60.0, 30.0, 70.0, 30.0, 70.0, 35.0, 60.0, 35.0]]
    dog = msgspec.structs.replace(region("r0", "dog", 10), box=(10.0, 10.0, 90.0, 60.0), polygons=rings)
    text = Text("t0", "brief", "a dog\n.  Here", SOURCE)
    record = msgspec.structs.replace(RECORD, regions=[dog], texts=[text])
    target = CvatTarget(tmp_path, categories, ExitStack())
    target.add(Sample(record, "train", "train/pets/b%2Ev2.jpg", "", b""))
    target.close()
    xml = (tmp_path / "annotations.xml").read_text()
    [(_, sheet)] = read_images(xml.encode())
    assert isinstance(sheet, Sheet)
    assert corrections(record, sheet.shapes, sheet.texts, accept_rest=False) == []
    [(_, sheet)] = read_images(xml.replace("20.00,20.00", "15.00,20.00").encode())
    assert isinstance(sheet, Sheet)
    assert corrections(record, sheet.shapes, sheet.texts, accept_rest=False) == [
        {"key": record.key, "action": "move", "target": "r0", "box": [5.0, 10.0, 90.0, 60.0]}
    ], "as far as the outline went"


def test_what_was_changed_in_cvat(tmp_path: Path, categories: Categories) -> None:
    target = CvatTarget(tmp_path, categories, ExitStack())
    target.add(sample())
    target.close()
    xml = (tmp_path / "annotations.xml").read_text()
    [(_, sheet)] = read_images(xml.encode())
    assert lines_of(sheet) == []
    lines = xml.splitlines()
    cat = next(line for line in lines if 'label="cat"' in line and "<box" in line)
    changed = xml.replace(cat, "").replace(">EXlT<", ">EXIT<").replace('label="dog"', 'label="fox"', 1)
    changed = changed.replace('xbr="90.50"', 'xbr="80.00"')
    [(_, sheet)] = read_images(changed.encode())
    found = lines_of(sheet)
    assert [(line["action"], line["target"], line.get("label") or line.get("text")) for line in found] == [
        ("relabel", "r0", "fox"), ("move", "r1", None), ("text", "r3", "EXIT"), ("reject", "r2", None)
    ]  # fmt: skip


def test_what_is_no_xml() -> None:
    with pytest.raises(LineError, match="not XML"):
        list(read_images(b"<image"))
