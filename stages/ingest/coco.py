"""COCO and Objects365 annotation files: images with boxes, polygons and captions.

    {"images": [{"id": 9, "file_name": "000009.jpg", "width": 640, "height": 480}],
     "categories": [{"id": 1, "name": "dog"}],
     "annotations": [{"image_id": 9, "category_id": 1, "bbox": [12, 30, 188, 150], "segmentation": [[...]]},
                     {"image_id": 9, "caption": "a dog with a ball"}]}

Instances become `object` findings (bbox x y width height -> box x0 y0 x1 y1; without bbox the bounds of the
segmentation; polygons kept, run-length masks traced), captions become brief texts. Score 1 is not invented: human
labels have none. `iscrowd` marks a box around a group, not around a thing; as a region text it would be wrong, so
crowds are left out and counted. So is an annotation that cannot be read; its image goes on with the others.

Objects365 is COCO with `patches/...` file names; LVIS has no `file_name`, its names are the last part of `coco_url`.
"""

import codecs
import math
import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any, TypeVar

import msgspec

from shards.errors import InputError
from shards.finding import Box, Caption, Detection, Finding, Polygons
from stages.ingest.entry import Entry, SourceError
from stages.ingest.left_out import LeftOut
from stages.ingest.lists import RowError, is_missing, row_texts
from stages.ingest.locations import absolute, exists, is_url, join, parent
from stages.ingest.rle import oriented_ring, rle_to_polygons
from stages.ingest.rows import decode_json, plain_text
from stages.ingest.secrets import public

_SHOWN = 6
_PROBED = 50
"""Images that are looked for in each usual place; the place that has most of them is theirs."""
_T = TypeVar("_T")


class _Image(msgspec.Struct):
    id: int | float | str  # pandas writes 1.0, which equals 1
    file_name: str | None = None
    width: float | None = None
    height: float | None = None
    coco_url: str | None = None

    @property
    def name(self) -> str:
        return self.file_name or PurePosixPath((self.coco_url or "").partition("?")[0]).name


class _Category(msgspec.Struct):
    id: int | float | str
    name: str


class _Annotation(msgspec.Struct):
    image_id: int | float | str
    category_id: int | float | str | None = None
    bbox: list[float] | None = None
    segmentation: Any = None
    iscrowd: int | bool | None = 0
    caption: Any = None  # a text, or a list of texts


class _Coco(msgspec.Struct):
    images: list[_Image]
    annotations: list[_Annotation] = []
    categories: list[_Category] = []


_PARTS = {"images": "image", "annotations": "annotation", "categories": "category"}


class _LabelError(InputError):
    """An annotation that cannot be read."""


def read_coco(
    location: str, data: bytes, root: str | None, left_out: LeftOut, *, crowds: bool = False
) -> Iterator[Entry]:
    """Entries in the order of `images`; annotations left out are counted in `left_out` by reason. crowds: they are not
    left out, but have a score of 0, which of gold says that they are don't-care areas.

    Raises SourceError for a file that is no COCO, and for ids that stand for two images or two categories."""
    images, annotations, categories = _read(location, data, left_out)
    names = _names(location, categories)
    _check_ids(location, images)
    given: defaultdict[int | float | str, list[Finding]] = defaultdict(list)
    known = {image.id for image in images.values()}
    for number, annotation in annotations.items():
        if annotation.image_id not in known:
            left_out.by_rule("annotation of an image that the file does not list")
        elif is_missing(annotation.caption) and annotation.iscrowd and not crowds:
            left_out.by_rule("crowd (iscrowd: 1)")
        else:
            try:
                given[annotation.image_id] += _findings(annotation, names, left_out)
            except _LabelError as error:
                left_out.label("annotation", f"{public(location)}, annotations[{number}]: {error}")
    folder = _image_folder(location, list(images.values()), root)
    for number, image in images.items():
        if not image.name:
            left_out.row("image", f"{public(location)}, images[{number}] has no file_name")
        else:
            yield _entry(image, folder, given[image.id])


def category_names(location: str, data: bytes) -> list[str]:
    """The labels that a COCO file knows, those of no annotation, too. Raises SourceError as `read_coco`."""
    return list(_names(location, _read(location, data, LeftOut())[2]).values())


def _read(
    location: str, data: bytes, left_out: LeftOut
) -> tuple[dict[int, _Image], dict[int, _Annotation], dict[int, _Category]]:
    """Images, annotations and categories by their position in the file. At once where all of it is as it should be,
    else one by one, so that what is wrong is counted and the rest is there."""
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        coco = msgspec.json.decode(data, type=_Coco)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        parts = _parts(location, data)
        return (
            _convert(location, parts, "images", _Image, left_out),
            _convert(location, parts, "annotations", _Annotation, left_out),
            _convert(location, parts, "categories", _Category, left_out),
        )
    if not coco.images:
        raise SourceError(f"source {location}: lists no images")
    return dict(enumerate(coco.images)), dict(enumerate(coco.annotations)), dict(enumerate(coco.categories))


