"""Stages that do what a test tells them to, and small corpora for them to work on.

Every fake says the same thing about an image whatever the batch: its key and mean colour. What goes wrong is chosen by
key, so that it goes wrong again wherever and however often the image is run.
"""

import ctypes
import io
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image as Pillow

from engine.runtime.column import Column
from shards.finding import Caption, Finding, text_of
from shards.images import ImageRow, write_images
from shards.layout import shard_name
from shards.store import Store
from specialists.roles import Fingerprint, ItemError, MissingRequirementError, RunStopError
from stages.annotate.resources import Resources
from stages.stage import Item

Fault = Literal["raise", "item", "oom", "exit", "os_exit", "segfault", "hang", "short", "nan", "stop"]


@dataclass(eq=False)
class FakeStage:
    """faults: key -> what goes wrong whenever that image is in the batch. max_batch: larger batches are out of memory.
    delay_s: per image. calls: a file that gets one line per image run (its key), to count what was recomputed."""

    faults: dict[str, Fault] = field(default_factory=dict)
    max_batch: int | None = None
    delay_s: float = 0.0
    calls: str = ""
    load_error: Literal["", "missing", "exit"] = ""
    once: str = ""  # a file: faults happen only while it does not exist, and create it
    loaded: bool = False

    def load(self) -> None:
        """Fail as told, or be ready."""
        if self.load_error == "missing":
            raise MissingRequirementError("detector needs weights nobody.pt: run `fld doctor`")
        if self.load_error == "exit":
            os._exit(7)
        self.loaded = True

    def run(self, items: list[Item]) -> list[list[Finding]]:
        """One text finding per image and one per finding of each needed annotator."""
        assert self.loaded
        if self.calls:
            with open(self.calls, "a", encoding="utf-8") as file:
                file.writelines(f"{item.key}\n" for item in items)
        if self.delay_s:
            time.sleep(self.delay_s * len(items))
        if self.max_batch is not None and len(items) > self.max_batch:
            raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB (GPU 0; 0x7f0012345678)")
        for index, item in enumerate(items):
            if self.faults.get(item.key) == "short":
                return []
            self._fail(index, item.key)
        return [self._say(item) for item in items]

    def fingerprint(self) -> Fingerprint:
        """Constant."""
        return {"backend": "fake"}

    def close(self) -> None:
        """Nothing is held."""
        self.loaded = False

    def _say(self, item: Item) -> list[Finding]:
        score = float("nan") if self.faults.get(item.key) == "nan" else float(np.mean(item.image)) / 255
        about = [
            Caption(text_of(finding), about=f"{name}/{index}")
            for name, findings in sorted(item.findings.items())
            for index, finding in enumerate(findings)
        ]
        return [Caption(item.key, score, granularity="brief"), *about]

    def _fail(self, index: int, key: str) -> None:
        fault = self.faults.get(key)
        if fault is None or (self.once and os.path.exists(self.once)):
            return
        if self.once:
            Path(self.once).touch()
        if fault == "raise":
            raise ValueError(f"cannot look at {key} (object at 0x7f0012345678, pid 4711)")
        if fault == "item":
            raise ItemError(index, f"the answer for {key} was cut off")
        if fault == "oom":
            raise MemoryError
        if fault == "stop":
            raise RunStopError("openai: no credit left for us: HTTP 402: Insufficient Balance")
        _end(fault)


def _end(fault: Fault) -> None:
    """What a process does not survive."""
    if fault == "exit":
        sys.exit(0)
    if fault == "os_exit":
        os._exit(3)
    if fault == "segfault":
        ctypes.string_at(0)
    if fault == "hang":
        time.sleep(3600)


def column(
    name: str, stage: FakeStage | None = None, needs: Sequence[str] = (), resources: Resources | None = None
) -> Column:
    """A column with the fingerprint "f0"."""
    return Column(name, "f0", tuple(needs), stage or FakeStage(), resources or Resources(batch_size=4))


def fill(store: Store, shards: int, images: int, given: bool = False) -> list[str]:
    """A corpus of `shards` x `images` pictures of 8 x 6 px named k0000, k0001, ...; the keys."""
    keys = []
    for shard in range(shards):
        samples = []
        for index in range(images):
            number = shard * images + index
            key = f"k{number:04d}"
            keys.append(key)
            said: list[Finding] = [Caption(f"given {key}", granularity="brief")] if given else []
            row = ImageRow(key, f"list/{key}.png", sha256=f"{number:064x}", width=8, height=6, ext="png", given=said)
            samples.append((row, png(number)))
        write_images(store, shard_name(shard), samples)
    return keys


def png(number: int) -> bytes:
    """A picture of one colour."""
    colour = (number % 256, number // 256 % 256, 128)
    data = io.BytesIO()
    Pillow.new("RGB", (8, 6), colour).save(data, "PNG")
    return data.getvalue()


def raw_files(root: Path) -> dict[str, bytes]:
    """Every file below raw/, for comparing two corpora."""
    folder = root / "raw"
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
