"""A folder with ten pictures, annotated through the command line by the specialists of `fake_specialists`."""

import os
import time
from pathlib import Path

from specialists.roles import Detections, Image
from tests.engine.commands import Done, fld
from tests.engine.fake_specialists import RectangleDetector, save_pictures

CONFIG = """
ingest: {shard_size: 4}
engine: {backend: local}
annotators:
  boxes: {role: detector, specialist: {backend: custom, factory: "tests.engine.fake_specialists:RectangleDetector"}}
  texts: {role: captioner, specialist: {backend: custom, factory: "tests.engine.fake_specialists:ColourCaptioner"}}
"""


def build(folder: Path, count: int = 10) -> Path:
    """The corpus, with its photos and settings beside it."""
    save_pictures(folder / "photos", count)
    (folder / "fakes.yaml").write_text(CONFIG)
    done = fld("run", str(folder / "photos"), str(folder / "corpus"), "--config", str(folder / "fakes.yaml"))
    assert done.code == 0, done.said
    return folder / "corpus"


def looks(corpus: Path) -> dict[str, Done]:
    """Every verb that only reads."""
    name, out = str(corpus), str(corpus.parent)
    return {
        "status": fld("status", name),
        "show": fld("show", name, "p001", "--out", f"{out}/p001.png"),
        "filter --dry-run": fld("filter", name, "--dry-run"),
        "export": fld("export", name, f"{out}/coco.json"),
        "verify": fld("verify", name),
    }


class SlowDetector(RectangleDetector):
    """Says through a file that it started, and then takes its time."""

    def detect(self, images: list[Image]) -> list[Detections]:
        Path(os.environ["FLD_STARTED"]).touch()
        for _ in range(600):
            time.sleep(0.1)
        return super().detect(images)
