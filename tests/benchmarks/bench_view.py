"""The viewer on a million images: `python -m tests.benchmarks.bench_view [--quick]`.

The overview is simulated: a million rows with the spread of labels, rules and numbers that a round has, 12 words of
caption each; every row points at one real record, so that a page reads its 60 records as it would. Prints one markdown
table of seconds, the best of 3 (never the same question twice: nothing is answered from memory), and of CPU seconds
against DuckDB on the same file. The lookup of keys is real, in a corpus of its own.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from starlette.testclient import TestClient

from engine.view.app import build_app
from engine.view.query import FACETS, RANGES
from shards import commit, overview, summary, table
from shards.commit import ImageCounts
from shards.images import ImageRow, write_images
from shards.layout import shard_name
from shards.lookup import complete_lookup, find_key
from shards.reader import Corpus
from shards.store import LocalStore
from tests.engine.view.corpora import build_viewed

PART = 50_000
LABELS, RULES, ANNOTATORS = 300, 6, 7
WORDS = ["a", "the", "dog", "cat", "man", "red", "blue", "car", "tree", "sits", "on", "under", "street", "ball", "runs"]


def simulated(images: int, place: dict[str, Any]) -> Iterator[pa.Table]:
    """Tables of an overview, `PART` images each."""
    chance = np.random.default_rng(0)
    weight = 1 / np.arange(1, LABELS + 1)
    for start in range(0, images, PART):
        count = min(PART, images - start)
        columns = {name: pa.array([place[name]] * count, summary.SCHEMA.field(name).type) for name in place}
        words = np.array(WORDS)[chance.integers(0, len(WORDS), (count, 12))]
        columns["key"] = pa.array([f"photos/{start + at:08d}.{chance.integers(1 << 30):08x}" for at in range(count)])
        columns["caption"] = pa.array([" ".join(row) for row in words.tolist()])
        columns["shuffle"] = pa.array(chance.integers(0, 1 << 32, count), pa.uint32())
        columns["score_min"] = pa.array(chance.random(count).astype(np.float32))
        columns["status"] = pa.array(chance.choice(["kept", "dropped", "failed"], count, p=[0.97, 0.02, 0.01]))
        for name, most in (("objects", 9), ("dropped_regions", 200), ("words", 4), ("fewest_votes", 4)):
            columns[name] = pa.array(chance.integers(0, most, count).astype(np.int32))
        for name, kinds, length in (("labels", LABELS, 5), ("annotators", ANNOTATORS, 7), ("rules", RULES, 3)):
            share = weight / weight.sum() if kinds == LABELS else None
            values = chance.choice(kinds, count * length, p=share).astype(np.int32)
            offsets = np.arange(0, count * length + 1, length, dtype=np.int32)
            columns[name] = pa.ListArray.from_arrays(pa.array(offsets), pa.array(values))
        yield pa.Table.from_arrays([columns[name] for name in overview.SCHEMA.names], schema=overview.SCHEMA)


def build(folder: Path, images: int) -> None:
    """A small corpus whose round 0 says that it has a million images."""
    store = LocalStore(folder)
    build_viewed(store, images=4, rounds=1, shards=1)
    place = Corpus(store).round(0).find("set/000")
    named = [("labels", LABELS), ("annotators", ANNOTATORS), ("rules", RULES)]
    names = [(column, f"{column} {at}") for column, kinds in named for at in range(kinds)]
    columns = [pa.array([row[at] for row in names]) for at in range(2)]
    files = {
        overview.IMAGES_FILE: table.encode_parts(simulated(images, place), overview.SCHEMA),
        overview.NAMES_FILE: [table.encode(pa.Table.from_arrays(columns, schema=overview.NAMES))],
    }
    version = f"version={summary.VERSION}"
    commit.publish(store, overview.overview_folder(0), overview.NAME, files, ImageCounts(images, images), version)


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """(wall, CPU) seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def ask(client: TestClient, *paths: str) -> tuple[float, float]:
    """The best wall time of several questions of one kind, and its CPU time."""

    def get(path: str) -> Callable[[], object]:
        return lambda: client.get(path).raise_for_status()

    return min(timed(get(path)) for path in paths)


