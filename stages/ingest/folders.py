"""Folders: pictures, and the data sets that come as folders.

    photos/ ...                                    every picture at any depth
    VOC2007/Annotations/*.xml JPEGImages/*.jpg     Pascal VOC (stages/ingest/voc.py)
    data.yaml images/*.jpg labels/*.txt            YOLO (stages/ingest/yolo.py)
    00000.tar 00000_stats.json ...                 img2dataset's output, in each of its forms
    *.tar, *.parquet and no pictures               webdataset, Hugging Face: what is in them

Files that are none of this are counted by their suffix.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import msgspec

from shards.finding import Caption
from stages.ingest.entry import Entry, ReadFile, SourceError
from stages.ingest.left_out import LeftOut
from stages.ingest.lists import LIST_SUFFIXES
from stages.ingest.locations import (
    absolute,
    files_below,
    hidden_below,
    is_folder,
    join,
    looks_like_image,
    parent,
    suffix,
)
from stages.ingest.rows import plain_text
from stages.ingest.voc import read_voc
from stages.ingest.yolo import YAML_SUFFIXES, Dataset, dataset_of, read_yolo

Member = Callable[[str, str], Iterator[Entry]]
"""Entries of a tar or list inside a folder: uri, location."""
_STATS = "_stats.json"
_PACKED = (".tar", ".parquet")
_PEEKED = 3


def read_folder(
    uri: str, location: str, kind: str, read: ReadFile, read_member: Member, left_out: LeftOut
) -> Iterator[Entry]:
    """Entries of a folder, or of the data set whose yaml `location` is. kind: folder | voc | yolo, as the user says it;
    a folder is looked at. Raises SourceError for what is not of that kind."""
    dataset = None
    if suffix(location) in YAML_SUFFIXES:
        dataset = Dataset(uri, read(location))
        uri, location = _home(uri, location, dataset)
    uri = uri.rstrip("/")
    names = list(files_below(location))
    images = [name for name in names if looks_like_image(join(location, name))]
    if kind in ("folder", "yolo"):
        dataset = dataset or dataset_of(location, names, read)
    if kind == "yolo" and dataset is None:
        raise SourceError(
            f"source {uri}: YOLO labels need the names of the classes: a data.yaml with names, or classes.txt"
        )
    used = set(images)
    if dataset is not None:
        used |= {name for name in names if name.endswith((".txt", *YAML_SUFFIXES))}
        yield from read_yolo(uri, location, names, images, dataset, read, left_out)
    elif kind == "voc" or _has_annotations(location, names, read):
        used |= {name for name in names if name.lower().endswith(".xml")}
        yield from read_voc(uri, location, names, images, read, left_out)
    elif images:
        captions = _captions(names) if any(name.endswith(_STATS) for name in names) else {}
        used |= set(captions.values())
        yield from _pictures(uri, location, images, captions, read)
    else:
        packed = _packed(uri, names)
        used |= set(packed)
        for name in packed:
            yield from read_member(f"{uri}/{name}", join(location, name))
    _count_others(location, [name for name in names if name not in used], left_out)


def _count_others(location: str, names: Sequence[str], left_out: LeftOut) -> None:
    for name in names:
        left_out.by_rule(f"file that is no image by its name ({suffix(name) or 'no suffix'})")
    if hidden := hidden_below(location):
        left_out.by_rule("hidden file or folder (.*)", hidden)


def _home(uri: str, location: str, dataset: Dataset) -> tuple[str, str]:
    """The folder of a data set. Its `path` is often one of another machine; then it is the folder of the yaml."""
    folder = parent(location)
    for place in (absolute(join(folder, dataset.path)), folder):
        if is_folder(place):
            return (parent(uri) or "." if place == folder else place), place
    raise SourceError(f"source {uri}: its folder {folder} is missing")


def _has_annotations(location: str, names: Sequence[str], read: ReadFile) -> bool:
    """Whether one of the first xml files is a VOC annotation."""
    first = islice((name for name in names if name.lower().endswith(".xml")), _PEEKED)
    return any(b"<annotation" in read(join(location, name))[:1000] for name in first)


def _captions(names: Sequence[str]) -> dict[str, str]:
    """Stem of an image -> the txt that img2dataset wrote beside it."""
    return {name.removesuffix(".txt"): name for name in names if name.endswith(".txt")}


def _pictures(
    uri: str, location: str, images: Sequence[str], captions: dict[str, str], read: ReadFile
) -> Iterator[Entry]:
    for name in images:
        entry = Entry(uri=f"{uri}/{name}", location=join(location, name), name=name)
        caption = captions.get(name.removesuffix(suffix(name)))
        if caption is not None:
            text = plain_text(read(join(location, caption))).strip()
            given = [Caption(text, granularity="brief")] if text else []
            entry = msgspec.structs.replace(entry, given=given)
        yield entry


def _packed(uri: str, names: Sequence[str]) -> list[str]:
    """Tars, or else parquet files, of a folder without pictures. The parquet beside each tar of img2dataset is a table
    of the same images. Raises SourceError where other lists are all there is: which of them is meant, nobody knows."""
    for extension in _PACKED:
        found = [name for name in names if name.endswith(extension)]
        if found:
            return found
    lists = [name for name in names if suffix(name.removesuffix(".gz")) in LIST_SUFFIXES - {".txt"}]
    if lists:
        raise SourceError(
            f"source {uri}: a folder without images, but with lists: name one of them, like {uri}/{lists[0]}"
        )
    return []
