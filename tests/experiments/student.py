"""Does a student that learns from wrong labels make them better, and is it better for it? On real pictures.

    python -m tests.experiments.student --data bccd --work build/student

DATA holds `images/`, `gold.json` (COCO: human boxes) and `noisy_seed7.json` (the same, spoilt: 30% of the boxes
missing, 10% of the labels swapped, corners moved by 8% of the side). BCCD has both; docs/experiments.md says where it
is to be had. A quarter of the pictures, chosen by the hash of their names, is kept out of every corpus and judges. The
others come with spoilt labels, as a human's:

    random      noisy_seed7.json
    platelets   human gold, without the smaller half of one class
    confused    human gold, of one class every second box is called by the name of another

and per kind of noise and seed, every student from the architecture of yolo-nano with random weights at first:

    a      STEPS on the spoilt labels                                    rounds/00/model-student of the loop
    b      the loop: STEPS more on every round that it made of the spoilt labels and the student before
    c      as many more steps on the spoilt labels as b
    d      as many steps as b and c, on human gold: the ceiling
    w      as b, with rare labels weighing more in the loss (ultralytics' cls_pw)
    v      as c, with the same weights: what w is compared with
    s      as b, every label that is at least DOUBTFUL probable weighed by that (loop.student.doubtful: weigh)
    i      as b, those that are less probable than --min-score left out of the loss (skip)

The gate and the calibration of the rounds see the gold of a tenth of the pictures, on which nobody trains (19 of
219), unless --no-gold is given. Left in WORK: a folder per noise, seed and arm, student.md, and a figure per noise.
What is there is not made again.
"""

import argparse
import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

import engine
from engine.corpus.session import look
from engine.report.quality import measure
from shards.reader import Corpus
from shards.record import Candidate, Record, Region, Source
from shards.store import open_store
from specialists.roles import Detections, Image
from specialists.ultralytics_yolo import UltralyticsDetector, UltralyticsSettings
from stages.evaluate.bootstrap import Estimate
from stages.held_out import is_held_out
from stages.ingest.decode import decode_image
from stages.ingest.settings import DecodeLimits
from tests.experiments.running import table
from tests.experiments.student_figure import draw_course

JUDGED = 4
"""One picture in so many judges."""
LOOPS = ("b", "w", "s", "i")
WEIGHED = ("w", "v")
DOUBTFUL = 0.1
"""Labels that are less probable than this are in no round."""
AP = {"boxes/map": "AP", "boxes/map50": "AP at IoU 0.5"}
SHOWN = {**AP, "platelet": "AP of platelets", "red blood cell": "of red cells", "white blood cell": "of white cells"}
LABELS = {"boxes/precision": "precision", "boxes/recall": "recall", "boxes/f1": "F1"}
Coco = dict[str, Any]


