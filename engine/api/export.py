"""A round in the format of another tool: which images, in which splits, with their pictures or without.

    export("corpus", "out", format="yolo")                        out/data.yaml, out/images/, out/labels/
    export("corpus", "instances.json")                            one COCO file, pictures left where they are
    export("corpus", "dogs", format="hf", where="list_contains(labels, 'dog')")

Comes in: a committed round. Goes out: files below `out`, and `categories.json` in the corpus, so that a label has
the same number in every export.
"""

import glob
import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import Literal, get_args

from engine.api.reports import ExportReport, Location
from engine.config.config import load
from engine.config.config_text import ConfigError
from shards.completeness import check_round, check_whole
from shards.layout import round_folder
from shards.reader import Corpus, Round
from shards.summary import label_of
from stages.export.categories import Categories
from stages.export.choose import QueryError, samples
from stages.export.coco import CocoTarget, Instances
from stages.export.cvat import CvatTarget
from stages.export.fiftyone import FiftyOneTarget
from stages.export.hf import HfTarget
from stages.export.jsonl import JsonlTarget
from stages.export.label_studio import LabelStudioTarget
from stages.export.pictures import PictureMode, PicturePlace
from stages.export.sample import ExportTarget
from stages.export.webdataset_tars import WebdatasetTarget
from stages.export.yolo import YoloTarget

Format = Literal["coco", "yolo", "yolo-seg", "hf", "fiftyone", "label-studio", "cvat", "jsonl", "webdataset"]
FORMATS: tuple[Format, ...] = get_args(Format)


def export(
    corpus: Location,
    out: Location,
    *,
    round: int = 0,
    format: Format = "coco",
    where: str | None = None,
    pictures: PictureMode = "copy",
    held_out: float | None = None,
) -> ExportReport:
    """Write a round for another tool. out: a new or empty folder; a name that ends in .json is one COCO instances file.

    where: an SQL condition over the summary (`stages/export/choose.py`). held_out: the share that goes into the split
    "val", by default `loop.retrain.held_out` of the corpus. Raises CorpusError if the round is not there, ConfigError,
    QueryError, PictureError."""
    opened = Corpus(str(corpus))
    source = opened.round(round)
    check_whole(opened.store)
    check_round(opened.store, round_folder(round), str(corpus))
    path = Path(out)
    single = path.suffix == ".json"
    _check(path, format, pictures, single)
    if held_out is None:
        held_out = 0.0 if single else load(None, [], opened.store).loop.retrain.held_out
    categories = Categories(opened.store)
    categories.learn(_labels(source))
    with ExitStack() as undo:
        undo.callback(_remove_what_is_there, path, single)  # the folder was empty
        try:
            report = _written(source, path, format, where, pictures, held_out, categories)
        except OSError as error:
            if error.filename is not None:
                raise
            # of a full disk the system names no file
            raise ConfigError(f"out {path} cannot be written: {error.strerror or error}") from error
        undo.pop_all()  # it is whole
    return report


def _written(
    source: Round,
    path: Path,
    format: Format,
    where: str | None,
    pictures: PictureMode,
    held_out: float,
    categories: Categories,
) -> ExportReport:
    single = path.suffix == ".json"
    with ExitStack() as files:
        target = Instances(path, categories, files) if single else _target(path, format, pictures, categories, files)
        is_inside = format in ("hf", "webdataset")  # the pictures stand in the files
        place = PicturePlace(path, "leave" if single or is_inside else pictures)
        images = objects = 0
        labels: set[str] = set()
        for sample in samples(source, where, held_out, place):
            target.add(sample)
            images += 1
            objects += len(sample.objects)
            labels.update(map(label_of, sample.objects))
        if where is not None and not images:
            raise QueryError(f"where {where!r} matches no image of round {source.number}: nothing was written")
        target.close()
        return ExportReport(str(path), images, objects, len(labels))


def _remove_what_is_there(path: Path, single: bool) -> None:
    """Of an export that failed: half of one is of no use, and stands in the way of the next."""
    if single:
        for part in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
            part.unlink()
        return
    for each in path.iterdir() if path.is_dir() else ():
        shutil.rmtree(each) if each.is_dir() and not each.is_symlink() else each.unlink()


def _check(out: Path, format: Format, pictures: PictureMode, single: bool) -> None:
    """Nothing that is there is written over."""
    if format not in FORMATS:
        raise ConfigError(f"format must be one of {', '.join(FORMATS)}, got {format!r}")
    if single:
        if format != "coco":
            raise ConfigError(f"{out}: one file can only be coco, got format {format}: name a folder")
        return
    if format in ("yolo", "yolo-seg") and pictures == "leave":
        raise ConfigError(f"format {format} finds labels beside pictures: take pictures copy or link")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"{out} is not an empty folder: name a new one, or remove what is there")
    out.mkdir(parents=True, exist_ok=True)


def _labels(round_: Round) -> set[str]:
    """The labels of all objects of the round, whatever is chosen of it."""
    labels: set[str] = set()
    for shard in round_.shards():
        summary = round_.summary(shard)
        if summary is not None:
            labels.update(label for labels in summary["labels"].to_pylist() for label in labels or ())
    return labels


def _target(out: Path, format: Format, pictures: PictureMode, categories: Categories, files: ExitStack) -> ExportTarget:
    match format:
        case "coco":
            return CocoTarget(out, categories, files)
        case "yolo" | "yolo-seg":
            return YoloTarget(out, categories, masks=format == "yolo-seg")
        case "hf":
            return HfTarget(out, categories, files, embed=pictures == "copy")
        case "fiftyone":
            return FiftyOneTarget(out, files)
        case "label-studio":
            return LabelStudioTarget(out, categories, files)
        case "cvat":
            return CvatTarget(out, categories, files)
        case "jsonl":
            return JsonlTarget(out, files)
        case "webdataset":
            return WebdatasetTarget(out, files)
