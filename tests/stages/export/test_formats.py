"""Every format is opened by the library that reads it, and what comes out is what the records say."""

import hashlib
import json
import re
import warnings
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest
import webdataset as wds
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

import engine
from shards.record import Record, Region
from shards.summary import label_of
from shards.tar import safe_key
from tests.stages.export.rounds import build

Files = tuple[Path, list[Record]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("export")
    return folder, build(folder)


def exported(made: Files, format_: str, tmp_path: Path, **options: object) -> Path:
    out = tmp_path / format_
    engine.export(made[0] / "corpus", out, format=format_, held_out=0.5, **options)  # type: ignore[arg-type]
    return out


def objects(record: Record) -> list[Region]:
    return [region for region in record.regions if region.kind == "object"]


@pytest.mark.filterwarnings(
    "ignore:unclosed file:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)  # webdataset leaves it open
def test_webdataset_joins_records_and_pictures(made: Files, tmp_path: Path) -> None:
    out = exported(made, "webdataset", tmp_path)
    again = exported(made, "webdataset", tmp_path / "again")
    known = {safe_key(record.key): record for record in made[1]}
    read = []
    for shard in sorted(out.glob("*.tar")):
        assert shard.read_bytes() == (again / shard.name).read_bytes()
        for sample in wds.WebDataset(str(shard), shardshuffle=False):
            record = known[sample["__key__"]]
            picture = sample.get("jpg") or sample["png"]
            assert hashlib.sha256(picture).hexdigest() == record.sha256
            assert json.loads(sample["json"]) == json.loads(msgspec.json.encode(record))
            read.append(sample["__key__"])
    assert sorted(read) == sorted(known)


def test_coco_is_read_by_pycocotools(made: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = exported(made, "coco", tmp_path)
    records = {record.key: record for record in made[1]}
    seen = 0
    for split in ("train", "val"):
        read = COCO(str(out / "annotations" / f"instances_{split}.json"))
        for number, image in read.imgs.items():
            record = records[image["fld_key"]]
            data = (out / "images" / image["file_name"]).read_bytes()
            assert hashlib.sha256(data).hexdigest() == record.sha256
            annotations = read.imgToAnns[number]
            for region, annotation in zip(objects(record), annotations, strict=True):
                x, y, width, height = annotation["bbox"]
                assert (x, y, x + width, y + height) == pytest.approx(region.box)
                assert read.cats[annotation["category_id"]]["name"] == label_of(region)
                if region.polygons:
                    assert coco_mask.area(annotation["segmentation"]) == annotation["area"]
            seen += 1
        words = COCO(str(out / "annotations" / f"words_{split}.json"))
        for number, image in words.imgs.items():
            found = [(each["text"], tuple(each["quad"])) for each in words.imgToAnns[number]]
            regions = records[image["fld_key"]].regions
            assert found == [(region.text, region.quad) for region in regions if region.kind == "text"]
        captions = COCO(str(out / "annotations" / f"captions_{split}.json"))
        for number, image in captions.imgs.items():
            texts = [each["caption"] for each in captions.imgToAnns[number]]
            assert texts == [text.text for text in records[image["fld_key"]].texts]
    assert seen == len(records)
    capsys.readouterr()


def test_one_file_of_instances_names_the_members_of_the_tar(made: Files, tmp_path: Path) -> None:
    report = engine.export(made[0] / "corpus", tmp_path / "instances.json")
    images = json.loads((tmp_path / "instances.json").read_bytes())["images"]
    assert report.images == len(images) == len(made[1])
    assert [image["file_name"] for image in images][:3] == ["s0.jpg", "b%2Ev2.png", "sub/c.jpg"]


def test_yolo_trains_in_ultralytics(made: Files, tmp_path: Path) -> None:
    from ultralytics.data.utils import check_det_dataset
    from ultralytics.models import YOLO

    out = exported(made, "yolo", tmp_path)
    data = check_det_dataset(str(out / "data.yaml"))
    records = {record.key: record for record in made[1]}
    for name, key in (("s0.txt", "s0"), ("b%2Ev2.txt", "b.v2"), ("sub/c.txt", "sub/c")):
        [path] = (out / "labels").glob(f"*/{name}")
        record = records[key]
        for line, region in zip(path.read_text().splitlines(), objects(record), strict=True):
            number, x, y, width, height = map(float, line.split())
            assert data["names"][int(number)] == label_of(region)
            box = ((x - width / 2), (y - height / 2), (x + width / 2), (y + height / 2))
            wanted = [value / side for value, side in zip(region.box, (record.width, record.height) * 2, strict=True)]
            assert box == pytest.approx(wanted, abs=1e-5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = YOLO("yolov8n.yaml", verbose=False)
        model.train(
            data=str(out / "data.yaml"), epochs=1, imgsz=64, batch=4, device="cpu", workers=0, plots=False,
            project=str(tmp_path / "runs"), verbose=False, amp=False,
        )  # fmt: skip
    assert list((tmp_path / "runs").rglob("last.pt"))


def test_yolo_outlines_are_read_as_segments(made: Files, tmp_path: Path) -> None:
    from ultralytics.data.dataset import YOLODataset
    from ultralytics.data.utils import check_det_dataset

    out = exported(made, "yolo-seg", tmp_path)
    data = check_det_dataset(str(out / "data.yaml"))
    dataset = YOLODataset(img_path=data["train"], data=data, task="segment", imgsz=64, augment=False)
    assert len(dataset) > 0
    assert all(len(label["segments"]) == len(label["cls"]) > 0 for label in dataset.labels)


def test_hf_is_loaded_by_datasets(made: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    from datasets import load_dataset

    out = exported(made, "hf", tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loaded = load_dataset(str(out), cache_dir=str(tmp_path / "cache"))
        assert set(loaded) == {"train", "validation"}
        rows = {row["key"]: row for split in loaded.values() for row in split}
    for record in made[1]:
        row = rows[record.key]
        assert isinstance(row["image"], Image.Image)
        assert row["image"].size == (record.width, record.height)
        assert [each["label"] for each in row["objects"]] == [label_of(region) for region in objects(record)]
        assert row["brief"] == [text.text for text in record.texts if text.granularity == "brief"]
        assert [each["phrase"] for each in row["phrases"]] == [each.phrase for each in record.groundings]


def test_cvat_has_every_region_in_its_place(made: Files, tmp_path: Path) -> None:
    out = exported(made, "cvat", tmp_path)
    root = ElementTree.parse(out / "annotations.xml").getroot()
    images = {image.attrib["name"].split("/", 1)[1].rsplit(".", 1)[0]: image for image in root.iter("image")}
    splits = [image.attrib["subset"] for image in images.values()]
    told = {task.findtext("subset", ""): task.findtext("size", "") for task in root.iterfind("meta/project/tasks/task")}
    assert told == {split: str(splits.count(split)) for split in ("train", "val")}, "datumaro reads no other images"
    for record in made[1]:
        image = images[safe_key(record.key)]
        shapes = [each for each in image if each.tag in ("box", "polygon")]
        for shape, region in zip(shapes, record.regions, strict=True):
            assert shape.attrib["label"] == (label_of(region) if region.kind == "object" else "text")
            numbers = [float(value) for value in re.split("[,;]", shape.attrib.get("points", "")) if value]
            if numbers:
                assert min(numbers[0::2]) == pytest.approx(region.box[0], abs=2.0)


def test_cvat_is_read_by_datumaro(made: Files, tmp_path: Path) -> None:
    pytest.importorskip("datumaro", reason="it wants older pandas and Pillow: install it by hand to run this")
    out = exported(made, "cvat", tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from datumaro.components.dataset import Dataset

        read = Dataset.import_from(str(out / "annotations.xml"), "cvat")
        shapes = {item.id: [each.type.name for each in item.annotations] for item in read}
        assert {item.subset for item in read} == {"train", "val"}
        assert all(item.media.data is not None for item in read), "the pictures are found"
    for record in made[1]:
        [found] = [kinds for name, kinds in shapes.items() if name.split("/", 1)[1] == safe_key(record.key)]
        assert sum(kind in ("bbox", "polygon") for kind in found) == len(record.regions)


def test_label_studio_tasks_point_at_pictures_that_exist(made: Files, tmp_path: Path) -> None:
    out = exported(made, "label-studio", tmp_path)
    tasks = json.loads((out / "tasks.json").read_bytes())
    for task, record in zip(tasks, made[1], strict=True):
        assert task["data"]["fld_key"] == record.key
        results = task["predictions"][0]["result"]
        boxes = [each["value"] for each in results if each["type"] == "rectanglelabels"]
        for value, region in zip(boxes, objects(record), strict=True):
            assert value["x"] * record.width / 100 == pytest.approx(region.box[0])
            assert value["rectanglelabels"] == [label_of(region)]
    config = (out / "config.xml").read_text()
    assert all(f'<Label value="{label_of(region)}"/>' in config for region in objects(made[1][0]))


def test_fiftyone_samples_are_shares_of_the_picture(made: Files, tmp_path: Path) -> None:
    out = exported(made, "fiftyone", tmp_path)
    samples = json.loads((out / "samples.json").read_bytes())["samples"]
    for sample, record in zip(samples, made[1], strict=True):
        assert (out / sample["filepath"]).is_file()
        found = sample["objects"]["detections"]
        for detection, region in zip(found, objects(record), strict=True):
            assert detection["bounding_box"][0] * record.width == pytest.approx(region.box[0])
            assert detection["label"] == label_of(region)


def test_jsonl_is_the_records(made: Files, tmp_path: Path) -> None:
    from stages.export.jsonl import JsonLine

    out = exported(made, "jsonl", tmp_path)
    lines = [msgspec.json.decode(line, type=JsonLine) for line in (out / "records.jsonl").read_bytes().splitlines()]
    assert [line.record for line in lines] == made[1]
    assert {line.split for line in lines} == {"train", "val"}
