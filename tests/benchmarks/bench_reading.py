"""Reading a round for training, against webdataset's loader: python -m tests.benchmarks.bench_reading [--images 2000]

Both give the record and the original bytes of every image, both from the page cache; medians of 5 of CPU time, in turn.
webdataset reads shard by shard and parses the JSON; ours is the trainer's pool, whose epoch is shuffled over all shards
at once, and which checks the record's CRC-32 and decodes it into its struct.
"""

import argparse
import os
import random
import tempfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import msgspec
import webdataset

from shards.commit import ImageCounts
from shards.images import ImageRow, write_images
from shards.layout import round_tar, shard_name
from shards.record import Candidate, Record, Region, Source, Vote
from shards.rounds import IndexRow, write_round_shard
from shards.store import LocalStore
from stages.retrain.pool import load_pool
from tests.benchmarks.bench_shards import cpu_s

PER_SHARD = 500
IMAGE_BYTES = 100_000


def main() -> None:
    """Prints the table."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--images", type=int, default=2000)
    count = arguments.parse_args().images
    with tempfile.TemporaryDirectory() as folder:
        store, shards = LocalStore(folder), [shard_name(number) for number in range(-(-count // PER_SHARD))]
        for number, shard in enumerate(shards):
            _write(store, shard, range(number * PER_SHARD, min(count, (number + 1) * PER_SHARD)))
        shuffled, in_order, opening, theirs, theirs_raw = cpu_s(*_readers(store, folder, shards))
    print("| what | target | got |\n|---|---|---|")
    for name, target, spent in (
        ("shuffled over all shards, against webdataset in order with its decoder", ">= 3x", shuffled),
        ("in order, likewise", ">= 3x", in_order),
    ):
        each = f"{1e6 * spent / count:.0f} us, {1e6 * theirs / count:.0f} us"
        print(f"| {name} | {target} | {theirs / spent:.2f}x ({each}) |")
    print(f"| in order, against webdataset that parses nothing | | {theirs_raw / in_order:.2f}x |")
    print(f"| opening a pool | | {1e6 * opening / count:.0f} us per image |")


def _readers(store: LocalStore, folder: str, shards: list[str]) -> list[Callable[[], object]]:
    pool = load_pool(store, 0)
    order = random.Random(0).sample(range(len(pool)), len(pool))
    urls = [str(Path(folder) / round_tar(0, shard)) for shard in shards]

    def ours(places: list[int]) -> int:
        return sum(len(pool.read(place)[1]) for place in places)

    def theirs(decodes: bool) -> int:
        samples = webdataset.WebDataset(urls, shardshuffle=False)
        return sum(len(sample["jpg"]) for sample in (samples.decode() if decodes else samples))

    return [
        lambda: ours(order),
        lambda: ours(list(range(len(pool)))),
        lambda: load_pool(store, 0),
        lambda: theirs(True),
        lambda: theirs(False),
    ]


def _write(store: LocalStore, shard: str, numbers: range) -> None:
    source = Source("detector", "f", 0, 0.91, "detector/0")
    box = (12.0, 30.5, 200.0, 180.25)
    candidate, vote = Candidate("phrase", "dog", 0.2, source), Vote(box, "dog", 0.9, 1.0, source)
    region = Region("r0", "object", box, 0.9, [candidate], 0, [vote])
    images = {f"image{number:06d}": os.urandom(IMAGE_BYTES) for number in numbers}
    record = Record("", "u", "", 640, 480, 0, [], [region] * 10)
    hashes = {key: sha256(data).hexdigest() for key, data in images.items()}
    rows = [ImageRow(key, key, ext="jpg", sha256=hashes[key], width=640, height=480) for key in images]
    write_images(store, shard, zip(rows, images.values(), strict=True))
    records = ((msgspec.structs.replace(record, key=key, sha256=hashes[key]), "jpg", images[key]) for key in images)
    index = [IndexRow(key, "", "image") for key in images]
    write_round_shard(store, 0, shard, records, index, ImageCounts(len(images), len(images)), "f")


if __name__ == "__main__":
    main()
