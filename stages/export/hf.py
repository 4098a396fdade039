"""Hugging Face: `datasets.load_dataset("OUT")`, pictures and all annotations in parquet.

    OUT/data/train-00000.parquet, val-00000.parquet     split of 500 MB, row groups of 100 images

key, width, height      the image; `image` is a column of PIL images (bytes, or a path where pictures are linked)
brief, detailed, more_detailed   lists of texts
objects                 list of {label, category, box (x0 y0 x1 y1 px), score, polygons, votes}
words                   list of {text, quad, box, score}
phrases                 list of {text, start, end, phrase, boxes}
"""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from shards.record import Grounding, Record, Region
from shards.summary import label_of
from stages.export.categories import Categories
from stages.export.sample import Sample, votes

ROWS = 100
"""Images per row group: what is in memory at once."""
FILE_BYTES = 500_000_000
"""Hugging Face's own advice for the size of a file of a data set."""

_BOX = pa.list_(pa.float32())
_VOTE = pa.struct([("annotator", pa.string()), ("label", pa.string()), ("score", pa.float32())])
_OBJECT = pa.struct(
    [
        ("label", pa.string()),
        ("category", pa.int32()),
        ("box", _BOX),
        ("score", pa.float32()),
        ("polygons", pa.list_(pa.list_(pa.float32()))),
        ("votes", pa.list_(_VOTE)),
    ]
)
_WORD = pa.struct([("text", pa.string()), ("quad", _BOX), ("box", _BOX), ("score", pa.float32())])
_PHRASE = pa.struct(
    [
        ("text", pa.string()),
        ("start", pa.int32()),
        ("end", pa.int32()),
        ("phrase", pa.string()),
        ("boxes", pa.list_(_BOX)),
    ]
)
_FIELDS = pa.schema(
    [
        ("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
        ("key", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        *((name, pa.list_(pa.string())) for name in ("brief", "detailed", "more_detailed")),
        ("objects", pa.list_(_OBJECT)),
        ("words", pa.list_(_WORD)),
        ("phrases", pa.list_(_PHRASE)),
    ]
)


def _feature(kind: pa.DataType) -> Any:
    """An Arrow type as `datasets` writes it down."""
    if pa.types.is_struct(kind):
        return {field.name: _feature(field.type) for field in kind}
    if pa.types.is_list(kind):
        return [_feature(kind.value_type)]
    return {"dtype": {"float": "float32"}.get(str(kind), str(kind)), "_type": "Value"}


FEATURES = {field.name: _feature(field.type) for field in _FIELDS} | {"image": {"_type": "Image"}}
SCHEMA = _FIELDS.with_metadata({"huggingface": msgspec.json.encode({"info": {"features": FEATURES}})})


class HfTarget:
    """The parquet files of both splits."""

    def __init__(self, out: Path, categories: Categories, files: ExitStack, *, embed: bool) -> None:
        """embed: whether the bytes of the pictures stand in the files."""
        self._categories, self._embed, self._open = categories, embed, files
        self._folder = out / "data"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._files: dict[str, _Files] = {}

    def add(self, sample: Sample) -> None:
        """One row."""
        files = self._files.setdefault(sample.split, _Files(self._folder, sample.split, self._open))
        files.add(self._row(sample), len(sample.data) if self._embed else 0)

    def close(self) -> None:
        """What is still in memory."""
        for files in self._files.values():
            files.close()

    def _row(self, sample: Sample) -> dict[str, Any]:
        record = sample.record
        picture = {"bytes": sample.data, "path": sample.file_name} if self._embed else {"path": sample.url}
        texts = {name: [each.text for each in record.texts if each.granularity == name] for name in _SIZES}
        return {
            "image": picture,
            "key": record.key,
            "width": record.width,
            "height": record.height,
            **texts,
            "objects": [self._object(region) for region in sample.objects],
            "words": [
                {"text": region.text, "quad": region.quad, "box": region.box, "score": region.score}
                for region in sample.words
            ],
            "phrases": [_phrase(record, grounding) for grounding in record.groundings],
        }

    def _object(self, region: Region) -> dict[str, Any]:
        name = label_of(region)
        return {
            "label": name,
            "category": self._categories.number(name),
            "box": region.box,
            "score": region.score,
            "polygons": region.polygons,
            "votes": votes(region),
        }


_SIZES = ("brief", "detailed", "more_detailed")


class _Files:
    """The files of one split: train-00000.parquet, train-00001.parquet, ..."""

    def __init__(self, folder: Path, split: str, files: ExitStack) -> None:
        self._folder, self._split, self._open = folder, split, files
        self._rows: list[dict[str, Any]] = []
        self._bytes = self._number = 0
        self._writer: pq.ParquetWriter | None = None

    def add(self, row: dict[str, Any], size: int) -> None:
        self._rows.append(row)
        self._bytes += size
        if len(self._rows) == ROWS:
            self._flush()
        if self._bytes > FILE_BYTES:
            self.close()

    def close(self) -> None:
        self._flush()
        if self._writer is not None:
            self._writer.close()
            self._writer = None
            self._number += 1
            self._bytes = 0

    def _flush(self) -> None:
        if not self._rows:
            return
        if self._writer is None:
            path = self._folder / f"{self._split}-{self._number:05d}.parquet"
            self._writer = self._open.enter_context(pq.ParquetWriter(path, SCHEMA, compression="zstd"))
        self._writer.write_table(pa.Table.from_pylist(self._rows, schema=SCHEMA))
        self._rows.clear()


def _phrase(record: Record, grounding: Grounding) -> dict[str, Any]:
    text = next(each.text for each in record.texts if each.id == grounding.text_id)
    boxes = [place.box for place in grounding.boxes]
    return {
        "text": text,
        "start": grounding.span[0],
        "end": grounding.span[1],
        "phrase": grounding.phrase,
        "boxes": boxes,
    }
