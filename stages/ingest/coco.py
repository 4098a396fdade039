"""COCO and Objects365 annotation files: images with boxes, polygons and captions.

    {"images": [{"id": 9, "file_name": "000009.jpg", "width": 640, "height": 480}],
     "categories": [{"id": 1, "name": "dog"}],
     "annotations": [{"image_id": 9, "category_id": 1, "bbox": [12, 30, 188, 150], "segmentation": [[...]]},
                     {"image_id": 9, "caption": "a dog with a ball"}]}

Instances become `object` findings (bbox x y width height -> box x0 y0 x1 y1; polygons kept, run-length masks traced),
captions become brief texts. Score 1 is not invented: human labels have none. `iscrowd` marks a box around a group, not
around a thing; as a region text it would be wrong, so crowds are left out and counted.

Objects365 is COCO with `patches/...` file names; its `iscrowd` boxes are treated the same.
"""

import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

import msgspec

from shards.finding import Finding, Polygons
from stages.ingest.entry import Entry, SourceError
from stages.ingest.locations import absolute, exists, join, parent
from stages.ingest.rle import rle_to_polygons, turned


class _Image(msgspec.Struct):
    id: int | str
    file_name: str
    width: int = 0
    height: int = 0
    coco_url: str = ""


class _Category(msgspec.Struct):
    id: int
    name: str


class _Annotation(msgspec.Struct):
    image_id: int | str
    category_id: int | None = None
    bbox: list[float] | None = None
    segmentation: Any = None
    iscrowd: int = 0
    caption: str | None = None


class _Coco(msgspec.Struct):
    images: list[_Image]
    annotations: list[_Annotation] = []
    categories: list[_Category] = []


def read_coco(location: str, data: bytes, root: str | None, skipped: Counter[str]) -> Iterator[Entry]:
    """Entries in the order of `images`; annotations left out are counted in `skipped` by reason.

    Raises SourceError naming the field or the annotation that is wrong."""
    try:
        coco = msgspec.json.decode(data, type=_Coco)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise SourceError(f"source {location}: not a COCO file: {error}") from error
    names = {category.id: category.name for category in coco.categories}
    given: defaultdict[int | str, list[Finding]] = defaultdict(list)
    known = {image.id for image in coco.images}
    for number, annotation in enumerate(coco.annotations):
        if annotation.image_id not in known:
            skipped["annotation of an image that the file does not list"] += 1
            continue
        given[annotation.image_id] += _findings(f"{location}, annotations[{number}]", annotation, names, skipped)
    folder = _image_folder(location, coco.images, root)
    for image in coco.images:
        place = join(folder, image.file_name) if folder is not None else image.coco_url
        yield Entry(
            uri=image.file_name if folder is not None else image.coco_url,
            location=absolute(place),
            name=image.file_name.lstrip("/"),
            given=given[image.id],
            given_wh=(image.width, image.height) if image.width > 0 and image.height > 0 else None,
        )


def _findings(where: str, annotation: _Annotation, names: dict[int, str], skipped: Counter[str]) -> list[Finding]:
    if annotation.caption is not None:
        text = annotation.caption.strip()
        return [Finding(kind="text", text=text, granularity="brief")] if text else []
    if annotation.iscrowd:
        skipped["crowd (iscrowd: 1)"] += 1
        return []
    if annotation.bbox is None or len(annotation.bbox) != 4:
        raise SourceError(f"source {where}: bbox must be [x, y, width, height], got {annotation.bbox}")
    if annotation.category_id is not None and annotation.category_id not in names:
        raise SourceError(f"source {where}: category_id {annotation.category_id} is not among the file's categories")
    left, top, width, height = annotation.bbox
    label = "" if annotation.category_id is None else names[annotation.category_id]
    polygons = _polygons(where, annotation.segmentation)
    return [Finding(kind="object", text=label, box=(left, top, left + width, top + height), polygons=polygons)]


def _polygons(where: str, segmentation: object) -> Polygons | None:
    """COCO polygons have no direction and no holes: every ring is an outer one."""
    if not segmentation:
        return None
    try:
        if isinstance(segmentation, dict):
            return rle_to_polygons(segmentation) or None
        rings = msgspec.convert(segmentation, list[list[float]])
    except (ValueError, KeyError, TypeError) as error:
        raise SourceError(f"source {where}: segmentation cannot be read: {error}") from error
    if any(len(ring) % 2 for ring in rings):
        raise SourceError(f"source {where}: segmentation rings must have an even count of numbers")
    return [turned(ring, clockwise=True) for ring in rings if len(ring) >= 6] or None


def _image_folder(location: str, images: list[_Image], root: str | None) -> str | None:
    """Where file names start: `root`; else the first usual place in which the first image lies. None: coco_url."""
    if root is not None:
        return absolute(root)
    folder = parent(location)
    split = PurePosixPath(location).stem.rpartition("_")[2]  # annotations/instances_val2017.json -> val2017/
    up = os.path.normpath(join(folder, "..")) if "://" not in folder else parent(folder)
    places = [folder, join(folder, "images"), join(up, "images"), join(up, split), join(join(up, "images"), split), up]
    if not images:
        raise SourceError(f"source {location}: lists no images")
    for place in places:
        if exists(join(place, images[0].file_name)):
            return place
    if images[0].coco_url:
        return None
    raise SourceError(
        f"source {location}: {images[0].file_name} is in none of {', '.join(places)}: name the folder with ingest.root"
    )
