"""What the engine costs beside the work itself, in ratios measured within one run.

    python -m tests.benchmarks.bench_engine [--images 4000] [--repeat 5] [--no-ray] [--memory 100000]

Stages that say nothing, batches of 32, shards of 500. CPU seconds are those of the driver and all its children. The
ceiling of a run is what the engine must do anyway: read, decode and write, measured alone in this process; overhead is
what comes on top. Ray's figures are marginal (the difference between a large and a small run), so that starting Ray is
left out; so are Ray Data's.
"""

import argparse
import io
import logging
import os
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import psutil
from PIL import Image as Pillow

from engine.annotate import annotate
from engine.column import Column
from engine.progress import ColumnProgress, Silent
from engine.settings import EngineSettings
from engine.worker import ACCEPTED
from shards.commit import committed
from shards.finding import Finding
from shards.images import ImageRow, read_image, read_image_rows, write_images
from shards.layout import IMAGES, shard_name
from shards.raw import RawRow, write_raw
from shards.store import LocalStore
from specialists.roles import Fingerprint
from stages.ingest.decode import decode
from stages.resources import Resources
from stages.stage import Item

SHARD = 500
BATCH = 32
DECODE_THREADS = 2


class Null:
    """Says nothing."""

    def load(self) -> None:
        """Nothing to load."""

    def run(self, items: list[Item]) -> list[list[Finding]]:
        """One empty list per image."""
        return [[] for _ in items]

    def fingerprint(self) -> Fingerprint:
        """Constant."""
        return {}

    def close(self) -> None:
        """Nothing to release."""


class Clock(Silent):
    """When the actors were ready and when the first images came back; the largest memory of this process."""

    def __init__(self) -> None:
        self.ready = self.first = 0.0
        self.rss_mb: list[float] = []
        self._process = psutil.Process()

    def log(self, event: str, fields: Mapping[str, object]) -> None:
        """Note the moment."""
        if event == "actor_ready" and not self.ready:
            self.ready = time.monotonic()
        if event == "committed":
            self.rss_mb.append(self._process.memory_info().rss / 1e6)

    def update(self, columns: list[ColumnProgress]) -> None:
        """Note the moment."""
        if not self.first and any(column.images_done for column in columns):
            self.first = time.monotonic()


def corpus(folder: Path, images: int, data: bytes) -> LocalStore:
    """A corpus of equal images."""
    store = LocalStore(folder)
    for number, start in enumerate(range(0, images, SHARD)):
        rows = [
            ImageRow(f"k{index:07d}", "", sha256="0", ext="jpg") for index in range(start, min(start + SHARD, images))
        ]
        write_images(store, shard_name(number), [(row, data) for row in rows])
    return store


