"""Every verb that looks at a whole corpus, on one of a million images and four rounds:

    python -m tests.benchmarks.bench_corpus [--images 1000000] [--work WORK]

The corpus is written by the project's own code with tiny content: a picture of 16x16 px and one finding per image, in
shards of 4,096. Round 0 is written by `fld filter`; the units of the others hold the same files, and are published
again. Each verb runs in a process of its own. Prints a table of wall and CPU seconds and of the largest memory. WORK
stays, and the same command measures again; without it, the corpus is removed.
"""

import argparse
import hashlib
import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from engine.config.config import load, save
from engine.corpus.session import opened
from shards import commit
from shards.finding import Detection
from shards.images import ImageRow, write_images
from shards.layout import round_folder, shard_name
from shards.lookup import complete_lookup
from shards.overview import complete_overview
from shards.raw import RawRow, write_raw
from shards.store import LocalStore
from stages.ingest.entry import Entry
from stages.ingest.listing import listed
from stages.ingest.plan import extend_plan, read_plan

SHARD, ROUNDS, SIDE = 4096, 4, 16
LABELS = ("dog", "cat", "tree", "house", "ball")
CONFIG = f"""
ingest: {{shard_size: {SHARD}}}
engine: {{backend: local}}
rounds: {{originals: none}}
annotators:
  boxes: {{role: detector, specialist: {{backend: ultralytics, weights: "embedded:yolo-nano"}}}}
"""
VERBS = {
    "annotate (nothing to do: the resume scan)": ("annotate", "CORPUS"),
    "status": ("status", "CORPUS"),
    "show KEY": ("show", "CORPUS", "KEY", "--json"),
    "stats --json": ("stats", "CORPUS", "--json"),
    "filter --dry-run, another threshold": ("filter", "CORPUS", "--dry-run", "--set", "filters.region.min_score=0.6"),
    "verify --sample 0.01": ("verify", "CORPUS", "--sample", "0.01"),
    "plan --sample 16 --seconds 2": ("plan", "CORPUS", "--sample", "16", "--seconds", "2"),
}


def main() -> None:
    """Command line of the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--images", type=int, default=100_000)
    asked = parser.parse_args()
    if asked.work is None:
        with tempfile.TemporaryDirectory() as folder:
            measure(Path(folder), asked.images)
    else:
        measure(asked.work, asked.images)


def measure(work: Path, images: int) -> None:
    """Print the table."""
    corpus = work / f"corpus-{images}"
    if not (work / f"built-{images}").exists():
        work.mkdir(parents=True, exist_ok=True)
        build(corpus, work / "corpus.yaml", images)
        (work / f"built-{images}").touch()
    files = sum(len(names) for _, _, names in os.walk(corpus))
    print(f"{images:,} images, {ROUNDS} rounds, {files:,} files\n")
    print("| what | wall | CPU | memory |\n|---|---|---|---|")
    for name, words in VERBS.items():
        command = [
            str(corpus) if word == "CORPUS" else key_of(images // 2) if word == "KEY" else word for word in words
        ]
        print(f"| {name} | {measured(command)} |", flush=True)


def build(corpus: Path, config: Path, images: int) -> None:
    """Plan, images, one column, rounds."""
    config.write_text(CONFIG)
    store = LocalStore(corpus)
    save(load(str(config), []), store)
    entries = (Entry(f"{key}.png", f"/photos/{key}.png", key, key) for key in map(key_of, range(images)))
    plan = read_plan(store, SHARD)
    extend_plan(store, plan, listed(plan.scratch, entries))
    shards = {shard_name(number): [*_rows(number, images)] for number in range(-(-images // SHARD))}
    for name, rows in shards.items():
        write_images(store, name, [(row, PICTURE) for row in rows])
    with opened(str(corpus), None, {}) as session:
        fingerprint = session.columns(0)[0].fingerprint
    for seed, (name, rows) in enumerate(shards.items()):
        write_raw(store, "boxes", fingerprint, name, _found(rows, seed))
    complete_lookup(store)
    subprocess.run([*FLD, "filter", str(corpus)], check=True, stdout=subprocess.DEVNULL)
    for number in range(1, ROUNDS):
        _again(store, number)


def key_of(image: int) -> str:
    """The key of an image."""
    return f"photos/{image // 1000:05d}/{image:08d}"


def measured(command: list[str]) -> str:
    """Wall, CPU, largest memory of a process with its children."""
    start = time.perf_counter()
    process = subprocess.Popen([*FLD, *command], stdout=subprocess.DEVNULL, cwd="/")
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    failed = "" if status == 0 else f" (exit {os.waitstatus_to_exitcode(status)})"
    return f"{wall:.1f} s{failed} | {used.ru_utime + used.ru_stime:.1f} s | {used.ru_maxrss / 1e6:.2f} GB"


def _rows(number: int, images: int) -> Iterator[ImageRow]:
    for image in range(number * SHARD, min((number + 1) * SHARD, images)):
        key = key_of(image)
        yield ImageRow(key, f"{key}.png", "ok", "", "", SHA256, f"{image:016x}", SIDE, SIDE, "png")


def _found(rows: list[ImageRow], seed: int) -> Iterator[RawRow]:
    chance = np.random.default_rng(seed)
    scores, labels = chance.random(len(rows)).round(4).tolist(), chance.integers(len(LABELS), size=len(rows)).tolist()
    for row, score, label in zip(rows, scores, labels, strict=True):
        yield RawRow(row.key, findings=[Detection(LABELS[label], score, box=(1.0, 1.0, 15.0, 15.0))])


def _again(store: LocalStore, number: int) -> None:
    """Round 0 under another number."""
    for name, manifest in commit.committed(store, round_folder(0)).items():
        files = {path: store.read(f"{round_folder(0)}/{path}") for path in manifest.files}
        commit.publish(
            store, round_folder(number), name, files, manifest.counts, manifest.fingerprint, manifest.tally,
            has_originals=False,
        )  # fmt: skip
    complete_overview(store, number)


def _picture() -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (SIDE, SIDE), "green").save(data, "PNG")
    return data.getvalue()


PICTURE = _picture()
SHA256 = hashlib.sha256(PICTURE).hexdigest()
FLD = (sys.executable, "-m", "engine.cli")

if __name__ == "__main__":
    main()
