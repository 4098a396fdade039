"""What do the first 50, 100, 200 corrections do to the labels, if suspects come first? If they come at random?

    python -m tests.experiments.active bccd DATA --student STUDENT.pt --work build/active-bccd
    python -m tests.experiments.active scenes --work build/active-scenes

bccd: DATA holds `images/`, `gold.json` and `noisy_seed7.json` (docs/experiments.md says where they are to be had); the
spoilt labels as a human's beside a student that learned from them (`tests.experiments.student`). scenes: 300 generated
scenes with careless labels beside the embedded yolo-nano. `fuse.given: keep`, no calibration, `min_score` 0.2.

One correction is one object of the round, looked at: what is right is accepted; a wrong name or place (IoU under 0.75)
becomes that of gold; what gold does not have, or another box has already, is rejected. They are taken in as lines of
corrections.jsonl, `fld filter` writes the round, and its boxes are measured against gold at IoU 0.5: all of them, and
those that people said (their labels as a data set of its own, in which what models found counts once it is accepted).

    suspects   as `fld review --suspects` has them
    doubts     likeliest to be wrong as it stands in the round (`stages/review/suspects.py`)
    score      the region with the lowest score first
    random     objects in random order, several times
"""

import argparse
import random
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

import engine
from engine.config.config import load
from engine.report.quality import measure
from shards.finding import Box
from shards.geometry import iou
from shards.reader import Corpus
from shards.record import Record, Region
from shards.store import open_store
from shards.summary import label_of
from stages.evaluate.gold import gold_of
from stages.review.lines import Made
from stages.review.suspects import doubts, is_human, suspects
from stages.review.take_in import take_in
from tests.experiments.running import fld, written

COUNTS = (50, 100, 200)
SETTINGS: dict[str, object] = {"fuse.given": "keep", "fuse.calibrate": "off", "filters.region.min_score": 0.2}
THING_IOU, PLACE_IOU = 0.5, 0.75
MADE = Made("gold", "2026-01-01T00:00:00Z", 0)
Line = dict[str, object]
Score = Callable[[Record], dict[str, float]]


class Answered(NamedTuple):
    """One object of the round, and the lines that gold has for it."""

    key: str
    id: str
    lines: list[Line]


