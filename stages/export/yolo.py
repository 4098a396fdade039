"""YOLO, as ultralytics trains on it: `yolo detect train data=OUT/data.yaml`.

    OUT/data.yaml                     path, train, val, names
    OUT/images/train/dog.jpg          the pictures
    OUT/labels/train/dog.txt          a line per object: class, x centre, y centre, width, height in [0, 1]

With masks (`yolo-seg`) a line is class, x, y, x, y ... of the largest outline; an object without a mask is the outline
of its box. Texts, scores and votes have no place in the format.
"""

from pathlib import Path

import numpy as np
import yaml

from shards.geometry import box_quad, signed_area
from shards.record import Region
from shards.summary import label_of
from stages.export.categories import Categories
from stages.export.sample import Sample


class YoloTarget:
    """One label file per image."""

    def __init__(self, out: Path, categories: Categories, *, masks: bool) -> None:
        self._out, self._categories, self._masks = out, categories, masks

    def add(self, sample: Sample) -> None:
        """An image without objects has an empty file: that nothing is there is a label, too."""
        path = (self._out / "labels" / sample.file_name).with_suffix(".txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        size_wh = np.array([sample.record.width, sample.record.height], np.float64)
        lines = [self._line(region, size_wh) for region in sample.objects]
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    def close(self) -> None:
        """data.yaml. ultralytics wants a val that exists: without held-out images it is train."""
        val = "images/val" if (self._out / "images" / "val").is_dir() else "images/train"
        data = {
            "path": str(self._out.resolve()),
            "train": "images/train",
            "val": val,
            "names": dict(enumerate(self._categories.names)),
        }
        text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True)
        (self._out / "data.yaml").write_text(text, encoding="utf-8")

    def _line(self, region: Region, size_wh: np.ndarray) -> str:
        corners = np.array(region.box, np.float64).reshape(2, 2) / size_wh
        values = np.concatenate([corners.mean(axis=0), corners[1] - corners[0]])
        if self._masks:
            values = (yolo_outline(region) / size_wh).ravel()
        shares = " ".join(f"{value:.6f}" for value in np.clip(values, 0, 1))
        return f"{self._categories.number(label_of(region))} {shares}"


def yolo_outline(region: Region) -> np.ndarray:
    """float64 [n, 2] px: the largest ring of the mask, or the corners of the box."""
    rings = [np.array(ring, np.float64).reshape(-1, 2) for ring in region.polygons or []]
    whole = [ring for ring in rings if len(ring) >= 3]
    if not whole:
        return np.array(box_quad(region.box), np.float64).reshape(4, 2)
    return max(whole, key=signed_area)
