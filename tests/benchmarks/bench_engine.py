"""What the engine costs beside the work itself, in ratios measured within one run.

    python -m tests.benchmarks.bench_engine [--images 4000] [--repeat 5] [--no-ray] [--memory 100000]

Stages that say nothing, batches of 32, shards of 500. CPU seconds are those of the driver and its actor, from
the moment the actor is ready. The ceiling of a run is what must be done anyway: read, decode and write, measured alone
in this process; overhead is what comes on top.
"""

import argparse
import io
import logging
import os
import statistics
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from PIL import Image as Pillow

from engine.config.settings import EngineSettings
from engine.runtime.annotate import annotate
from engine.runtime.call import Call, CallReply, pack_call, pack_reply, unpack_call, unpack_reply
from engine.runtime.column import Column
from engine.runtime.progress import ColumnProgress, Silent
from engine.runtime.ray_session import RaySession
from engine.runtime.worker import ACCEPTED
from shards.commit import committed
from shards.finding import Finding
from shards.images import ImageRow, read_image, read_image_rows, write_images
from shards.layout import IMAGES, shard_name
from shards.raw import RawRow, write_raw
from shards.store import LocalStore
from specialists.roles import Fingerprint
from stages.annotate.resources import Resources
from stages.ingest.decode import decode_image
from stages.stage import Item

SHARD = 500
BATCH = 32
DECODE_THREADS = 2
ELSEWHERE_S = 0.1


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


class Elsewhere(Null):
    """A model that keeps no CPU busy, as one on a GPU."""

    def run(self, items: list[Item]) -> list[list[Finding]]:
        """Waits, and says nothing."""
        time.sleep(ELSEWHERE_S)
        return super().run(items)


class Clock(Silent):
    """When the actor was ready and the first images came back, the CPU seconds from then to the last unit written, and
    the memory of this process at every unit."""

    def __init__(self) -> None:
        self.ready = self.first = self.cpu_s = 0.0
        self.rss_mb: list[float] = []
        self._working = [psutil.Process()]
        self._before = cpu_s(self._working)

    def log(self, event: str, fields: Mapping[str, object]) -> None:
        """Note the moment; an actor works from now on."""
        if event == "actor_ready":
            self.ready = time.monotonic()
            self._working.append(psutil.Process(int(str(fields["pid"]))))
            self._before = cpu_s(self._working)
        if event == "committed":
            self.rss_mb.append(self._working[0].memory_info().rss / 1e6)

    def update(self, columns: list[ColumnProgress]) -> None:
        """Note the moment."""
        if not self.first and any(column.images_done for column in columns):
            self.first = time.monotonic()
        if not self.cpu_s and all(column.finished for column in columns):
            self.cpu_s = cpu_s(self._working) - self._before


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


def cpu_s(processes: list[psutil.Process]) -> float:
    """CPU seconds of the processes so far; those that are gone do not count."""
    total = 0.0
    for process in processes:
        with suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system
    return total


def ceiling_s(store: LocalStore, count: int, version: int) -> float:
    """CPU seconds of what `count` annotators of one group need in any case: rows and images once, a column for each."""
    start = time.process_time()
    for shard in committed(store, IMAGES):
        rows = read_image_rows(store, shard)
        for at in range(0, len(rows), BATCH):
            batch = [decode_image(read_image(store, shard, row), ACCEPTED) for row in rows[at : at + BATCH]]
            del batch  # held as a whole until here, as a model would
        for number in range(count):
            write_raw(store, f"plain{number}", f"v{version}", shard, [RawRow(row.key) for row in rows])
    return time.process_time() - start


def run(store: LocalStore, count: int, version: int, settings: EngineSettings) -> Clock:
    """One run of `count` annotators."""
    clock = Clock()
    annotate(store, columns(count, version), {}, settings, clock)
    return clock


