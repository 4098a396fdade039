"""What annotating costs beside the model: a detector's column against the library's own plain loop.

    python -m tests.benchmarks.bench_annotate [--images 1000] [--repeat 3] [--ray] [--size s --device cuda]

Generated scenes of 640 px as JPEG files and the embedded yolo-nano, which says some 60 boxes of each at the floor used
here; with `--size s` YOLO11s at full size with random weights, which says nothing. The plain loop hands file names
to ultralytics, 16 at a time, and takes boxes, scores and labels as lists. The engine reads, decodes, checks, rounds and
writes them as a column that can be resumed. In turn, in one process; starting and loading are left out of wall times
(from the first call to the last unit written).
"""

import argparse
import io
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image as Pillow

from engine.config.settings import EngineSettings
from engine.runtime.annotate import annotate
from engine.runtime.column import Column
from engine.runtime.progress import ColumnProgress, Silent
from engine.runtime.ray_session import RaySession
from shards.images import ImageRow, write_images
from shards.layout import shard_name
from shards.raw import read_raw
from shards.store import LocalStore
from specialists.ultralytics_yolo import UltralyticsSettings, quiet_library
from specialists.weights import locate, weight_file
from stages.annotate.detector import ObjectsSettings, ObjectsStage
from stages.annotate.resources import Resources
from stages.scenes.gold import draw_scene
from stages.scenes.settings import SceneSettings
from tests.benchmarks.base_checkpoints import save_yolo_s

BATCH, SHARD, SCENES = 16, 250, 50


class Watch(Silent):
    """Watches the one column."""

    def __init__(self) -> None:
        self._began = self._ended = 0.0

    def update(self, columns: list[ColumnProgress]) -> None:
        if not self._began and columns[0].actors:
            self._began = time.monotonic()

    def log(self, event: str, fields: Mapping[str, object]) -> None:
        del fields
        if event == "committed":
            self._ended = time.monotonic()

    @property
    def wall_s(self) -> float:
        """From the loaded weights to the last unit written."""
        return self._ended - self._began


def pictures(folder: Path, count: int) -> list[Path]:
    """JPEG files in a new folder; the scenes come round after `SCENES`."""
    look = SceneSettings(size=640, square=True, max_objects=12)
    folder.mkdir()
    scenes = []
    for index in range(min(SCENES, count)):
        data = io.BytesIO()
        Pillow.fromarray(draw_scene(0, index, look).image).save(data, "JPEG", quality=90)
        scenes.append(data.getvalue())
    files = [folder / f"{number:06d}.jpg" for number in range(count)]
    for number, file in enumerate(files):
        file.write_bytes(scenes[number % len(scenes)])
    return files


def corpus(folder: Path, files: list[Path]) -> LocalStore:
    """The same pictures, ingested."""
    store = LocalStore(folder)
    for number, start in enumerate(range(0, len(files), SHARD)):
        some = files[start : start + SHARD]
        write_images(
            store,
            shard_name(number),
            [(ImageRow(file.stem, "", sha256="0", ext="jpg"), file.read_bytes()) for file in some],
        )
    return store


def plain(model: Any, settings: UltralyticsSettings, files: list[Path]) -> int:
    """The library alone; the number of boxes."""
    boxes = 0
    for start in range(0, len(files), BATCH):
        names = [str(file) for file in files[start : start + BATCH]]
        for result in model.predict(
            names, conf=settings.score_floor, iou=settings.nms_iou, max_det=settings.max_detections,
            batch=BATCH, device=settings.device, verbose=False, save=False,
        ):  # fmt: skip
            found = result.boxes
            boxes += len(list(zip(found.xyxy.tolist(), found.conf.tolist(), found.cls.tolist(), strict=True)))
    return boxes


def ours(
    store: LocalStore, settings: UltralyticsSettings, version: str, backend: EngineSettings
) -> tuple[float, float]:
    """Wall seconds from the first call on, and CPU seconds of this process, loading included."""
    stage = ObjectsStage(ObjectsSettings(specialist=settings))
    watch, start = Watch(), time.process_time()
    annotate(store, [Column("yolo", version, (), stage, Resources(batch_size=BATCH))], {}, backend, watch)
    return watch.wall_s, time.process_time() - start


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--ray", action="store_true")
    parser.add_argument("--size", choices=("nano", "s"), default="nano")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    quiet_library()
    import ultralytics

    library: Any = ultralytics
    with tempfile.TemporaryDirectory() as folder:
        weights = str(save_yolo_s(Path(folder))) if options.size == "s" else "embedded:yolo-nano"
        settings = UltralyticsSettings(weights=weights, score_floor=0.0002, device=options.device)
        files = pictures(Path(folder) / "pictures", options.images)
        store = corpus(Path(folder) / "corpus", files)
        model = library.YOLO(str(weight_file("", locate("", weights, None), (".pt",))), verbose=False)
        plain(model, settings, files[:BATCH])
        ours(corpus(Path(folder) / "warm", files[:BATCH]), settings, "warm", EngineSettings(backend="local"))
        alone, local, ray = [], [], []
        for turn in range(options.repeat):
            wall, cpu = time.monotonic(), time.process_time()
            boxes = plain(model, settings, files)
            alone.append((time.monotonic() - wall, time.process_time() - cpu))
            local.append(ours(store, settings, f"local{turn}", EngineSettings(backend="local")))
        said = sum(len(row.findings) for row in read_raw(store, "yolo", "local0", shard_name(0)))
        if options.ray:
            session = RaySession(None, Silent().log)
            session.start(min_cpus=2)
            ray = [ours(store, settings, f"ray{turn}", EngineSettings()) for turn in range(options.repeat)]
            session.stop()
    walls, cpus = [statistics.median(one[place] for one in alone) for place in (0, 1)]
    print(
        f"{options.images} images, {boxes / options.images:.0f} and {said / min(SHARD, options.images):.0f} boxes each"
    )
    print("\n| what | wall | of plain, images/s | CPU here | of plain |\n|---|---|---|---|---|")
    print(f"| plain loop | {walls:.1f} s | 1.00x | {cpus:.1f} s | 1.00x |")
    for name, runs in (("local backend", local), ("Ray, start-up apart", ray)):
        if runs:
            wall, cpu = (statistics.median(one[place] for one in runs) for place in (0, 1))
            here = f"{cpu:.1f} s | {cpus / cpu:.2f}x" if runs is local else f"{cpu:.1f} s | the driver alone"
            print(f"| {name} | {wall:.1f} s | {walls / wall:.2f}x | {here} |")


if __name__ == "__main__":
    main()
