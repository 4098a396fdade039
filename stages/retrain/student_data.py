"""What a student learns from: the pictures and boxes of a round, as files for the time of a training.

Comes in: a pool of images. Goes out: the layout that YOLO trainers read, deleted when the model is there:

    training-model-student/data/train/images/000017.jpg     the original bytes
    training-model-student/data/train/labels/000017.txt     "2 0.512500 0.440625 0.120000 0.165625"   class x y w h
    training-model-student/data/held_out/...                what is never trained on

A box's class is what a detector or a human called it (`stages.codec.wording.category`), as Florence-2's <OD> teaches;
of a doubtful one the number says how doubtful, too (student_doubts.py).
"""

import math
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from shards.errors import CorpusError
from shards.record import Record, RecordError
from specialists.roles import Image
from stages.codec.wording import category
from stages.incomplete import unknown
from stages.ingest.decode import DecodeError, decode_image
from stages.ingest.settings import DecodeLimits
from stages.retrain.data import RetrainError
from stages.retrain.pool import TrainingPool
from stages.retrain.student_doubts import Doubts

TRAIN, HELD_OUT = "train", "held_out"
_JPEG = b"\xff\xd8"
Level = Callable[[float], int | None]
"""The level of doubt by the score of a label, which its number tells; None leaves it out."""
UNREADABLE_BUDGET = 0.01
"""Share of the images that may be unreadable, as in `RetrainSettings.corrupt_budget`."""


@dataclass(frozen=True)
class Lessons:
    """folder: of all files; names: of the classes, by number; images, held_out: how many; unreadable: left out, as are
    images on which a detector failed: what has no box would be taught as background. sides: label -> the median side of
    its boxes (square root of the area) as share of the picture's long side."""

    folder: Path
    names: tuple[str, ...]
    images: int
    held_out: int
    unreadable: int
    sides: Mapping[str, float]


def class_names(pools: Iterable[TrainingPool], known: Sequence[str] = ()) -> tuple[str, ...]:
    """The labels of all objects, those that the checkpoint knows first and in its order, the others by alphabet: a
    model that goes on learning keeps the numbers of its classes."""
    records = (record for pool in pools for record in _records(pool))
    regions = (region for record in records for region in record.regions if region.kind == "object")
    found = {label for region in regions if (label := category(region))}
    kept = [name for name in known if name in found]
    return (*kept, *sorted(found - set(kept)))


def write_lessons(
    trained: TrainingPool, held: TrainingPool, names: Sequence[str], folder: Path, doubts: Doubts
) -> Lessons:
    """Write both pools. Raises RetrainError if too many images cannot be read, or none is left."""
    if folder.exists():
        shutil.rmtree(folder)
    numbers = {name: number for number, name in enumerate(names)}
    written, unread = _write(trained, numbers, folder / TRAIN, doubts.level)
    held_written, held_unread = _write(held, numbers, folder / HELD_OUT, doubts.level_where_measured)
    unreadable, images = unread + held_unread, len(trained) + len(held)
    if unreadable > UNREADABLE_BUDGET * images:
        raise RetrainError(
            f"round {trained.number}: {unreadable} of {images} images cannot be read, the budget is"
            f" {UNREADABLE_BUDGET:.0%}; run `fld verify --repair`"
        )
    return Lessons(folder, tuple(names), written, held_written, unreadable, _sides(trained))


def _sides(pool: TrainingPool) -> dict[str, float]:
    sides: dict[str, list[float]] = {}
    for record in _records(pool):
        for region in record.regions:
            if region.kind == "object" and (label := category(region)):
                x0, y0, x1, y1 = region.box
                share = math.sqrt((x1 - x0) * (y1 - y0)) / max(record.width, record.height)
                sides.setdefault(label, []).append(share)
    return {label: round(median(shares), 4) for label, shares in sorted(sides.items())}


def _records(pool: TrainingPool) -> Iterator[Record]:
    for i in range(len(pool)):
        try:
            yield pool.read(i)[0]
        except (CorpusError, RecordError):
            continue  # counted where it is written


def _write(pool: TrainingPool, numbers: dict[str, int], folder: Path, level: Level) -> tuple[int, int]:
    """(written, unreadable)."""
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    limits, written, unreadable = DecodeLimits(), 0, 0
    for i in range(len(pool)):
        try:
            record, original = pool.read(i)
            picture = decode_image(original, limits)
        except (CorpusError, RecordError, DecodeError):
            unreadable += 1
            continue
        if "objects" in unknown(record):
            continue
        _write_picture(folder / "images" / f"{i:06d}", original, picture)
        lines = "".join(f"{line}\n" for line in label_lines(record, numbers, level))
        (folder / "labels" / f"{i:06d}.txt").write_text(lines)
        written += 1
    return written, unreadable


def _write_picture(path: Path, original: bytes, picture: Image) -> None:
    """A JPEG as it is: the trainers turn it upright as `decode_image` does. Anything else as PNG of the decoded
    pixels."""
    from PIL import Image as Pillow

    if original.startswith(_JPEG):
        path.with_suffix(".jpg").write_bytes(original)
    else:
        Pillow.fromarray(picture).save(path.with_suffix(".png"), compress_level=1)


def label_lines(record: Record, numbers: dict[str, int], level: Level) -> list[str]:
    """One line per object of a known class: number, middle and size of its box as shares of the picture."""
    lines = []
    for region in record.regions:
        label = category(region) if region.kind == "object" else None
        turns = level(region.score)
        if label is None or label not in numbers or turns is None:
            continue
        x0, y0, x1, y1 = region.box
        values = (
            (x0 + x1) / 2 / record.width, (y0 + y1) / 2 / record.height,
            (x1 - x0) / record.width, (y1 - y0) / record.height,
        )  # fmt: skip
        number = numbers[label] + turns * len(numbers)
        lines.append(" ".join([str(number), *(f"{min(max(value, 0.0), 1.0):.6f}" for value in values)]))
    return lines