def local_rows(folder: Path, images: int, repeat: int) -> list[str]:
    """Overhead of the local backend, and a fused read and decode against the same in a plain loop."""
    local = EngineSettings(backend="local", decode_threads=DECODE_THREADS)
    tiny = corpus(folder / "tiny", images, jpeg(16, 16))
    photos = corpus(folder / "photos", max(images // 8, SHARD), jpeg(640, 480))
    overheads, ratios = [], []
    run(tiny, 3, 9999, local)  # imports
    ceiling_s(tiny, 3, 9999)
    for version in range(repeat):
        ceiling = ceiling_s(tiny, 3, version)
        overheads.append((run(tiny, 3, version, local).cpu_s - ceiling) / images * 1e3)
        ratios.append(ceiling_s(photos, 1, version) / run(photos, 1, version, local).cpu_s)
    overhead = statistics.median(overheads)
    return [
        f"| engine overhead, 3 null stages, local backend | <= 0.05 ms CPU/image | {overhead:.3f} ms |",
        f"| fused read + decode stage vs plain loop, local, 640x480 | >= 0.85x | {statistics.median(ratios):.2f}x |",
    ]


def ray_rows(folder: Path, images: int, repeat: int) -> list[str]:
    """The same with an actor; and the time to the first output."""
    session = RaySession(None, Silent().log)
    session.start(min_cpus=4)
    settings = EngineSettings(backend="ray", decode_threads=DECODE_THREADS)
    tiny = corpus(folder / "tiny-ray", images, jpeg(16, 16))
    photos = corpus(folder / "photos-ray", max(images // 8, SHARD), jpeg(640, 480))
    overheads, ratios, firsts, walls = [], [], [], []
    ceiling_s(tiny, 3, 9999)  # imports
    for version in range(repeat):
        ceiling = ceiling_s(tiny, 3, version)
        began = time.monotonic()
        clock = run(tiny, 3, version, settings)
        walls.append(time.monotonic() - began)
        firsts.append(clock.first - clock.ready)
        overheads.append((clock.cpu_s - ceiling) / images * 1e3)
        ratios.append(ceiling_s(photos, 1, version) / run(photos, 1, version, settings).cpu_s)
    overhead = statistics.median(overheads)
    rows = [
        f"| engine overhead, 3 null stages, Ray backend | <= 0.15 ms CPU/image | {overhead:.3f} ms |",
        f"| fused read + decode stage vs plain loop, Ray, 640x480 | >= 0.85x | {statistics.median(ratios):.2f}x |",
        f"| first output after an actor is ready | <= 0.5 s | {statistics.median(firsts):.2f} s |",
    ]
    ahead, bare = read_ahead_ms(folder, settings), bare_calls_ms(3)
    rows += [
        f"| beside it, 3 bare calls of a Ray actor per {BATCH} images | - | {bare:.3f} ms CPU/image |",
        f"| a call that a GPU takes 100 ms for, {BATCH // 2} images of 1280x960, Ray | - | {ahead:.0f} ms wall |",
    ]
    data = [ray_data_s(images, 3) for _ in range(min(repeat, 3))]
    job = f"{images:,} rows, 3 null stages, Ray running"
    first, last = (statistics.median(times) for times in zip(*data, strict=True))
    rows += [
        f"| {job}: the engine, with reading, decoding, writing | - | {statistics.median(walls):.1f} s wall |",
        f"| {job}: Ray Data, numbers only | - | {last:.1f} s wall, first output after {first:.1f} s |",
    ]
    session.stop()
    return rows


def read_ahead_ms(folder: Path, settings: EngineSettings) -> float:
    """Wall time per call of a model that works elsewhere, while images are decoded here."""
    size, calls = BATCH // 2, 30
    store = corpus(folder / "large-ray", calls * size, jpeg(1280, 960))
    resources = Resources(batch_size=size, num_cpus=0.5)
    clock = Clock()
    start = time.monotonic()
    annotate(store, [Column("elsewhere", "v0", (), Elsewhere(), resources)], {}, settings, clock)
    return (time.monotonic() - max(start, clock.ready)) / calls * 1e3


def bare_calls_ms(per_batch: int, calls: int = 1000) -> float:
    """CPU milliseconds per image, here and in the actor, of nothing but calls like the engine's, two at a time."""
    import ray

    class Bare:
        def pid(self) -> int:
            return os.getpid()

        def run(self, packed: bytes) -> bytes:
            return pack_reply(CallReply("ok", findings=[unpack_call(packed).rows[:1]] * BATCH))

    remote: Any = ray.remote(Bare)
    actor: Any = remote.options(num_cpus=0.5).remote()
    call = Call(0, "p", "c", "000000", tuple(range(BATCH)), bytes(2000), {}, 60.0)
    working = [psutil.Process(), psutil.Process(ray.get(actor.pid.remote()))]
    before = cpu_s(working)
    queue = [actor.run.remote(pack_call(call)) for _ in range(2)]
    for _ in range(calls):
        ray.wait(queue, num_returns=1)
        unpack_reply(ray.get(queue.pop(0)))
        queue.append(actor.run.remote(pack_call(call)))
    return (cpu_s(working) - before) / calls * per_batch / BATCH * 1e3


def ray_data_s(rows: int, stages: int) -> tuple[float, float]:
    """Null actor stages over row numbers in Ray Data: seconds to the first output, and to the last."""
    import ray.data

    logging.getLogger("ray.data").setLevel(logging.ERROR)
    ray.data.DataContext.get_current().enable_progress_bars = False

    class NullMap:
        def __call__(self, batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
            return batch

    began = time.monotonic()
    data = ray.data.range(rows, override_num_blocks=max(1, rows // SHARD))
    for _ in range(stages):
        data = data.map_batches(NullMap, batch_size=BATCH, compute=ray.data.ActorPoolStrategy(size=1), num_cpus=0.5)
    first = 0.0
    for _ in data.iter_batches(batch_size=BATCH):
        first = first or time.monotonic() - began
    return first, time.monotonic() - began


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
