"""What ingest holds per image of the corpus: `tracemalloc` over two sizes in one process, so that what is fixed is not
counted. A Python object per image would be several hundred bytes."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np

from shards.images import ImageRow, write_images
from shards.layout import shard_name
from shards.store import LocalStore
from stages.ingest.amend import amendments
from stages.ingest.duplicates import update_duplicates
from stages.ingest.fetch import Fetcher
from stages.ingest.keys import assign_keys
from stages.ingest.left_out import LeftOut
from stages.ingest.plan import extend_plan, read_plan
from stages.ingest.settings import DuplicateSettings
from stages.ingest.sources import read_sources
from tests.stages.ingest.corpora import settings

FEW, MANY = 4_000, 20_000
SHARD = 400


def bytes_per_image(run: Callable[[int], object]) -> float:
    """What the largest memory of `run(MANY)` has over that of `run(FEW)`, per image."""
    peaks: list[int] = []
    run(SHARD)  # what is imported and kept for good
    for count in (FEW, MANY):
        tracemalloc.start()
        run(count)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    return (peaks[1] - peaks[0]) / (MANY - FEW)


def test_the_search_for_duplicates_holds_hashes_and_nothing_else(tmp_path: Path) -> None:
    hashes = np.random.default_rng(0).integers(0, 2**63, MANY).tolist()
    for count in (SHARD, FEW, MANY):
        store = LocalStore(tmp_path / str(count))
        for number in range(count // SHARD):
            rows = [
                ImageRow(str(image), "", sha256=f"{image:064x}", phash=f"{hashes[image]:016x}", ext="png")
                for image in range(number * SHARD, (number + 1) * SHARD)
            ]
            write_images(store, shard_name(number), [(row, b"x") for row in rows])

    def find(count: int) -> None:
        assert update_duplicates(LocalStore(tmp_path / str(count)), DuplicateSettings()) == {}

    assert bytes_per_image(find) < 150


def test_the_list_and_the_plan_are_never_in_memory_whole(tmp_path: Path) -> None:
    for count in (SHARD, FEW, MANY):
        rows = "".join(f"hdfs://x/{image}.jpg,{image}\n" for image in range(count))  # fail before anything is read
        (tmp_path / f"{count}.csv").write_text("url,id\n" + rows)

    def plan(count: int) -> None:
        wanted, left_out = settings(shard_size=SHARD), LeftOut()
        fetcher = Fetcher(wanted.fetch)
        store, before = LocalStore(tmp_path / str(count)), read_plan(LocalStore(tmp_path / str(count)), SHARD)
        entries = read_sources([str(tmp_path / f"{count}.csv")], wanted, fetcher.read_list, left_out)
        listing, _ = assign_keys(entries, wanted, before)
        changes = amendments(store, before, listing, lambda entry: b"", left_out)
        after = extend_plan(store, before, listing, changes.entries)
        assert sum(len(images) for _, images in after.shards()) == count

    assert bytes_per_image(plan) < 150  # the file of the list is among it
    assert bytes_per_image(plan) < 150  # again: the plan is read, and compared with the list
