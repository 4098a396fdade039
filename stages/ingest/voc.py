"""Pascal VOC: one xml per image.

    <annotation>                                               Annotations/000005.xml, image in JPEGImages/
      <filename>000005.jpg</filename>
      <size><width>500</width><height>375</height></size>      ->  object "chair", box 262 210 324 339
      <object><name>chair</name><bndbox><xmin>263</xmin><ymin>211</ymin><xmax>324</xmax><ymax>339</ymax></bndbox></object>

VOC counts pixels from 1 and includes the last one (devkit, section 3), so x0 and y0 are one less. An object that cannot
be read is counted; an image whose whole file cannot be read fails: without its labels it would teach "nothing here".

Read by hand: labelformat (0.1.17) ends at the first odd file, looks into one folder, and wants the class names first.
"""

import math
import xml.etree.ElementTree as ET  # expat limits the expansion of entities
from collections import defaultdict
from collections.abc import Sequence
from pathlib import PurePosixPath

from shards.errors import InputError
from shards.finding import Box, Detection, Finding
from stages.ingest.entry import Entry, ReadFile
from stages.ingest.left_out import LeftOut
from stages.ingest.locations import join


class LabelError(InputError):
    """A label that cannot be read."""


def read_voc(
    uri: str, folder: str, names: Sequence[str], images: Sequence[str], read: ReadFile, left_out: LeftOut
) -> list[Entry]:
    """Entries of the images that the xml files name, and of the others in the same folders; further images (masks of
    SegmentationClass, say) are counted. names, images: paths below `folder`, all and those of images."""
    by_stem: defaultdict[str, list[str]] = defaultdict(list)
    for image in images:
        by_stem[PurePosixPath(image).stem].append(image)
    entries: dict[str, Entry] = {}
    for name in names:
        if name.lower().endswith(".xml"):
            entry = _entry(uri, folder, name, by_stem, read, left_out)
            if entry is not None:
                entries[entry.name] = entry
    places = {PurePosixPath(image).parent for image in entries}
    for image in images:
        if image not in entries and PurePosixPath(image).parent in places:
            entries[image] = Entry(f"{uri}/{image}", join(folder, image), image)
        elif image not in entries:
            left_out.by_rule("image in a folder of which no annotation speaks")
    return [entries[image] for image in sorted(entries)]


def _entry(
    uri: str, folder: str, name: str, by_stem: dict[str, list[str]], read: ReadFile, left_out: LeftOut
) -> Entry | None:
    try:
        root = ET.fromstring(read(join(folder, name)))
        if root.tag != "annotation":
            left_out.by_rule("xml file that is no VOC annotation")
            return None
        filename = (root.findtext("filename") or "").strip().replace("\\", "/")
    except (ET.ParseError, ValueError, LookupError) as error:
        image = _image(name, "", by_stem)
        return Entry(f"{uri}/{image}", join(folder, image), image, problem=f"label: {name}: {error}")
    image = _image(name, filename, by_stem)
    given: list[Finding] = []
    for number, element in enumerate(root.iter("object")):
        try:
            text = (element.findtext("name") or "").strip()
            given.append(Detection(text, box=_box(element.find("bndbox"))))
        except LabelError as error:
            left_out.label("object", f"{name}, object {number}: {error}")
    return Entry(f"{uri}/{image}", join(folder, image), image, given=given, given_wh=_size(root))


def _image(name: str, filename: str, by_stem: dict[str, list[str]]) -> str:
    """The image of an xml file: of those with its name (what it says itself is often old) the nearest one; one that is
    missing if there is none."""
    own, named = PurePosixPath(name), PurePosixPath(filename)
    candidates = by_stem.get(named.stem, []) or by_stem.get(own.stem, [])
    if not candidates:
        return str(own.parent.parent / "JPEGImages" / (named.name or f"{own.stem}.jpg"))
    home = {own.parent: 0, own.parent.parent / "JPEGImages": 1, own.parent.parent / "images": 2}
    return min(candidates, key=lambda image: (home.get(PurePosixPath(image).parent, 3), image))


def _box(element: ET.Element | None) -> Box:
    sides = [_number(element, side) for side in ("xmin", "ymin", "xmax", "ymax")]
    return sides[0] - 1, sides[1] - 1, sides[2], sides[3]


def _number(element: ET.Element | None, side: str) -> float:
    text = "" if element is None else element.findtext(side) or ""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise LabelError(f"{side} must be a number, got {text[:20]!r}")
    return value


def _size(root: ET.Element) -> tuple[int, int] | None:
    try:
        size = int(float(root.findtext("size/width") or 0)), int(float(root.findtext("size/height") or 0))
    except (ValueError, OverflowError):
        return None
    return size if min(size) > 0 else None
