"""The records themselves, one JSON object per line, with `file_name` and `split` in front.

    {"file_name": "train/dog.jpg", "split": "train", "record": {"key": "dog", "regions": [...], ...}}

Everything that the round kept is there; the fields of a record are in docs/record.schema.json.
"""

from contextlib import ExitStack
from pathlib import Path

import msgspec

from shards.record import Record
from stages.export.sample import Sample


class JsonLine(msgspec.Struct, frozen=True):
    """One line."""

    file_name: str
    split: str
    record: Record


class JsonlTarget:
    """OUT/records.jsonl."""

    def __init__(self, out: Path, files: ExitStack) -> None:
        self._file = files.enter_context((out / "records.jsonl").open("wb"))

    def add(self, sample: Sample) -> None:
        """One line."""
        self._file.write(msgspec.json.encode(JsonLine(sample.file_name, sample.split, sample.record)) + b"\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()
