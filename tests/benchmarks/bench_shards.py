"""The corpus store against its ceilings: `python -m tests.benchmarks.bench_shards [--quick]`.

Prints one markdown table; every row is a ratio or a rate measured within this run, median of 5 (of CPU time, not wall
time, so that other work on the machine matters little). Samples are 100 kB original + 4 kB record, 1,000 per shard,
written to a temporary folder.
"""

import argparse
import io
import os
import random
import statistics
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import msgspec
import webdataset

from shards import commit, table, tar
from shards.commit import ImageCounts
from shards.finding import Detection, Finding
from shards.images import ImageRow, write_images
from shards.layout import shard_name
from shards.raw import RawRow, write_raw
from shards.record import Candidate, Record, Region, Source, Vote
from shards.rounds import IndexRow, read_index, write_round_shard
from shards.store import LocalStore

REPEATS = 5
Samples = list[tuple[str, bytes, bytes]]


def cpu_s(*works: Callable[[], object]) -> list[float]:
    """Median CPU seconds of each work; the works take turns, so that drift hits all alike."""
    times: list[list[float]] = [[] for _ in works]
    for _ in range(REPEATS):
        for index, work in enumerate(works):
            start = time.process_time()
            work()
            times[index].append(time.process_time() - start)
    return [statistics.median(each) for each in times]


def make_samples(count: int) -> Samples:
    original, text = os.urandom(100_000), b"x" * 4_000
    return [(f"image{number:05d}", original, text) for number in range(count)]


def members(samples: Samples) -> Iterator[tuple[str, bytes]]:
    for key, original, text in samples:
        yield f"{key}.jpg", original
        yield f"{key}.json", text


def writers(folder: Path, samples: Samples) -> list[str]:
    """Ours (with checksum, fsync, rename, manifest) against raw, tarfile and webdataset."""
    plain = LocalStore(folder, sync=lambda descriptor: None)
    durable = LocalStore(folder)
    counts = ImageCounts(len(samples), len(samples))

    def with_tarfile() -> None:
        with tarfile.open(folder / "tarfile.tar", "w", format=tarfile.USTAR_FORMAT) as archive:
            for name, data in members(samples):
                info = tarfile.TarInfo(name)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))

    def with_webdataset(mtime: float | None) -> None:
        with webdataset.TarWriter(str(folder / "wds.tar"), mtime=mtime) as archive:
            for key, original, text in samples:
                archive.write({"__key__": key, "jpg": original, "json": text})

    def ours(store: LocalStore) -> None:
        commit.publish(store, "ours", "a", {"a.tar": tar.stream(members(samples), [])}, counts, "f")

    raw, synced, unsynced, python, clock, zero = cpu_s(
        lambda: plain.write("raw.tar", tar.stream(members(samples), [])),
        lambda: ours(durable),
        lambda: ours(plain),
        with_tarfile,
        lambda: with_webdataset(None),
        lambda: with_webdataset(0),
    )
    each = 1e6 / len(samples)
    return [
        row("writer incl. CRC-32, unsynced, vs raw ustar without", ">= 0.5x", f"{raw / unsynced:.2f}x"),
        row("writer incl. CRC-32 and fsync vs tarfile", ">= 1.5x", f"{python / synced:.2f}x"),
        row("writer incl. CRC-32 and fsync vs webdataset.TarWriter", ">= 2.5x", f"{clock / synced:.2f}x"),
        row("... vs webdataset.TarWriter(mtime=0)", "", f"{zero / synced:.2f}x"),
        row("durable commit (fsync, rename, manifest) vs none", "<= 1.15x CPU", f"{synced / unsynced:.2f}x"),
        row("us CPU per sample: raw, ours, tarfile, webdataset", "",
            " / ".join(f"{value * each:.0f}" for value in (raw, synced, python, clock))),
    ]  # fmt: skip


def writer_path(folder: Path, samples: Samples) -> list[str]:
    """Everything that is written about an image with 10 annotations by a null model: image shard, raw column, round."""
    store = LocalStore(folder)
    source = Source("detector", "f", 0, 0.91, "detector/0")
    box = (12.0, 30.5, 200.0, 180.25)
    found: list[Finding] = [Detection("dog", 0.91, box=box)] * 10
    region = Region(
        "r0", "object", box, 0.9, [Candidate("phrase", "dog", 0.2, source)], 0, [Vote(box, "dog", 0.9, 1.0, source)]
    )
    one = Record("", "u", "", 640, 480, 0, [], [region] * 10)
    counts = ImageCounts(len(samples), len(samples))

    def images() -> None:
        rows = ((ImageRow(key, key, ext="jpg", sha256="00"), original) for key, original, _ in samples)
        write_images(store, "000000", rows)

    def annotations() -> None:
        write_raw(store, "detector", "f", "000000", [RawRow(key, findings=found) for key, _, _ in samples])

    def round_() -> None:
        index = []
        for key, _, _ in samples:
            index.append(IndexRow(key, "", "image"))
            index += [IndexRow(key, "r0", "region", "detector", "f", "detector/0", text="dog", score=0.9, box=box)] * 10
        records = ((msgspec.structs.replace(one, key=key), "jpg", original) for key, original, _ in samples)
        write_round_shard(store, 0, "000000", records, index, counts, "f")

    first, second, third = (value * 1e6 / len(samples) for value in cpu_s(images, annotations, round_))
    return [
        row("writing a round (record, tar, index, fsync, manifest), null model", "<= 170 us/image", f"{third:.0f} us"),
        row("... image shard, raw column of 10 findings", "", f"{first:.0f} us, {second:.0f} us"),
        row("raw column", ">= 100k findings/cpu-s", f"{10e6 / second / 1e3:.0f}k/cpu-s"),
    ]


