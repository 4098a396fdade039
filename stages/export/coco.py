"""COCO: objects as instances, written text as instances of one category, texts as captions.

    OUT/annotations/instances_train.json, instances_val.json      objects; open with pycocotools.coco.COCO
    OUT/annotations/words_train.json, words_val.json              written text: `text`, and `quad` where there is one
    OUT/annotations/captions_train.json, captions_val.json        texts with their `granularity` and grounded `phrases`

    {"images": [{"id": 1, "file_name": "train/dog.jpg", "width": 640, "height": 480, "fld_key": "dog"}],
     "categories": [{"id": 1, "name": "dog"}],
     "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [12.0, 30.5, 188.0, 149.75], "area": 20411.0,
                      "iscrowd": 0, "score": 0.91, "segmentation": {"size": [480, 640], "counts": "..."},
                      "votes": [{"annotator": "detector", "label": "dog", "score": 0.91}]}]}

bbox is x, y, width, height in pixels of the oriented image; a quad is 8 numbers, clockwise from the top left of the
text. A region without a mask has no `segmentation`. A phrase has span, phrase and boxes (x, y, width, height).
"""

from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

from shards.finding import Box
from shards.record import Grounding, Record, Region
from shards.summary import label_of
from specialists.masks import coco_rle, polygons_to_mask
from stages.export.arrays import JsonArrays
from stages.export.categories import Categories
from stages.export.sample import Sample, Split, votes


class Instances:
    """One instances file."""

    def __init__(
        self, path: Path, categories: Categories, files: ExitStack, kind: Literal["object", "text"] = "object"
    ) -> None:
        self._arrays = JsonArrays(path, ["images", "annotations"], files)
        self._categories, self._kind = categories, kind
        self._images = self._annotations = 0

    def add(self, sample: Sample) -> None:
        """The image and its regions."""
        self._images += 1
        self._arrays.append("images", image_entry(sample, self._images))
        for region in (region for region in sample.record.regions if region.kind == self._kind):
            self._annotations += 1
            category = self._categories.number(label_of(region)) if self._kind == "object" else 0
            ids = {"id": self._annotations, "image_id": self._images, "category_id": category + 1}
            self._arrays.append("annotations", ids | _place(sample.record, region) | {"votes": votes(region)})

    def close(self) -> None:
        """Join the file; categories are all that the corpus has ever exported."""
        names = self._categories.names if self._kind == "object" else ["text"]
        named = [{"id": number, "name": name} for number, name in enumerate(names, 1)]
        self._arrays.close({"categories": named})


class Captions:
    """One captions file."""

    def __init__(self, path: Path, files: ExitStack) -> None:
        self._arrays = JsonArrays(path, ["images", "annotations"], files)
        self._images = self._annotations = 0

    def add(self, sample: Sample) -> None:
        """The image and its texts."""
        self._images += 1
        self._arrays.append("images", image_entry(sample, self._images))
        for text in sample.record.texts:
            self._annotations += 1
            phrases = [_phrase(grounding) for grounding in sample.record.groundings if grounding.text_id == text.id]
            self._arrays.append(
                "annotations",
                {
                    "id": self._annotations,
                    "image_id": self._images,
                    "caption": text.text,
                    "granularity": text.granularity,
                    "annotator": text.source.annotator,
                    "phrases": phrases,
                },
            )

    def close(self) -> None:
        """Join the file."""
        self._arrays.close()


class CocoTarget:
    """The three files of both splits."""

    def __init__(self, out: Path, categories: Categories, files: ExitStack) -> None:
        self._folder, self._categories, self._open = out / "annotations", categories, files
        self._files: dict[Split, list[Instances | Captions]] = {}

    def add(self, sample: Sample) -> None:
        """Into the files of its split."""
        if sample.split not in self._files:
            paths = {name: self._folder / f"{name}_{sample.split}.json" for name in ("instances", "words", "captions")}
            self._files[sample.split] = [
                Instances(paths["instances"], self._categories, self._open),
                Instances(paths["words"], self._categories, self._open, "text"),
                Captions(paths["captions"], self._open),
            ]
        for file in self._files[sample.split]:
            file.add(sample)

    def close(self) -> None:
        """Join all files."""
        for files in self._files.values():
            for file in files:
                file.close()


def image_entry(sample: Sample, number: int) -> dict[str, Any]:
    """An entry of `images`."""
    record = sample.record
    return {
        "id": number,
        "file_name": sample.file_name,
        "width": record.width,
        "height": record.height,
        "fld_key": record.key,
        "fld_sha256": record.sha256,
    }


def xywh(box: Box) -> list[float]:
    """x, y, width, height."""
    return [box[0], box[1], box[2] - box[0], box[3] - box[1]]


def _place(record: Record, region: Region) -> dict[str, Any]:
    box = xywh(region.box)
    place: dict[str, Any] = {"bbox": box, "area": box[2] * box[3], "iscrowd": 0, "score": region.score}
    if region.polygons:
        mask = polygons_to_mask(region.polygons, record.height, record.width)
        place |= {"area": float(mask.sum()), "segmentation": coco_rle(region.polygons, *mask.shape)}
    if region.kind == "text":
        place |= {"text": region.text, "quad": region.quad}
    return place


def _phrase(grounding: Grounding) -> dict[str, Any]:
    boxes = [xywh(place.box) for place in grounding.boxes]
    return {"span": grounding.span, "phrase": grounding.phrase, "score": grounding.score, "boxes": boxes}
