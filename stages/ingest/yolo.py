"""YOLO labels: one txt per image, and a yaml with the names of the classes.

    data.yaml              path: .  names: {0: dog, 1: ball}
    images/train/1.jpg     labels/train/1.txt     0 0.5 0.5 0.2 0.4      class, centre x y, width, height
                                                  1 0.1 0.1 0.3 0.1 ...  or class and the corners of a polygon
    -> object "dog", box 0.4 0.3 0.6 0.7 (fractions of the sides)

Where a label lies is ultralytics' rule: `images` in the path becomes `labels`, else it lies beside the image. Without a
yaml the names are the lines of `classes.txt`. An image without a label file has no labels; an empty file says that
there is nothing to label. A line that cannot be read is counted.

Read by hand: labelformat (0.1.17) ends at the first odd file, and reads one split at a time.
"""

import math
from collections.abc import Sequence
from pathlib import PurePosixPath

import yaml

from shards.errors import InputError
from shards.finding import Detection, Finding
from stages.ingest.entry import Entry, ReadFile, SourceError
from stages.ingest.left_out import LeftOut
from stages.ingest.locations import join
from stages.ingest.rle import oriented_ring
from stages.ingest.rows import lines_of

YAML_SUFFIXES = (".yaml", ".yml")
_CLASSES = "classes.txt"
_USUAL = ("data", "dataset")
"""How the yaml of a data set is called; one that is none is an error where there are labels."""
_SLACK = 0.01
"""How far outside the picture rounding may put a corner, as a share of the side."""


class LabelLineError(InputError):
    """A line of a label file that cannot be read."""


class Dataset:
    """What a yaml says: `names` of the classes by number, and `path`, relative to the yaml."""

    def __init__(self, location: str, data: bytes) -> None:
        """Raises SourceError for what is no YOLO data set."""
        try:
            found = yaml.safe_load(data)
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            first_line = str(error).partition("\n")[0]
            raise SourceError(f"source {location}: not sound YAML: {first_line}") from error
        names = found.get("names") if isinstance(found, dict) else None
        pairs = dict(enumerate(names)) if isinstance(names, list) else names
        plain = (str, int, float, type(None))
        if not isinstance(pairs, dict) or not all(isinstance(name, plain) for name in pairs.values()):
            raise SourceError(f"source {location}: a YOLO data set has names of its classes: names: [dog, ball]")
        self.names = {str(number): "" if name is None else str(name).strip() for number, name in pairs.items()}
        self.has_points = "kpt_shape" in found
        self.path = str(found.get("path") or ".")


def dataset_of(folder: str, names: Sequence[str], read: ReadFile) -> Dataset | None:
    """The data set that a folder is by its own yaml or `classes.txt`; None if it is none."""
    labelled = any(name.startswith("labels/") or "/labels/" in name for name in names)
    for name in names:
        if "/" not in name and name.endswith(YAML_SUFFIXES):
            try:
                return Dataset(name, read(join(folder, name)))
            except SourceError:
                if labelled and PurePosixPath(name).stem in _USUAL:
                    raise
                continue  # some other yaml
    for name in names:
        if PurePosixPath(name).name == _CLASSES:
            lines = [line.strip() for line in lines_of(read(join(folder, name))) if line.strip()]
            return Dataset(name, yaml.safe_dump({"names": lines}).encode())
    return None


def read_yolo(
    uri: str,
    folder: str,
    names: Sequence[str],
    images: Sequence[str],
    dataset: Dataset,
    read: ReadFile,
    left_out: LeftOut,
) -> list[Entry]:
    """Entries of all images below `folder`, with the labels that they have. names, images: paths below it."""
    labels = {name for name in names if name.lower().endswith(".txt") and PurePosixPath(name).name != _CLASSES}
    entries: list[Entry] = []
    for image in images:
        label = next((name for name in _label_places(image) if name in labels), None)
        given: list[Finding] = []
        if label is not None:
            labels.discard(label)
            for number, line in enumerate(lines_of(read(join(folder, label))), 1):
                try:
                    given += _findings(line, dataset)
                except LabelLineError as error:
                    left_out.label("label", f"{label}, line {number}: {error}")
        entries.append(Entry(f"{uri}/{image}", join(folder, image), image, given=given, normalised=True))
    if labels:
        left_out.by_rule("txt file that belongs to no image", len(labels))
    return entries


def _label_places(image: str) -> list[str]:
    """ultralytics/data/utils.py, img2label_paths: the last `images` folder becomes `labels`."""
    path = PurePosixPath(image)
    parts = list(path.parts)
    beside = str(path.with_suffix(".txt"))
    for index in range(len(parts) - 2, -1, -1):
        if parts[index] == "images":
            parts[index] = "labels"
            return [str(PurePosixPath(*parts).with_suffix(".txt")), beside]
    return [beside, f"labels/{beside}"]


def _findings(line: str, dataset: Dataset) -> list[Finding]:
    fields = line.split()
    if not fields:
        return []
    number = fields[0].removesuffix(".0")
    if number not in dataset.names:
        raise LabelLineError(f"class {fields[0][:20]!r} is not among the names")
    values = [_fraction(field) for field in (fields[1:5] if dataset.has_points else fields[1:])]
    if len(values) == 4:
        x, y, width, height = values
        box = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        return [Detection(dataset.names[number], box=box)]
    if len(values) < 6 or len(values) % 2:
        raise LabelLineError(f"must have 4 numbers, or the corners of a polygon, got {len(values)}")
    xs, ys = values[::2], values[1::2]
    box = (min(xs), min(ys), max(xs), max(ys))
    return [Detection(dataset.names[number], box=box, polygons=[oriented_ring(values, clockwise=True)])]


def _fraction(field: str) -> float:
    try:
        value = float(field)
    except ValueError:
        value = math.nan
    if not -_SLACK <= value <= 1 + _SLACK:
        raise LabelLineError(f"must have fractions of the sides, got {field[:20]!r}")
    return value