def main() -> None:
    """Command line of the experiment."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=220)
    parser.add_argument("--passes", type=int, default=3, help="trainings of each arm, of STEPS each")
    parser.add_argument("--image-size", type=int, default=320, help="192, which yolo-nano has seen, hides platelets")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--noise", nargs="+", default=["random", "platelets", "confused"])
    parser.add_argument("--arms", nargs="+", default=["b", "c", "d"])
    parser.add_argument("--no-gold", action="store_true")
    parser.add_argument("--nms-iou", type=float, default=0.5, help="of the rounds; 0.7, the product's, keeps doubles")
    parser.add_argument("--min-score", type=float, default=0.4, help="of the rounds: how probable a label must be")
    arguments = parser.parse_args()
    for noise in arguments.noise:
        for seed in arguments.seeds:
            for arm in arguments.arms:
                Arm(arguments, noise, seed, arm).run()
                (arguments.work / "student.md").write_text(report(arguments))
        draw(arguments, noise)


class Arm:
    """One student's course."""

    def __init__(self, arguments: argparse.Namespace, noise: str, seed: int, arm: str) -> None:
        self._data, self._steps, self._seed, self._arm = arguments.data, arguments.steps, seed, arm
        self._folder = folder(arguments, noise, seed, arm)
        self._noise, self._is_calibrated = noise, not arguments.no_gold
        self._passes: int = arguments.passes
        self._image_size: int = arguments.image_size
        self._nms_iou: float = arguments.nms_iou
        self._min_score: float = arguments.min_score

    def run(self) -> None:
        """Train, and measure every student on the pictures that are kept out. More passes than are there go on."""
        done = self._folder / "measured.json"
        if done.exists() and len(json.loads(done.read_text())["students"]) >= self._passes:
            return
        corpus = self._folder / "corpus"
        if not corpus.exists():
            noise = "gold" if self._arm == "d" else self._noise
            ingest(self._folder, self._data, noise, self._settings(), self._seed)
        is_loop = self._arm in LOOPS
        students = self._loop(corpus) if is_loop else self._longer(corpus)
        gold = records_of(self._data, judged=True)
        found = [quality(predictions(self._data, each), gold) for each in students]
        labels = self._labels(corpus) if is_loop else []
        done.write_text(json.dumps({"students": found, "labels": labels}))

    def _settings(self) -> dict[str, object]:
        weigh: dict[str, object] = {"loop.student.doubtful": "weigh"}
        skip: dict[str, object] = {"loop.student.doubtful": "skip", "loop.student.sure": self._min_score}
        doubts = {"s": weigh, "i": skip}.get(self._arm, {})
        return {
            **doubts,
            "loop.learners": ["student"],
            "loop.student.start": "embedded:yolo-nano",
            "loop.student.fresh": "first",
            "loop.student.steps": self._steps,
            "loop.student.image_size": self._image_size,
            "loop.student.seed": self._seed,
            "loop.student.arguments": {"flipud": 0.5, "degrees": 0.0, "cls_pw": 0.5 if self._arm in WEIGHED else 0.0},
            "loop.watch.patience": self._passes + 1,
            "loop.watch.boxes_change": {"warn": None, "stop": None},
            "loop.watch.label_entropy_loss": {"warn": None, "stop": None},  # doubtful labels are mostly of one kind
            "loop.gate.tolerance": 1.0,
            "filters.region.min_score": DOUBTFUL if doubts else self._min_score,
            "filters.region.nms_iou": self._nms_iou,
        }

    def _loop(self, corpus: Path) -> list[Path]:
        """A first round by a first student; then, what both are worth being known from the gold of the few, all rounds
        with that."""
        gold, settings = self._few(corpus) if self._is_calibrated else None, self._settings()
        if gold is not None and not (self._folder / "calibrated").exists():
            engine.loop(str(corpus), 1, gold=gold, settings=settings, tell=print)
            engine.calibrate(str(corpus), gold, round=1)
            (self._folder / "calibrated").touch()
        engine.loop(str(corpus), self._passes, gold=gold, settings=settings, tell=print)
        return [corpus / f"rounds/{number:02d}/model-student/student.pt" for number in range(self._passes)]

    def _few(self, corpus: Path) -> Path:
        """Human gold of the held-out pictures."""
        share = look(str(corpus)).config.loop.retrain.held_out
        rows = [row for _, row in Corpus(open_store(str(corpus))).image_rows()]
        keys = {row.key for row in rows if is_held_out(row.sha256, share)}
        gold = read(self._data / "gold.json")
        kept = [image for image in gold["images"] if _key(image) in keys]
        ids = {image["id"] for image in kept}
        boxes = [each for each in gold["annotations"] if each["image_id"] in ids]
        path = self._folder / "few.json"
        path.write_text(json.dumps({**gold, "images": kept, "annotations": boxes}))
        return path

    def _longer(self, corpus: Path) -> list[Path]:
        """The same trainings on the same labels, one after the other."""
        students: list[Path] = []
        for number in range(self._passes):
            out = self._folder / f"student-{number}.pt"
            if not out.exists():
                start = students[-1] if students else "embedded:yolo-nano"
                how = {**self._settings(), "loop.student.fresh": "never" if students else "first"}
                result = engine.retrain(str(corpus), start, settings=how, again=True, student="ultralytics")
                shutil.copyfile(Path(result.folder) / "student.pt", out)
            students.append(out)
        return students

    def _labels(self, corpus: Path) -> list[dict[str, list[float]]]:
        """How good the labels of every round are."""
        gold = records_of(self._data, judged=False)
        found = []
        for number in Corpus(open_store(str(corpus))).rounds():
            round_ = Corpus(open_store(str(corpus))).round(number)
            said = [self._sure(record) for shard in round_.shards() for record in round_.records(shard)]
            found.append(as_numbers(measure(said, gold, ["boxes"]), LABELS))
        return found

    def _sure(self, record: Record) -> Record:
        regions = [region for region in record.regions if region.score >= self._min_score]
        return msgspec.structs.replace(record, regions=regions)


