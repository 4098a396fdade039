"""The memory of `fld ingest` itself, without the processes that it starts, with few and with many images:

    python -m tests.benchmarks.bench_ingest_memory [--images 20000 200000]

A list of URLs that fail before anything is fetched is taken in, and again: that is the list, its keys, the plan, the
shards. Then duplicates are looked for among as many random hashes. Each in a process of its own, whose largest memory
is printed with its CPU seconds; what differs between two sizes is what an image takes.
"""

import argparse
import hashlib
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from shards.images import ImageRow, write_images
from shards.layout import shard_name
from shards.store import LocalStore
from stages.ingest.duplicates import update_duplicates
from stages.ingest.ingest import ingest
from stages.ingest.settings import DuplicateSettings, IngestSettings

SHARD = 4096


def main() -> None:
    """Command line of the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, nargs="+", default=[20_000, 200_000])
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.step is not None:
        STEPS[asked.step](asked.work, asked.images[0])
        used = resource.getrusage(resource.RUSAGE_SELF)
        print(f"{used.ru_maxrss / 1024:.0f} MB, {used.ru_utime + used.ru_stime:.1f} s", end="")
        return
    print("| images | " + " | ".join(STEPS) + " |\n|---|" + "---|" * len(STEPS))
    for images in asked.images:
        with tempfile.TemporaryDirectory() as work:
            write_list(Path(work), images)
            write_hashes(Path(work), images)
            print(f"| {images:,} | " + " | ".join(measured(step, work, images) for step in STEPS) + " |", flush=True)


def measured(step: str, work: str, images: int) -> str:
    """Largest memory and CPU of a step in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.bench_ingest_memory", "--step", step]
    return subprocess.check_output([*command, "--work", work, "--images", str(images)], text=True)


def write_list(work: Path, images: int) -> None:
    with (work / "list.txt").open("w") as file:
        for image in range(images):
            file.write(f"hdfs://photos.example.org/dataset/{image // 1000:05d}/picture-{image:09d}.jpg\n")


def write_hashes(work: Path, images: int) -> None:
    phash = np.random.default_rng(0).integers(0, 2**64, images, dtype=np.uint64).tolist()
    store = LocalStore(work / "hashes")
    for number, start in enumerate(range(0, images, SHARD)):
        rows = [
            ImageRow(
                f"photos/{image:09d}", "", "ok", "", "", hashlib.sha256(b"%d" % image).hexdigest(),
                f"{phash[image]:016x}", 16, 16, "png",
            )
            for image in range(start, min(start + SHARD, images))
        ]  # fmt: skip
        write_images(store, shard_name(number), [(row, b"x") for row in rows])


def take_in(work: Path, images: int) -> None:
    settings = IngestSettings(shard_size=SHARD, failure_budget=1.0)
    report = ingest(LocalStore(work / "corpus"), [str(work / "list.txt")], settings)
    assert report.failed == images


def compare(work: Path, images: int) -> None:
    update_duplicates(LocalStore(work / "hashes"), DuplicateSettings())


STEPS: dict[str, Callable[[Path, int], None]] = {"ingest": take_in, "again": take_in, "duplicates": compare}

if __name__ == "__main__":
    main()
