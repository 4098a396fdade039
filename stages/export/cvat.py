"""CVAT for images 1.1: one XML file, read by CVAT (upload annotations) and datumaro.

    OUT/annotations.xml
        <image id="0" name="train/dog.jpg" subset="train" width="640" height="480">
          <box label="dog" xtl="12.00" ytl="30.50" xbr="200.00" ybr="180.25" ...>...</box>
          <polygon label="text" points="x,y;x,y;..."><attribute name="reads">EXIT</attribute></polygon>
          <tag label="caption"><attribute name="brief">a dog runs</attribute></tag>

The head is that of a project with a task per split: datumaro reads no image whose `subset` the head does not name. An
object with a mask is the polygon of its largest outline, else a box; a text is a line. Coordinates are pixels of the
oriented image.
"""

from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import IO
from xml.sax.saxutils import escape, quoteattr

from shards.finding import Box
from shards.geometry import box_quad
from shards.record import Region
from shards.summary import label_of
from stages.export.categories import Categories
from stages.export.sample import Sample, votes_line
from stages.export.yolo import yolo_outline

CAPTION, TEXT = "caption", "text"
_SIZES = ("brief", "detailed", "more_detailed")
_ATTRIBUTES = {"": ("score", "votes"), TEXT: ("score", "votes", "reads"), CAPTION: _SIZES}


class CvatTarget:
    """annotations.xml. The head, which names the labels, is written last: they are known only then."""

    def __init__(self, out: Path, categories: Categories, files: ExitStack) -> None:
        self._path, self._categories = out / "annotations.xml", categories
        self._part = out / ".annotations.xml.part"
        self._file: IO[str] = files.enter_context(self._part.open("w", encoding="utf-8"))
        self._images: Counter[str] = Counter()

    def add(self, sample: Sample) -> None:
        """One image with its shapes."""
        record = sample.record
        size = f'width="{record.width}" height="{record.height}"'
        name = quoteattr(sample.file_name)
        self._file.write(f'  <image id="{self._images.total()}" name={name} subset="{sample.split}" {size}>\n')
        self._images[sample.split] += 1
        for region in record.regions:
            self._file.write(_shape(region))
        texts = {size: [text.text for text in record.texts if text.granularity == size] for size in _SIZES}
        if record.texts:
            attributes = "".join(
                _attribute(size, "\n".join(" ".join(line.split()) for line in lines)) for size, lines in texts.items()
            )
            self._file.write(f'    <tag label="{CAPTION}" source="auto">{attributes}</tag>\n')
        self._file.write("  </image>\n")

    def close(self) -> None:
        """Head, images, end."""
        self._file.close()
        labels = "".join(_label(name) for name in dict.fromkeys([*self._categories.names, TEXT, CAPTION]))
        tasks = "".join(
            f"<task><size>{count}</size><subset>{split}</subset></task>" for split, count in self._images.items()
        )
        head = f"<meta><project><labels>{labels}</labels><tasks>{tasks}</tasks></project></meta>"
        with self._path.open("w", encoding="utf-8") as out, self._part.open(encoding="utf-8") as images:
            out.write(f'<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n  {head}\n')
            for line in images:
                out.write(line)
            out.write("</annotations>\n")
        self._part.unlink()


def outline_box(region: Region) -> Box:
    """The box around what is drawn of an object with a mask, px; of one without, its box."""
    (x0, y0), (x1, y1) = (corners := yolo_outline(region)).min(0).tolist(), corners.max(0).tolist()
    return x0, y0, x1, y1


def _shape(region: Region) -> str:
    attributes = _attribute("score", f"{region.score:.4f}") + _attribute("votes", votes_line(region))
    if region.kind == "text":
        quad = region.quad or box_quad(region.box)
        corners = list(zip(quad[0::2], quad[1::2], strict=True))
        return _polygon(TEXT, corners, attributes + _attribute("reads", region.text))
    if region.polygons:
        return _polygon(label_of(region), yolo_outline(region).tolist(), attributes)
    names = zip(("xtl", "ytl", "xbr", "ybr"), region.box, strict=True)
    corners_text = " ".join(f'{name}="{value:.2f}"' for name, value in names)
    start = f'    <box label={quoteattr(label_of(region))} source="auto" occluded="0" {corners_text} z_order="0">'
    return f"{start}{attributes}</box>\n"


def _polygon(name: str, corners: list[tuple[float, float]], attributes: str) -> str:
    points = ";".join(f"{x:.2f},{y:.2f}" for x, y in corners)
    start = f'    <polygon label={quoteattr(name)} source="auto" occluded="0" points="{points}" z_order="0">'
    return f"{start}{attributes}</polygon>\n"


def _attribute(name: str, text: str) -> str:
    return f'<attribute name="{name}">{escape(_printable(text))}</attribute>'


def _label(name: str) -> str:
    attributes = "".join(
        f"<attribute><name>{each}</name><mutable>False</mutable><input_type>text</input_type>"
        "<default_value></default_value><values></values></attribute>"
        for each in _ATTRIBUTES.get(name, _ATTRIBUTES[""])
    )
    return f"<label><name>{escape(_printable(name))}</name><attributes>{attributes}</attributes></label>"


def _printable(text: str) -> str:
    """XML 1.0 has no control characters but tab and line ends."""
    return "".join(letter for letter in text if letter >= " " or letter in "\t\n\r")
