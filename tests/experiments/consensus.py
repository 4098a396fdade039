"""Calibrated consensus on real pictures: two detectors on COCO, spoilt human labels and a student on BCCD.

    python -m tests.experiments.consensus coco DATA ADAPTER OUT        DATA/coco_val, DATA/coco_train, DATA/weights
    python -m tests.experiments.consensus three DATA ADAPTER OUT       DATA/coco_val, DATA/weights; a third voice
    python -m tests.experiments.consensus thirds DATA OUT              DATA/bccd; three students, each of a third of it
    python -m tests.experiments.consensus bccd DATA STUDENT.pt OUT     DATA/bccd; a student of noisy_seed7.json

Prints the tables of docs/experiments.md as Markdown. Half of the pictures (by the hash of their bytes) are for fitting,
the other half for judging; both ways round. ADAPTER: the folder with `realdet.py`, which makes specialists of
YOLOX-Nano and FastestDet (docs/experiments.md says where all of this is to be had).
"""

import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import engine
from shards.geometry import iou_matrix
from shards.reader import Corpus
from shards.rounds import read_index
from shards.store import open_store
from stages.evaluate.bootstrap import Estimate, change
from tests.experiments.running import table
from tests.experiments.student import JUDGED, ingest, lot, over_seeds

MEASURES = {
    "boxes/map": "AP",
    "boxes/map50": "AP50",
    "boxes/best_f1": "best F1",
    "boxes/precision_at/0.3": "precision at recall 0.3",
    "boxes/precision": "precision as written",
    "boxes/recall": "recall as written",
    "boxes/f1": "F1 as written",
}
_HERE = {"backend": "local"}
STUDENT: dict[str, object] = {"fresh": "first", "steps": 220, "image_size": 192, "arguments": {"flipud": 0.5}}
Columns = dict[str, Mapping[str, Estimate]]


def coco(data: Path, adapter: Path, out: Path) -> None:
    """Each detector alone, the greatest score, agreement, and gold of the other half."""
    sys.path.insert(0, str(adapter))
    os.environ["PYTHONPATH"] = str(adapter)
    pictures = [path for part in ("coco_val", "coco_train") for path in sorted((data / part / "images").iterdir())]
    gold = _merged([data / "coco_val" / "gold.json", data / "coco_train" / "gold.json"])
    config = _written(out / "coco.yaml", {"annotators": _detectors(data), "engine": _HERE})
    engine.run([str(path) for path in pictures], out / "corpus", str(config))
    for half, others in _halves(out / "corpus", gold, out).items():
        judged, fitted = str(half), str(others)
        columns: Columns = {}
        _filter(out, calibrate="off")
        measured = engine.evaluate(out / "corpus", judged).rounds[0]
        columns |= {name: measured["annotators"][name] for name in ("yolox", "fastest")}
        columns["greatest score"] = measured["stages"]["kept"]
        _filter(out, calibrate="auto")
        columns["agreement"] = engine.evaluate(out / "corpus", judged).rounds[0]["stages"]["kept"]
        engine.calibrate(out / "corpus", fitted)
        _filter(out, calibrate="auto")
        columns["gold"] = engine.evaluate(out / "corpus", judged).rounds[0]["stages"]["kept"]
        engine.calibrate(out / "corpus")  # forgets the gold
        _report(f"COCO, judged on {half.stem}", columns, "yolox")


def three(data: Path, adapter: Path, out: Path) -> None:
    """Three annotators: YOLOX-Nano looks at parts of every picture, too, as one of its own. On COCO's val alone, which
    neither model has seen; without gold all pictures judge, since nothing was fitted to any of them."""
    sys.path.insert(0, str(adapter))
    os.environ["PYTHONPATH"] = str(adapter)
    gold = _merged([data / "coco_val" / "gold.json"])
    annotators = _detectors(data)
    annotators["parts"] = {**annotators["yolox"], "tiles": {"grid": 2}}
    config = _written(out / "three.yaml", {"annotators": annotators, "engine": _HERE})
    engine.run([str(path) for path in sorted((data / "coco_val" / "images").iterdir())], out / "corpus", str(config))
    whole, halves = _written(out / "gold.json", gold), _halves(out / "corpus", gold, out)
    for judged, fitted in ((whole, None), *halves.items()):
        columns = _without_gold(out, annotators, judged)
        if fitted is not None:
            columns["gold"] = _with_gold(out, judged, fitted)
        for name in annotators:
            _report(f"COCO val, judged on {judged.stem}", columns, name)


def _without_gold(out: Path, annotators: Mapping[str, object], judged: Path) -> Columns:
    """Each alone, the greatest score, and agreement."""
    columns: Columns = {}
    _filter(out, calibrate="off")
    measured = engine.evaluate(out / "corpus", str(judged)).rounds[0]
    columns |= {name: measured["annotators"][name] for name in annotators}
    columns["greatest score"] = measured["stages"]["kept"]
    _filter(out, calibrate="auto")
    columns["agreement"] = engine.evaluate(out / "corpus", str(judged)).rounds[0]["stages"]["kept"]
    return columns


