"""Label Studio: tasks with our annotations as predictions, and the labelling interface that shows them.

    OUT/tasks.json       import it into a project
    OUT/config.xml       paste it as the project's labelling interface first

Pictures are served by Label Studio's local storage: start it with LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true and
LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT=OUT. Coordinates are percent of the picture, as Label Studio has them.
"""

from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

import msgspec
import numpy as np

from shards.geometry import box_quad
from shards.record import Region
from shards.summary import label_of
from stages.export.categories import Categories
from stages.export.sample import Sample

CONFIG = """<View>
  <Image name="image" value="$image" zoom="true"/>
  <RectangleLabels name="objects" toName="image">
{labels}
  </RectangleLabels>
  <PolygonLabels name="masks" toName="image">
{labels}
  </PolygonLabels>
  <PolygonLabels name="words" toName="image"><Label value="text"/></PolygonLabels>
  <TextArea name="reading" toName="image" perRegion="true" editable="true"/>
{texts}
</View>
"""
SIZES = ("brief", "detailed", "more_detailed")
_encode = msgspec.json.Encoder().encode


class LabelStudioTarget:
    """tasks.json, written task by task, and config.xml."""

    def __init__(self, out: Path, categories: Categories, files: ExitStack) -> None:
        self._out, self._categories = out, categories
        self._tasks = files.enter_context((out / "tasks.json").open("wb"))
        self._tasks.write(b"[")

    def add(self, sample: Sample) -> None:
        """One task with one prediction. `data.fld_key` leads a correction back to its image."""
        picture = f"/data/local-files/?d={quote(f'images/{sample.file_name}')}"
        task = {
            "data": {"image": picture, "fld_key": sample.record.key, "split": sample.split},
            "predictions": [{"model_version": f"round {sample.record.round}", "result": results(sample)}],
        }
        self._tasks.write((b",\n" if self._tasks.tell() > 1 else b"\n") + _encode(task))

    def close(self) -> None:
        """The interface names every label of the corpus."""
        self._tasks.write(b"\n]\n")
        self._tasks.close()
        labels = "\n".join(f"    <Label value={quoteattr(name)}/>" for name in self._categories.names)
        texts = "\n".join(f'  <TextArea name="{size}" toName="image" editable="true"/>' for size in SIZES)
        (self._out / "config.xml").write_text(CONFIG.format(labels=labels, texts=texts), encoding="utf-8")


def results(sample: Sample) -> list[dict[str, Any]]:
    """The result list of a prediction: objects, masks, words with what they read, texts."""
    record = sample.record
    size_wh = (record.width, record.height)
    found: list[dict[str, Any]] = []
    for region in sample.objects:
        found.append(
            _entry(region, size_wh, "objects", "rectanglelabels", _rectangle(region, size_wh), label_of(region))
        )
        for number, ring in enumerate(region.polygons or []):
            outline = {"points": _percent(ring, size_wh), "closed": True}
            entry = _entry(region, size_wh, "masks", "polygonlabels", outline, label_of(region))
            found.append(entry | {"id": f"{region.id}-{number}"})
    for region in sample.words:
        outline = {"points": _percent(region.quad or box_quad(region.box), size_wh), "closed": True}
        entry = _entry(region, size_wh, "words", "polygonlabels", outline, "text")
        reading = entry | {"from_name": "reading", "type": "textarea", "value": outline | {"text": [region.text]}}
        found += [entry, reading]
    for size in SIZES:
        texts = [text.text for text in record.texts if text.granularity == size]
        if texts:
            value = {"text": texts}
            found.append({"id": size, "from_name": size, "to_name": "image", "type": "textarea", "value": value})
    return found


def _entry(
    region: Region, size_wh: tuple[int, int], name: str, kind: str, place: dict[str, Any], text: str
) -> dict[str, Any]:
    return {
        "id": region.id,
        "from_name": name,
        "to_name": "image",
        "type": kind,
        "original_width": size_wh[0],
        "original_height": size_wh[1],
        "image_rotation": 0,
        "score": region.score,
        "value": place | {kind: [text]},
    }


def _rectangle(region: Region, size_wh: tuple[int, int]) -> dict[str, Any]:
    (x0, y0), (x1, y1) = _percent(region.box, size_wh)
    return {"x": x0, "y": y0, "width": x1 - x0, "height": y1 - y0, "rotation": 0}


def _percent(coordinates: Any, size_wh: tuple[int, int]) -> list[list[float]]:
    points: list[list[float]] = (np.array(coordinates, np.float64).reshape(-1, 2) / size_wh * 100).tolist()
    return points
