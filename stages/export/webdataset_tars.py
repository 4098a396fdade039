"""Webdataset shards with pictures inside, whatever `rounds.originals` is: a round joined with its images.

    OUT/train-000000.tar  OUT/train-000001.tar ...  OUT/val-000000.tar     up to 1,000 samples each: key.jpg, key.json

Members are named and ordered as in a round's own tars; equal rounds give equal bytes.
"""

from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from shards import record, tar
from stages.export.sample import Sample

SAMPLES = 1000
"""In one tar."""


class WebdatasetTarget:
    """The tars of both splits, one open of each."""

    def __init__(self, out: Path, files: ExitStack) -> None:
        self._out, self._open = out, files
        self._files: dict[str, BinaryIO] = {}
        self._counts: dict[str, int] = {}

    def add(self, sample: Sample) -> None:
        """Two members."""
        count = self._counts.get(sample.split, 0)
        if count % SAMPLES == 0:
            self._close(sample.split)
            path = self._out / f"{sample.split}-{count // SAMPLES:06d}.tar"
            self._files[sample.split] = self._open.enter_context(path.open("wb"))
        self._counts[sample.split] = count + 1
        extension = sample.file_name.rpartition(".")[2]
        for ext, data in sorted([(extension, sample.data), (tar.RECORD, record.encode(sample.record))]):
            head = tar.header(f"{tar.safe_key(sample.record.key)}.{ext}", len(data))
            self._files[sample.split].writelines((head, data, bytes(-len(data) % tar.BLOCK)))

    def close(self) -> None:
        """End the last tars."""
        for split in list(self._files):
            self._close(split)

    def _close(self, split: str) -> None:
        if (file := self._files.pop(split, None)) is not None:
            with file:
                file.write(tar.END)
