"""FiftyOne: `fo.Dataset.from_dir(dataset_dir="OUT", dataset_type=fo.types.LegacyFiftyOneDataset)`.

    OUT/metadata.json, OUT/samples.json
    {"samples": [{"filepath": "images/train/dog.jpg", "tags": ["train"], "_media_type": "image", "fld_key": "dog",
                  "brief": ["a dog runs"], "objects": {"_cls": "Detections", "detections": [...]},
                  "words": {"_cls": "Polylines", ...}, "phrases": {"_cls": "Detections", ...}}]}

Coordinates are shares of the picture, boxes x, y, width, height. Masks are not written: FiftyOne wants bitmaps.
"""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from shards.finding import Box
from shards.geometry import box_quad
from shards.summary import label_of
from stages.export.arrays import JsonArrays
from stages.export.sample import Sample, votes_line

_SIZES = ("brief", "detailed", "more_detailed")


class FiftyOneTarget:
    """metadata.json and samples.json."""

    def __init__(self, out: Path, files: ExitStack) -> None:
        self._out = out
        self._samples = JsonArrays(out / "samples.json", ["samples"], files)

    def add(self, sample: Sample) -> None:
        """One sample."""
        record, size_wh = sample.record, (sample.record.width, sample.record.height)
        objects = [
            _detection(label_of(region), region.box, size_wh)
            | {"confidence": region.score, "votes": votes_line(region)}
            for region in sample.objects
        ]
        words = [
            {
                "_cls": "Polyline",
                "label": region.text,
                "points": [_shares(region.quad or box_quad(region.box), size_wh)],
                "closed": True,
                "confidence": region.score,
            }
            for region in sample.words
        ]
        phrases = [
            _detection(grounding.phrase, place.box, size_wh)
            for grounding in record.groundings
            for place in grounding.boxes
        ]
        fields: dict[str, Any] = {
            size: [text.text for text in record.texts if text.granularity == size] for size in _SIZES
        }
        self._samples.append(
            "samples",
            {
                "filepath": f"images/{sample.file_name}",
                "tags": [sample.split],
                "_media_type": "image",
                "fld_key": record.key,
                **fields,
                "objects": {"_cls": "Detections", "detections": objects},
                "words": {"_cls": "Polylines", "polylines": words},
                "phrases": {"_cls": "Detections", "detections": phrases},
            },
        )

    def close(self) -> None:
        """Both files are whole."""
        self._samples.close()
        head = {"media_type": "image", "info": {"made by": "fld export"}}
        (self._out / "metadata.json").write_bytes(msgspec.json.encode(head))


def _detection(name: str, box: Box, size_wh: tuple[int, int]) -> dict[str, Any]:
    (x0, y0), (x1, y1) = _shares(box, size_wh)
    return {"_cls": "Detection", "label": name, "bounding_box": [x0, y0, x1 - x0, y1 - y0]}


def _shares(coordinates: Any, size_wh: tuple[int, int]) -> list[list[float]]:
    points: list[list[float]] = (np.array(coordinates, np.float64).reshape(-1, 2) / size_wh).tolist()
    return points