def ingest(
    folder: Path,
    data: Path,
    noise: str,
    settings: dict[str, object],
    seed: int = 0,
    is_kept: Callable[[str], bool] = lambda name: not is_judge(name),
) -> None:
    """A corpus of pictures, those that do not judge, in `folder`/corpus, with these labels as a human's."""
    spoilt = spoil(data, noise, seed)
    folder.mkdir(parents=True, exist_ok=True)
    kept = [image for image in spoilt["images"] if is_kept(image["file_name"])]
    (folder / "images").symlink_to((data / "images").resolve())
    ids = {image["id"] for image in kept}
    boxes = [each for each in spoilt["annotations"] if each["image_id"] in ids]
    (folder / "labels.json").write_text(json.dumps({**spoilt, "images": kept, "annotations": boxes}))
    config = folder / "config.yaml"
    config.write_text("annotators: {}\nengine: {backend: local}\nfuse: {given: filter}\n")
    engine.run([str(folder / "labels.json")], str(folder / "corpus"), str(config), settings)


def folder(arguments: argparse.Namespace, noise: str, seed: int, arm: str) -> Path:
    """Human gold is the same whatever the noise."""
    work: Path = arguments.work
    return work / ("gold" if arm == "d" else noise) / f"seed-{seed}-{arm}{'-no-gold' if arguments.no_gold else ''}"


def read(path: Path) -> Coco:
    """A COCO file."""
    found: Coco = json.loads(path.read_text())
    return found


def is_judge(name: str) -> bool:
    """Whether a picture is kept out of every corpus."""
    return lot(name) % JUDGED == 0


def lot(name: str) -> int:
    """A number that a picture's name draws."""
    return int(hashlib.sha256(name.encode()).hexdigest(), 16)


def spoil(data: Path, noise: str, seed: int) -> Coco:
    """Labels with this noise; "gold" has none."""
    if noise in ("random", "gold"):
        return read(data / ("noisy_seed7.json" if noise == "random" else "gold.json"))
    gold, rng = read(data / "gold.json"), np.random.default_rng(seed)
    classes = {each["name"]: each["id"] for each in gold["categories"]}
    small, other = classes["platelet"], classes["red blood cell"]
    areas = [each["bbox"][2] * each["bbox"][3] for each in gold["annotations"] if each["category_id"] == small]
    half = float(np.median(areas))
    kept = []
    for each in gold["annotations"]:
        is_small = each["category_id"] == small
        if noise == "platelets" and is_small and each["bbox"][2] * each["bbox"][3] < half:
            continue
        is_confused = noise == "confused" and is_small and rng.random() < 0.5
        kept.append({**each, "category_id": other if is_confused else each["category_id"]})
    return {**gold, "annotations": kept}


def records_of(data: Path, *, judged: bool) -> list[Record]:
    """Human gold of the pictures that judge, or of the others."""
    gold = read(data / "gold.json")
    names = {each["id"]: each["name"] for each in gold["categories"]}
    found: dict[int, list[Region]] = {each["id"]: [] for each in gold["images"]}
    for each in gold["annotations"]:
        x, y, w, h = each["bbox"]
        found[each["image_id"]].append(_region(names[each["category_id"]], (x, y, x + w, y + h), 1.0))
    return [
        Record(_key(image), image["file_name"], "", image["width"], image["height"], 0, [], found[image["id"]])
        for image in gold["images"]
        if is_judge(image["file_name"]) == judged
    ]


def judges(data: Path) -> tuple[list[Coco], list[Image]]:
    """The pictures that judge: their COCO entries, and themselves."""
    gold = [image for image in read(data / "gold.json")["images"] if is_judge(image["file_name"])]
    return gold, [decode_image((data / "images" / image["file_name"]).read_bytes(), DecodeLimits()) for image in gold]


def predictions(data: Path, weights: Path) -> list[Record]:
    """What a student finds in the pictures that judge."""
    detector = UltralyticsDetector(UltralyticsSettings(weights=str(weights), nms_iou=0.6))
    detector.load()
    gold, pictures = judges(data)
    said = detector.detect(pictures)
    detector.close()
    return [said_of(image, each) for image, each in zip(gold, said, strict=True)]


def said_of(image: Coco, found: Detections) -> Record:
    """What a detector found in a picture, as a record."""
    boxes = zip(found.boxes.tolist(), found.scores.tolist(), found.labels, strict=True)
    regions = [_region(label, tuple(box), score) for box, score, label in boxes]
    return Record(_key(image), image["file_name"], "", image["width"], image["height"], 0, [], regions)


def _region(label: str, box: tuple[float, float, float, float], score: float) -> Region:
    source = Source("gold", "", 0, None, "")
    return Region("", "object", box, score, [Candidate("phrase", label, None, source)], 0, [])


def _key(image: dict[str, Any]) -> str:
    return Path(image["file_name"]).stem