def main() -> None:
    """Command line of the experiment."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("which", choices=["bccd", "scenes"])
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--student", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5, help="random orders")
    arguments = parser.parse_args()
    corpus, gold = (bccd if arguments.which == "bccd" else scenes)(arguments)
    experiment = Experiment(corpus, gold, arguments.work)
    sys.stdout.write(experiment.tables(arguments.seeds))


def bccd(arguments: argparse.Namespace) -> tuple[Path, Path]:
    """Corpus and gold."""
    pictures, corpus = arguments.work / "pictures", arguments.work / "corpus"
    if not corpus.exists():
        shutil.copytree(arguments.data / "images", pictures, dirs_exist_ok=True)
        shutil.copy(arguments.data / "noisy_seed7.json", pictures / "instances.json")
        student = {"backend": "ultralytics", "weights": str(arguments.student), "score_floor": 0.01}
        _run(arguments.work, pictures / "instances.json", corpus, student)
    return corpus, arguments.data / "gold.json"


def scenes(arguments: argparse.Namespace) -> tuple[Path, Path]:
    """Corpus and gold."""
    drawn, corpus = arguments.work / "scenes", arguments.work / "corpus"
    if not corpus.exists():
        fld("scenes", drawn, "--count", 300, "--seed", 4242, "--noisy")
        _run(arguments.work, drawn / "noisy.jsonl", corpus, {"backend": "ultralytics", "weights": "embedded:yolo-nano"})
    return corpus, drawn / "gold.jsonl"


def _run(work: Path, source: Path, corpus: Path, specialist: dict[str, object]) -> None:
    config = {"annotators": {"pupil": {"role": "detector", "specialist": specialist}}, "engine": {"backend": "local"}}
    engine.run([str(source)], str(corpus), str(written(work / "config.yaml", [config])), SETTINGS)


class Experiment:
    """One corpus, corrected in different orders."""

    def __init__(self, corpus: Path, gold: Path, work: Path) -> None:
        self._corpus, self._work = corpus, work
        images = [row for _, row in Corpus(str(corpus)).image_rows() if row.status == "ok"]
        self._gold = gold_of(str(gold), images, load(None, [], open_store(str(corpus))).ingest, None).records
        self._records = list(records(corpus))
        truth = {record.key: record for record in self._gold}
        self._objects = {
            (each.key, each.id): each for record in self._records for each in answers(record, truth[record.key])
        }

    def tables(self, seeds: int) -> str:
        """F1 of all boxes and of people's after so many corrections, a line per order."""
        start = self._measured(self._corpus)
        orders: dict[str, Score] = {
            "suspects": lambda record: {each.id: each.score for each in suspects(record)},
            "doubts": doubts,
            "score": lambda record: {each.id: 1 - each.score for each in record.regions},
        }
        found = {name: self._corrected(name, self._by(score)) for name, score in orders.items()}
        runs = np.array([self._corrected(f"random-{seed}", self._shuffled(seed)) for seed in range(seeds)])
        wrong = sum(each.lines[0]["action"] != "accept" for each in self._objects.values())
        said = f"{len(self._objects)} objects, {wrong} to correct\n"
        for part, name in enumerate(("all boxes", "people's labels")):
            before = start[part]
            said += f"\n| {name}, F1 before {before:.3f} | " + " | ".join(map(str, COUNTS)) + " |\n"
            said += "| --- " * (len(COUNTS) + 1) + "|\n"
            for order, values in found.items():
                cells = [f"{each[part]:.3f} ({each[part] - before:+.3f})" for each in values]
                said += f"| {order} | " + " | ".join(cells) + " |\n"
            gains = runs[:, :, part].T - before
            cells = [f"{before + each.mean():.3f} ({each.min():+.3f} to {each.max():+.3f})" for each in gains]
            said += f"| random, {seeds} times: mean, range | " + " | ".join(cells) + " |\n"
        return said

    def _by(self, score: Score) -> list[Answered]:
        """The highest first; objects without a score come last, in random order."""
        known = {(record.key, id): value for record in self._records for id, value in score(record).items()}
        return sorted(self._shuffled(0), key=lambda each: -known.get((each.key, each.id), -1.0))

    def _shuffled(self, seed: int) -> list[Answered]:
        found = list(self._objects.values())
        random.Random(seed).shuffle(found)
        return found

    def _corrected(self, name: str, order: list[Answered]) -> list[tuple[float, float]]:
        """F1 of the round and of people's labels after each of COUNTS corrections."""
        copy, done = self._work / name, 0
        found: list[tuple[float, float]] = []
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self._corpus, copy)
        for count in COUNTS:
            lines = [(f"{each.key} {each.id}", line) for each in order[done:count] for line in each.lines]
            taken = take_in(open_store(str(copy)), lines, MADE)
            assert not taken.mistakes, taken.mistakes
            engine.filter(str(copy), settings=SETTINGS)
            found.append(self._measured(copy))
            done = count
        shutil.rmtree(copy)
        return found

    def _measured(self, corpus: Path) -> tuple[float, float]:
        whole = list(records(corpus))
        said = [
            msgspec.structs.replace(each, regions=[one for one in each.regions if any(map(is_human, one.votes))])
            for each in whole
        ]
        every, people = (measure(part, self._gold, ["boxes"])["boxes/f1"].value for part in (whole, said))
        return every, people


def records(corpus: Path) -> Iterator[Record]:
    """All records of round 0."""
    round_ = Corpus(str(corpus)).round(0)
    return (record for shard in round_.shards() for record in round_.records(shard))


def answers(record: Record, gold: Record) -> Iterator[Answered]:
    """What gold says of every object. A box of gold is that of one object: one with its name before others, then the
    nearest."""
    objects = [region for region in record.regions if region.kind == "object"]
    left = {region.id: region for region in gold.regions}
    pairs = [
        (label_of(mine) == label_of(true), iou(mine.box, true.box), mine.id, true.id)
        for mine in objects
        for true in gold.regions
        if iou(mine.box, true.box) >= THING_IOU
    ]
    owner: dict[str, Region] = {}
    for _, _, mine, true in sorted(pairs, reverse=True):
        if mine not in owner and true in left:
            owner[mine] = left.pop(true)
    for region in objects:
        yield Answered(record.key, region.id, list(_lines(record.key, region, owner.get(region.id))))


def _lines(key: str, region: Region, true: Region | None) -> Iterator[Line]:
    line: Line = {
        "key": key,
        "target": {"label": label_of(region), "box": _plain(region.box)},
    }  # ids change with rounds
    if true is None:
        yield {**line, "action": "reject"}
        return
    is_named, is_placed = label_of(region) == label_of(true), iou(region.box, true.box) >= PLACE_IOU
    if not is_named:
        yield {**line, "action": "relabel", "label": label_of(true)}
    if not is_placed:
        yield {**line, "action": "move", "box": _plain(true.box)}
    if is_named and is_placed:
        yield {**line, "action": "accept"}


def _plain(box: Box) -> list[float]:
    return [float(each) for each in box]


if __name__ == "__main__":
    main()