def jpeg(width: int, height: int) -> bytes:
    """A photograph-like picture: smooth noise, quality 90."""
    noise = np.random.default_rng(0).integers(0, 255, (height // 8, width // 8, 3), np.uint8)
    data = io.BytesIO()
    Pillow.fromarray(noise).resize((width, height), Pillow.Resampling.BICUBIC).save(data, "JPEG", quality=90)
    return data.getvalue()


def columns(count: int, version: int) -> list[Column]:
    """Annotators of one group that do not need each other. version: makes them new, so that they run again."""
    resources = Resources(batch_size=BATCH, num_cpus=0.5, group="null")
    return [Column(f"null{number}", f"v{version}", (), Null(), resources) for number in range(count)]


def cpu_s() -> float:
    """CPU seconds of this process and its children so far."""
    total = time.process_time()
    for child in psutil.Process().children(recursive=True):
        try:
            times = child.cpu_times()
        except psutil.Error:
            continue
        total += times.user + times.system
    return total


def ceiling_s(store: LocalStore, count: int, version: int) -> float:
    """CPU seconds of what `count` annotators of one group need in any case: rows and images once, a column for each."""
    start = time.process_time()
    for shard in committed(store, IMAGES):
        rows = read_image_rows(store, shard)
        for at in range(0, len(rows), BATCH):
            batch = [decode(read_image(store, shard, row), ACCEPTED) for row in rows[at : at + BATCH]]
            del batch  # held as a whole until here, as a model would
        for number in range(count):
            write_raw(store, f"plain{number}", f"v{version}", shard, [RawRow(row.key) for row in rows])
    return time.process_time() - start


def run_s(store: LocalStore, count: int, version: int, settings: EngineSettings, clock: Clock | None = None) -> float:
    """CPU seconds of a run."""
    start = cpu_s()
    annotate(store, columns(count, version), {}, settings, clock or Silent())
    return cpu_s() - start


def local_rows(folder: Path, images: int, repeat: int) -> list[str]:
    """Overhead of the local backend, and a fused read and decode against the same in a plain loop."""
    local = EngineSettings(backend="local", decode_threads=DECODE_THREADS)
    tiny = corpus(folder / "tiny", images, jpeg(16, 16))
    photos = corpus(folder / "photos", max(images // 8, SHARD), jpeg(640, 480))
    overheads, ratios = [], []
    run_s(tiny, 3, 9999, local)  # imports
    ceiling_s(tiny, 3, 9999)
    for version in range(repeat):
        ceiling = ceiling_s(tiny, 3, version)
        overheads.append((run_s(tiny, 3, version, local) - ceiling) / images * 1e3)
        ratios.append(ceiling_s(photos, 1, version) / run_s(photos, 1, version, local))
    overhead = statistics.median(overheads)
    return [
        f"| engine overhead, 3 null stages, local backend | <= 0.05 ms CPU/image | {overhead:.3f} ms |",
        f"| fused read + decode stage vs plain loop, local, 640x480 | >= 0.85x | {statistics.median(ratios):.2f}x |",
    ]


def ray_rows(folder: Path, images: int, repeat: int) -> list[str]:
    """The same with actors, less what starting them costs; and the time to the first output."""
    import ray

    ray.init(num_cpus=4, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    settings = EngineSettings(backend="ray", decode_threads=DECODE_THREADS)
    large = corpus(folder / "large", images, jpeg(16, 16))
    small = corpus(folder / "small", SHARD, jpeg(16, 16))
    photos = corpus(folder / "photos-ray", max(images // 8, 2 * SHARD), jpeg(640, 480))
    overheads, ratios, firsts = [], [], []
    run_s(small, 3, 9999, settings)
    for version in range(repeat):
        clock = Clock()
        start = run_s(small, 3, version, settings, clock)
        firsts.append(clock.first - clock.ready)
        more = images - SHARD
        ceiling = ceiling_s(large, 3, version) * more / images
        overheads.append((run_s(large, 3, version, settings) - start - ceiling) / more * 1e3)
        alone = ceiling_s(photos, 1, version)
        start_one = run_s(small, 1, version + 1000, settings)
        ratios.append(alone / (run_s(photos, 1, version, settings) - start_one))
    overhead = statistics.median(overheads)
    rows = [
        f"| engine overhead, 3 null stages, Ray backend | <= 0.3 ms CPU/image | {overhead:.3f} ms |",
        f"| fused read + decode stage vs plain loop, Ray, 640x480 | >= 0.85x | {statistics.median(ratios):.2f}x |",
        f"| first output after an actor is ready | <= 0.5 s | {statistics.median(firsts):.2f} s |",
        *ray_data_rows(images),
    ]
    ray.shutdown()
    return rows


def ray_data_rows(images: int) -> list[str]:
    """One and three null actor stages over keys, in Ray Data: CPU per row beyond a small run, and the first output."""
    import ray

    ray.data.DataContext.get_current().enable_progress_bars = False

    class NullMap:
        def __call__(self, batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
            return batch

    def run(rows: int, stages: int) -> tuple[float, float]:
        start, began = cpu_s(), time.monotonic()
        data = ray.data.range(rows, override_num_blocks=max(1, rows // SHARD))
        for _ in range(stages):
            data = data.map_batches(NullMap, batch_size=BATCH, concurrency=1, num_cpus=0.5)
        first = 0.0
        for _ in data.iter_batches(batch_size=BATCH):
            first = first or time.monotonic() - began
        return cpu_s() - start, first

    rows = []
    for stages in (1, 3):
        small, first = run(SHARD, stages)
        large, _ = run(images, stages)
        cost = (large - small) / (images - SHARD) * 1e3
        what = f"Ray Data, {stages} null actor stage(s), keys only"
        rows.append(f"| {what} | - | {cost:.3f} ms CPU/row, {first:.1f} s to the first output |")
    return rows


def memory_row(folder: Path, images: int) -> str:
    """Memory of the driver after a hundredth of the images and at the end."""
    store = corpus(folder / "memory", images, jpeg(16, 16))
    clock = Clock()
    annotate(store, columns(1, 0), {}, EngineSettings(backend="local"), clock)
    early = clock.rss_mb[max(0, len(clock.rss_mb) // 100)]
    return (
        f"| driver memory, {images // 100:,} -> {images:,} images | flat | {early:.0f} -> {clock.rss_mb[-1]:.0f} MB |"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=4000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--memory", type=int, default=100_000)
    parser.add_argument("--no-ray", action="store_true")
    options = parser.parse_args()
    os.environ.setdefault("RAY_raylet_start_wait_time_s", "180")
    print("| what | target | measured |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for row in local_rows(Path(folder), options.images, options.repeat):
            print(row, flush=True)
        if options.memory:
            print(memory_row(Path(folder), options.memory), flush=True)
        if not options.no_ray:
            for row in ray_rows(Path(folder), options.images, options.repeat):
                print(row, flush=True)


if __name__ == "__main__":
    main()