def quality(said: list[Record], gold: list[Record]) -> dict[str, list[float]]:
    """AP over all labels, and of each of them alone."""
    found = as_numbers(measure(said, gold, ["boxes"]), AP)
    for label in SHOWN.keys() - AP.keys():
        alone = measure([_only(label, each) for each in said], [_only(label, each) for each in gold], ["boxes"])
        found |= {label: as_numbers(alone, {"boxes/map": ""})["boxes/map"]}
    return found


def _only(label: str, record: Record) -> Record:
    regions = [region for region in record.regions if region.candidates[0].text == label]
    return msgspec.structs.replace(record, regions=regions)


def as_numbers(found: dict[str, Estimate], names: dict[str, str]) -> dict[str, list[float]]:
    """Value and interval over pictures."""
    return {name: [found[name].value, found[name].low, found[name].high] for name in names}


def report(arguments: argparse.Namespace) -> str:
    """Per noise, means over seeds, with the 95% interval of the mean (Student's t) where there are several."""
    text = []
    for noise in arguments.noise:
        columns = {
            f"{arm}, {(number + 1) * arguments.steps} steps": over_seeds(
                [each["students"][number] for each in by_seed(arguments, noise, arm).values()], SHOWN
            )
            for arm in arguments.arms
            for number in range(arguments.passes)
        }
        text += [f"## {noise}\n", table(columns, SHOWN), table(gains(arguments, noise), SHOWN, signed=True)]
        for arm in LOOPS:
            rounds = [*by_seed(arguments, noise, arm).values()]
            labels = {
                f"{arm}, labels of round {number}": over_seeds([each["labels"][number] for each in rounds], LABELS)
                for number in range(len(rounds[0]["labels"]) if rounds else 0)
            }
            text += [table(labels, LABELS)] if labels else []
    return "\n".join(text)


def gains(arguments: argparse.Namespace, noise: str) -> dict[str, dict[str, Estimate]]:
    """Of the loops over more of the same training, seed by seed; from two seeds on."""
    found = {}
    for arm in LOOPS:
        longer = "v" if arm in WEIGHED else "c"
        loops, plain = by_seed(arguments, noise, arm), by_seed(arguments, noise, longer)
        seeds = sorted(loops.keys() & plain.keys())
        for number in range(arguments.passes if len(seeds) > 1 else 0):
            pairs = [(loops[seed]["students"][number], plain[seed]["students"][number]) for seed in seeds]
            each = [{name: [a[name][0] - b[name][0]] for name in SHOWN} for a, b in pairs]
            found[f"{arm} - {longer}, {(number + 1) * arguments.steps} steps"] = over_seeds(each, SHOWN)
    return found


def draw(arguments: argparse.Namespace, noise: str) -> None:
    """The figure of a kind of noise, means over seeds."""
    labels, students = {}, {}
    for arm in arguments.arms:
        found = [*by_seed(arguments, noise, arm).values()]
        students[arm] = [
            over_seeds([each["students"][number] for each in found], AP)["boxes/map"]
            for number in range(arguments.passes)
        ]
        if arm in LOOPS:
            rounds = range(len(found[0]["labels"]))
            labels[arm] = [over_seeds([each["labels"][n] for each in found], LABELS)["boxes/f1"] for n in rounds]
    draw_course(labels, students, arguments.steps, arguments.work / f"student-{noise}.svg")


def by_seed(arguments: argparse.Namespace, noise: str, arm: str) -> dict[int, dict[str, Any]]:
    """What is there so far, of as many passes as are asked for."""
    files = {seed: folder(arguments, noise, seed, arm) / "measured.json" for seed in arguments.seeds}
    found = {seed: json.loads(file.read_text()) for seed, file in files.items() if file.exists()}
    return {seed: each for seed, each in found.items() if len(each["students"]) >= arguments.passes}


def over_seeds(found: Sequence[dict[str, list[float]]], names: dict[str, str]) -> dict[str, Estimate]:
    """One seed: its interval over pictures; several: that of the mean over seeds."""
    if not found:
        return {}
    if len(found) == 1:
        return {name: Estimate(found[0][name][0], found[0][name][1], found[0][name][2], 1) for name in names}
    quantile = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78, 6: 2.57, 7: 2.45, 8: 2.36}.get(len(found), 2.0)
    out = {}
    for name in names:
        values = np.array([each[name][0] for each in found])
        mean, half = float(values.mean()), quantile * float(values.std(ddof=1)) / len(values) ** 0.5
        out[name] = Estimate(mean, mean - half, mean + half, len(values))
    return out


if __name__ == "__main__":
    main()
