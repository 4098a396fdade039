"""CVAT for images 1.1, read back: the XML that `fld export --format cvat` wrote, after somebody worked on it.

    <image id="0" name="train/dog.jpg" ...>
    -> Sheet("dog", [MarkedShape("region", "dog", box)], {"brief": ["a dog runs"]})

CVAT keeps no ids: a shape is the region that it overlaps most (`compare.py`). An object that was exported as the
outline of its mask is compared by the box around that.
"""

from collections.abc import Iterator
from pathlib import PurePosixPath
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from shards.finding import Box, Quad
from shards.tar import original_key
from stages.export.cvat import CAPTION, TEXT
from stages.review.compare import MarkedShape
from stages.review.lines import SIZES, LineError
from stages.review.sheet import Sheet


def read_images(xml: bytes) -> Iterator[tuple[int, Sheet | LineError]]:
    """Number of the image, from 1, and what it says; or what is wrong with it. Raises LineError for what is no XML."""
    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError as error:
        raise LineError(f"not XML: {error}") from error
    for number, image in enumerate(root.iter("image"), 1):
        try:
            yield number, _sheet(image)
        except (KeyError, ValueError, TypeError) as error:
            yield number, LineError(f"not as CVAT exports it (CVAT for images 1.1): {error!r}")


def _sheet(image: Element) -> Sheet:
    name = PurePosixPath(image.attrib["name"])
    parts = name.parts[1:] if name.parts[0] in ("train", "val") and len(name.parts) > 1 else name.parts
    key = original_key(str(PurePosixPath(*parts).with_suffix("")))
    shapes = [_shape(element) for element in image if element.tag in ("box", "polygon")]
    tags = [tag for tag in image.iter("tag") if tag.get("label") == CAPTION]
    texts = {size: [line for tag in tags for line in _attribute(tag, size).splitlines()] for size in SIZES}
    return Sheet(key, shapes, texts if tags else None)


def _shape(element: Element) -> MarkedShape:
    label = element.attrib["label"]
    if element.tag == "box":
        x0, y0, x1, y1 = (float(element.attrib[name]) for name in ("xtl", "ytl", "xbr", "ybr"))
        return MarkedShape("region", label, (x0, y0, x1, y1))
    points = [tuple(map(float, point.split(","))) for point in element.attrib["points"].split(";")]
    xs, ys = [point[0] for point in points], [point[1] for point in points]
    box: Box = (min(xs), min(ys), max(xs), max(ys))
    if label != TEXT:
        return MarkedShape("region", label, box, outlined=True)
    quad: Quad | None = None
    if len(points) == 4:
        quad = (xs[0], ys[0], xs[1], ys[1], xs[2], ys[2], xs[3], ys[3])
    return MarkedShape("ocr", _attribute(element, "reads"), box, quad)


def _attribute(element: Element, name: str) -> str:
    values = (attribute.text for attribute in element.iter("attribute") if attribute.get("name") == name)
    return next(values, "") or ""