def index(folder: Path, rows_count: int) -> list[str]:
    """The index of shards of 10,000 rows, and sweeps over all of it."""
    store = LocalStore(folder)
    per_shard = 10_000
    rows = index_rows(per_shard)
    records = [Record(row.key, "u", "", 640, 480, 0) for row in rows if row.type == "image"]
    counts = ImageCounts(len(records), len(records))

    def write(shard: str) -> None:
        write_round_shard(store, 0, shard, ((record, "jpg", b"") for record in records), rows, counts, "f")

    for number in range(rows_count // per_shard):
        write(shard_name(number))
    columns = read_index(store, 0, "000000")
    whole, encoding = cpu_s(lambda: write("000000"), lambda: table.encode(columns))
    size = os.path.getsize(folder / "rounds/00/index/000000.parquet") / per_shard
    pattern = f"'{folder}/rounds/00/index/*.parquet'"
    cuts = ", ".join(f"count(*) FILTER (score >= {cut / 10})" for cut in range(10))
    with duckdb.connect() as database:
        database.execute(f"CREATE TABLE loaded AS SELECT score, kept, type FROM {pattern}")
        sweeps = [sweep_s(database, cuts, source) for source in (pattern, "loaded")]
    return [
        row("index: Arrow columns to parquet", ">= 1.5 M rows/cpu-s", f"{per_shard / encoding / 1e6:.2f} M rows/cpu-s"),
        row("index: `IndexRow`s, records and tar to disk", "", f"{per_shard / whole / 1e6:.2f} M rows/cpu-s"),
        row("index size", "<= 30 B/row", f"{size:.1f} B/row"),
        row(f"10-cut sweep on {rows_count:,} rows: {rows_count // per_shard} files, loaded", "<= 0.2 s",
            f"{sweeps[0]:.3f} s, {sweeps[1]:.3f} s"),
    ]  # fmt: skip


def sweep_s(database: duckdb.DuckDBPyConnection, cuts: str, source: str) -> float:
    return statistics.median(
        wall_s(lambda: database.execute(f"SELECT {cuts} FROM {source}").fetchall()) for _ in range(5)
    )


def index_rows(count: int) -> list[IndexRow]:
    """An image row and nine regions per image, with random boxes, scores and labels."""
    chance = random.Random(0)
    rows = []
    for number in range(count):
        key, position = f"photos/{number // 10:06d}", number % 10
        if position == 0:
            rows.append(IndexRow(key, "", "image"))
            continue
        x0, y0, x1, y1 = (round(chance.uniform(0, 640), 2) for _ in range(4))
        label, score = f"label {chance.randrange(300)}", round(chance.random(), 4)
        ref = f"detector/{position}"
        rows.append(
            IndexRow(key, f"r{position}", "region", "detector", "3fa9c1", ref, None, label, score, (x0, y0, x1, y1))
        )
    return rows


def resume(folder: Path, shards: int) -> list[str]:
    """Which shards are done? One manifest per 1,000 images."""
    store = LocalStore(folder, sync=lambda descriptor: None)
    for number in range(shards):
        commit.publish(store, "images", shard_name(number), {}, ImageCounts(1000, 1000), "f")
    seconds = statistics.median(wall_s(lambda: commit.committed(store, "images")) for _ in range(5))
    return [row(f"resume scan of {shards * 1000:,} committed images", "<= 10 s", f"{seconds:.2f} s")]


def wall_s(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def row(what: str, wanted: str, got: str) -> str:
    return f"| {what} | {wanted} | {got} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the data, to see that it runs")
    scale = 10 if parser.parse_args().quick else 1
    print("| what | target | measured |\n|---|---|---|")
    samples = make_samples(1000 // scale)
    parts: list[Callable[[Path], list[str]]] = [
        lambda folder: writers(folder, samples),
        lambda folder: writer_path(folder, samples),
        lambda folder: index(folder, 1_000_000 // scale),
        lambda folder: resume(folder, 1000 // scale),
    ]
    for part in parts:
        with tempfile.TemporaryDirectory() as folder:
            print("\n".join(part(Path(folder))), flush=True)


if __name__ == "__main__":
    main()