def _parts(location: str, data: bytes) -> dict[str, list[object]]:
    try:
        found = decode_json(plain_text(data))
    except ValueError as error:
        raise SourceError(f"source {location}: not a COCO file: {error}; one object per line is a .jsonl") from error
    parts = {name: found.get(name) or [] for name in _PARTS} if isinstance(found, dict) else {}
    if isinstance(found, dict) and "images" not in found:
        raise SourceError(
            f"source {location}: an object with {', '.join(map(str, list(found)[:_SHOWN])) or 'nothing'}; COCO has"
            f" {', '.join(_PARTS)}, and a list is an array of objects: convert it, or name the pictures' folder"
        )
    if not parts or not all(isinstance(part, list) for part in parts.values()):
        raise SourceError(f"source {location}: not a COCO file: wanted an object with lists {', '.join(_PARTS)}")
    if not parts["images"]:
        raise SourceError(f"source {location}: lists no images")
    return parts


def _convert(
    location: str, parts: dict[str, list[object]], part: str, kind: type[_T], left_out: LeftOut
) -> dict[int, _T]:
    found: dict[int, _T] = {}
    for number, item in enumerate(parts[part]):
        try:
            found[number] = msgspec.convert(item, kind, strict=False)  # "40" is 40
        except (msgspec.ValidationError, RecursionError) as error:
            note = left_out.row if part == "images" else left_out.label
            note(_PARTS[part], f"{public(location)}, {part}[{number}]: {error}")
    return found


def _check_ids(location: str, images: dict[int, _Image]) -> None:
    seen: dict[int | float | str, str] = {}
    for image in images.values():
        if seen.setdefault(image.id, image.name) != image.name:
            raise SourceError(
                f"source {location}: id {image.id} is that of two images, {seen[image.id]} and {image.name}: nobody"
                " knows whose its annotations are; number the images anew"
            )


def _names(location: str, categories: dict[int, _Category]) -> dict[int | float | str, str]:
    names: dict[int | float | str, str] = {}
    for category in categories.values():
        if names.setdefault(category.id, category.name) != category.name:
            raise SourceError(
                f"source {location}: id {category.id} is that of two categories, {names[category.id]!r} and"
                f" {category.name!r}: nobody knows which one its annotations mean"
            )
    return names


def _entry(image: _Image, folder: str | None, given: list[Finding]) -> Entry:
    sides = [side if side and 0 < side < 2**31 else 0 for side in (image.width, image.height)]
    uri = image.name if folder is not None else image.coco_url or ""
    return Entry(
        uri=uri,
        location=absolute(join(folder, image.name) if folder is not None else uri),
        name=image.name.lstrip("/"),
        given=given,
        given_wh=(int(sides[0]), int(sides[1])) if min(sides) > 0 else None,
    )


def _findings(annotation: _Annotation, names: dict[int | float | str, str], left_out: LeftOut) -> list[Finding]:
    if not is_missing(annotation.caption) or (annotation.caption is not None and annotation.category_id is None):
        texts = _captions(annotation.caption)
        if not annotation.bbox and not annotation.segmentation:
            return [Caption(text, granularity="brief") for text in texts]
        left_out.by_rule("caption of a box, not of its image", len(texts))
    if annotation.category_id is not None and annotation.category_id not in names:
        raise _LabelError(f"category_id {annotation.category_id} is not among the file's categories")
    label = "" if annotation.category_id is None else names[annotation.category_id]
    polygons = _polygons(annotation.segmentation)
    score = 0.0 if annotation.iscrowd else None
    return [Detection(label, score, box=_box(annotation.bbox, polygons), polygons=polygons)]


def _captions(caption: object) -> list[str]:
    try:
        return row_texts("caption", caption)
    except RowError as error:
        raise _LabelError(str(error)) from error


def _box(bbox: list[float] | None, polygons: Polygons | None) -> Box:
    if not bbox and polygons:
        xs, ys = ([value for ring in polygons for value in ring[start::2]] for start in (0, 1))
        return min(xs), min(ys), max(xs), max(ys)
    if bbox is None or len(bbox) != 4 or not all(map(math.isfinite, bbox)):
        raise _LabelError(f"bbox must be [x, y, width, height], got {bbox}")
    left, top, width, height = bbox
    return left, top, left + width, top + height


def _polygons(segmentation: object) -> Polygons | None:
    """COCO polygons have no direction and no holes: every ring is an outer one."""
    if not segmentation:
        return None
    try:
        if isinstance(segmentation, dict):
            return rle_to_polygons(segmentation) or None
        rings = msgspec.convert(segmentation, list[list[float]])
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise _LabelError(f"segmentation cannot be read: {error}") from error
    if any(len(ring) % 2 for ring in rings) or not all(math.isfinite(value) for ring in rings for value in ring):
        raise _LabelError("segmentation rings must have an even count of numbers")
    return [oriented_ring(ring, clockwise=True) for ring in rings if len(ring) >= 6] or None


def _image_folder(location: str, images: list[_Image], root: str | None) -> str | None:
    """Where file names start: `root`; else the usual place in which most of the first images lie. None: coco_url."""
    if root is not None:
        return absolute(root)
    folder = parent(location)
    split = PurePosixPath(location).stem.rpartition("_")[2]  # annotations/instances_val2017.json -> val2017/
    up = os.path.normpath(join(folder, "..")) if not is_url(folder) else parent(folder)
    places = [folder, join(folder, "images"), join(up, "images"), join(up, split), join(join(up, "images"), split), up]
    probed = [image.name for image in images[:_PROBED] if image.name]
    there = {place: sum(exists(join(place, name)) for name in probed) for place in places}
    if any(there.values()):
        return max(places, key=lambda place: there[place])
    if any(image.coco_url for image in images):
        return None
    if not probed:
        return folder
    raise SourceError(
        f"source {location}: {probed[0]} is in none of {', '.join(places)}: name the folder with ingest.root"
    )