def viewer(folder: Path, images: int) -> list[str]:
    build(folder, images)
    store = LocalStore(folder)
    app = build_app(store, "simulated", "token", {})
    client = TestClient(app, base_url="http://localhost/token/")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    first = timed(lambda: client.get("./").raise_for_status())
    parts = [f"facet?name={name}" for name in FACETS if name != "change"] + [
        f"histogram?name={name}" for name in RANGES
    ]
    cold = [ask(client, part) for part in parts]
    warm = [ask(client, *(f"{part}&label=labels+{at}" for at in (1, 2, 3))) for part in parts]
    label = min(timed(lambda: client.get("facet?name=label&status=kept")) for _ in range(3))
    page = ask(client, *(f"./?label=labels+{at}&sort=score" for at in (4, 5, 6)))
    deep = ask(client, *(f"./?sort=random&page={images // 60 - at}" for at in (2, 3, 4)))
    text = ask(client, "./?q=dog+cat", "./?q=red+car", "./?q=tree+runs")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    file = folder / overview.overview_folder(0) / overview.IMAGES_FILE
    rival = min(timed(lambda: _duckdb(file)) for _ in range(3))
    return [
        row(f"{images:,} images, {file.stat().st_size / images:.0f} B each on disk: open, first page", "< 1 s", first),
        row("slowest facet or histogram, first time", "", max(cold)),
        row("slowest facet or histogram under a filter, new each time", "< 0.5 s", max(warm)),
        row("filter, sort by score, page of 60 with records", "< 0.5 s", page),
        row("last pages of the random order", "< 0.5 s", deep),
        row("text search, first page", "< 0.5 s", text),
        f"| memory: all of it, {memory / 1e6:.2f} GB; before the first page {before / 1e6:.2f} GB | < 1 GB | |",
        f"| label facet, CPU: DuckDB on the same file against ours | | {rival[1]:.2f} s / {label[1]:.2f} s ="
        f" {rival[1] / label[1]:.1f}x |",
    ]


def _duckdb(file: Path) -> None:
    with duckdb.connect() as database:
        asked = f"SELECT n, count(*) FROM (SELECT unnest(labels) n FROM '{file}' WHERE status = 'kept') GROUP BY 1"
        database.execute(asked).fetchall()


def lookup(folder: Path, images: int) -> list[str]:
    """A key in a corpus without any other index."""
    store = LocalStore(folder, sync=lambda _: None)
    for shard in range(images // 1000):
        rows = ((ImageRow(f"k{shard:04d}{at:04d}", "u", "failed", "fetch", "x"), None) for at in range(1000))
        write_images(store, shard_name(shard), rows)
    scan = timed(lambda: list(find_key(store, "k00050500")))
    made = timed(lambda: complete_lookup(store))
    found = min(timed(partial(_found, store, f"k0005{at:04d}")) for at in range(20))
    return [
        row(f"a key among {images:,}: by the lookup", "< 0.05 s", found),
        row("... without it: every shard is read", "", scan),
        row("... writing it, once per ingest", "", made),
    ]


def _found(store: LocalStore, key: str) -> None:
    [(shard, _)] = find_key(store, key)
    assert shard == "000005"


def row(what: str, wanted: str, got: tuple[float, float]) -> str:
    return f"| {what} | {wanted} | {got[0]:.3f} s wall, {got[1]:.3f} s CPU |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a twentieth of the images, to see that it runs")
    images = 50_000 if parser.parse_args().quick else 1_000_000
    print("| what | target | measured |\n|---|---|---|")
    for part in (viewer, lookup):
        with tempfile.TemporaryDirectory() as folder:
            print("\n".join(part(Path(folder), images)), flush=True)


if __name__ == "__main__":
    main()