def _with_gold(out: Path, judged: Path, fitted: Path) -> Mapping[str, Estimate]:
    engine.calibrate(out / "corpus", str(fitted))
    _filter(out, calibrate="auto")
    found: Mapping[str, Estimate] = engine.evaluate(out / "corpus", str(judged)).rounds[0]["stages"]["kept"]
    engine.calibrate(out / "corpus")  # forgets the gold
    return found


def _best(columns: Columns, annotators: Mapping[str, object]) -> str:
    return max(annotators, key=lambda name: columns[name]["boxes/map"].value)


def _gain(columns: Columns, annotators: Mapping[str, object], name: str) -> dict[str, list[float]]:
    """Of a round over the best of its annotators."""
    changes = _changes(columns[_best(columns, annotators)], columns[name])
    return {measure: [each.value] for measure, each in changes.items()}


def thirds(data: Path, out: Path) -> None:
    """Three annotators that err independently of each other: students of random weights, each of the spoilt labels of
    another quarter of the pictures; the fourth judges, which none of them has seen. Four times, so that all judge."""
    gold = json.loads((data / "bccd" / "gold.json").read_text())
    gains: dict[str, list[dict[str, list[float]]]] = {
        name: [] for name in ("greatest score", "agreement", "gold of the other half")
    }
    for fold in range(JUDGED):
        here = out / f"fold-{fold}"
        judged = [image for image in gold["images"] if lot(image["file_name"]) % JUDGED == fold]
        ids = {image["id"] for image in judged}
        boxes = [each for each in gold["annotations"] if each["image_id"] in ids]
        whole = _written(here / "gold.json", {**gold, "images": judged, "annotations": boxes})
        annotators = {f"student{third + 1}": _student(data, here, fold, third) for third in range(3)}
        config = _written(here / "thirds.yaml", {"annotators": annotators, "engine": _HERE})
        engine.run(
            [str(data / "bccd" / "images" / image["file_name"]) for image in judged], here / "corpus", str(config)
        )
        columns = _without_gold(here, annotators, whole)
        _report(f"BCCD, fold {fold}", columns, _best(columns, annotators))
        for name in ("greatest score", "agreement"):
            gains[name].append(_gain(columns, annotators, name))
        for half, others in _halves(here / "corpus", json.loads(whole.read_text()), here).items():
            columns = _without_gold(here, annotators, half)
            columns["gold"] = _with_gold(here, half, others)
            gains["gold of the other half"].append(_gain(columns, annotators, "gold"))
    sys.stdout.write("\nDifference to the best of the three, mean over folds with the 95% interval of the mean\n\n")
    sys.stdout.write(table({name: over_seeds(found, MEASURES) for name, found in gains.items()}, MEASURES, signed=True))


def _student(data: Path, folder: Path, fold: int, third: int) -> dict[str, object]:
    """An annotator that has seen a third of the pictures of the other folds."""
    place = folder / f"third-{third}"

    def is_kept(name: str) -> bool:
        return lot(name) % JUDGED != fold and lot(name) // JUDGED % 3 == third

    if not place.exists():
        ingest(place, data / "bccd", "random", {}, is_kept=is_kept)
    settings = {f"loop.student.{name}": value for name, value in {**STUDENT, "seed": third + 1}.items()}
    made = engine.retrain(place / "corpus", "embedded:yolo-nano", settings=settings, student="ultralytics")
    specialist = {"backend": "ultralytics", "weights": str(Path(made.folder) / "student.pt"), "score_floor": 0.01}
    return {"role": "detector", "specialist": specialist}


def bccd(data: Path, student: Path, out: Path) -> None:
    """Spoilt labels, the student, both with human labels protected, by agreement, and by gold of the other half."""
    spoilt, gold = data / "bccd" / "noisy_seed7.json", json.loads((data / "bccd" / "gold.json").read_text())
    source = out / "pictures"
    shutil.copytree(data / "bccd" / "images", source, dirs_exist_ok=True)
    shutil.copy(spoilt, source / "instances.json")
    detector = {
        "role": "detector",
        "specialist": {"backend": "ultralytics", "weights": str(student), "score_floor": 0.01},
    }
    config = _written(
        out / "bccd.yaml", {"annotators": {"pupil": detector}, "ingest": {"root": str(source)}, "engine": _HERE}
    )
    engine.run(str(source / "instances.json"), out / "corpus", str(config))
    for half, others in _halves(out / "corpus", gold, out).items():
        judged, columns = str(half), Columns()
        _filter(out, calibrate="off", given="keep")
        measured = engine.evaluate(out / "corpus", judged).rounds[0]
        columns |= {"spoilt labels": measured["annotators"]["given"], "student": measured["annotators"]["pupil"]}
        columns["protected"] = measured["stages"]["kept"]
        engine.calibrate(out / "corpus", settings={"fuse.given": "filter", "fuse.calibrate": "auto"})
        _filter(out, calibrate="auto", given="filter", least=0.1)
        columns["agreement, at least 0.1"] = engine.evaluate(out / "corpus", judged).rounds[0]["stages"]["kept"]
        engine.calibrate(out / "corpus", str(others))
        _filter(out, calibrate="auto", given="filter", least=0.4)
        columns["gold, at least 0.4"] = engine.evaluate(out / "corpus", judged).rounds[0]["stages"]["kept"]
        _report(f"BCCD, judged on {half.stem}", columns, "spoilt labels")
        _overruled(out / "corpus", spoilt, json.loads(half.read_text()))


def _overruled(corpus: Path, spoilt: Path, gold: Mapping[str, list[dict[str, Any]]]) -> None:
    """How many of the overruled human labels are wrong: no gold box of the label overlaps them by half."""
    keys = {each["id"]: Path(str(each["file_name"])).stem for each in gold["images"]}
    names = {each["id"]: str(each["name"]) for each in gold["categories"]}
    truth: dict[str, list[tuple[str, list[float]]]] = {key: [] for key in keys.values()}
    for each in gold["annotations"]:
        x, y, wide, tall = each["bbox"]
        truth[keys[each["image_id"]]].append((names[each["category_id"]], [x, y, x + wide, y + tall]))
    wrong = count = 0
    for shard in Corpus(str(corpus)).round(0).shards():
        for row in read_index(open_store(str(corpus)), 0, shard).to_pylist():
            if row["rule"] == "fuse.overruled" and row["key"] in truth:
                count += 1
                same = [box for label, box in truth[row["key"]] if label == row["text"]]
                wrong += not (same and iou_matrix([tuple(row["box"].values())], same).max() >= 0.5)
    sys.stdout.write(f"\nOverruled human labels: {count}, wrong: {wrong} ({wrong / max(count, 1):.3f})\n")


def _filter(out: Path, *, calibrate: str, given: str = "keep", least: float | None = None) -> None:
    settings = {"fuse.calibrate": calibrate, "fuse.given": given, "filters.region.min_score": least}
    engine.filter(out / "corpus", settings=settings)


def _detectors(data: Path) -> dict[str, dict[str, Any]]:
    files = {
        "yolox": ("YoloxOnnx", "yolox_nano/yolox_nano.onnx"),
        "fastest": ("FastestDetOnnx", "fastestdet/FastestDet.onnx"),
    }
    return {
        name: {
            "role": "detector",
            "specialist": {
                "backend": "custom",
                "factory": f"realdet:{kind}",
                "options": {"weights": str(data / "weights" / path)},
            },
        }
        for name, (kind, path) in files.items()
    }


def _written(path: Path, settings: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(settings))  # JSON is YAML
    return path


def _merged(paths: Sequence[Path]) -> dict[str, list[dict[str, object]]]:
    """Several COCO files as one; ids of images stay apart."""
    found: dict[str, list[dict[str, object]]] = {"images": [], "annotations": [], "categories": []}
    for path in paths:
        data = json.loads(path.read_text())
        found["images"] += data["images"]
        found["annotations"] += [each for each in data["annotations"] if "bbox" in each]
        found["categories"] = data["categories"]
    return found


def _halves(corpus: Path, gold: Mapping[str, list[dict[str, object]]], out: Path) -> dict[Path, Path]:
    """The gold of each half of the pictures -> that of the other one."""
    folds = {row.key: int(row.sha256[0], 16) % 2 for _, row in Corpus(str(corpus)).image_rows()}
    paths = [out / "half-a.json", out / "half-b.json"]
    for fold, path in enumerate(paths):
        images = [each for each in gold["images"] if folds[Path(str(each["file_name"])).stem] == fold]
        ids = {each["id"] for each in images}
        annotations = [each for each in gold["annotations"] if each["image_id"] in ids]
        _written(path, {"images": images, "annotations": annotations, "categories": gold["categories"]})
    return {paths[0]: paths[1], paths[1]: paths[0]}


def _report(title: str, columns: Columns, base: str) -> None:
    sys.stdout.write(f"\n### {title}\n")
    sys.stdout.write(table(columns, MEASURES))
    both = {name: _changes(columns[base], each) for name, each in columns.items() if name != base}
    sys.stdout.write(f"Difference to {base} (paired; * beyond the 95% interval)\n\n")
    sys.stdout.write(table(both, MEASURES, signed=True))


def _changes(before: Mapping[str, Estimate], after: Mapping[str, Estimate]) -> dict[str, Estimate]:
    return {
        name: change(before[name], after[name])
        for name in MEASURES
        if name in before and name in after and before[name].count and after[name].count
    }


if __name__ == "__main__":
    which, *places = sys.argv[1:]
    by_name: dict[str, Callable[..., None]] = {"coco": coco, "three": three, "thirds": thirds, "bccd": bccd}
    by_name[which](*map(Path, places))
