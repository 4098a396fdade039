"""Gold of both formats, and everything that makes it no gold."""

import hashlib
import tracemalloc
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from msgspec.structs import replace

from shards.images import ImageRow
from shards.record import encode
from shards.store import open_store
from shards.summary import label_of
from stages.evaluate.gold import gold_of
from stages.evaluate.report import measure_records
from stages.export.categories import Categories
from stages.export.coco import Instances
from stages.export.sample import Sample
from stages.held_out import is_held_out
from stages.ingest.entry import SourceError
from stages.ingest.settings import IngestSettings
from stages.scenes.gold import draw_scene

GOLD = [draw_scene(7, index).record for index in range(4)]
SETTINGS = IngestSettings()


def row(key: str, sha256: str = "00000000", size: int = 256) -> ImageRow:
    return ImageRow(key, key, sha256=sha256, width=size, height=size)


ROWS = [replace(row(each.key), width=each.width, height=each.height) for each in GOLD]


def records_file(folder: Path) -> str:
    path = folder / "gold.jsonl"
    path.write_bytes(b"\n".join(encode(each) for each in GOLD))
    return str(path)


def coco_file(folder: Path) -> str:
    path = folder / "instances.json"
    categories = Categories(open_store("memory://gold"))
    categories.learn({label_of(region) for each in GOLD for region in each.regions})
    file = Instances(path, categories, ExitStack())
    for each in GOLD:
        file.add(Sample(each, "train", f"{each.key}.jpg", each.uri, b""))
    file.close()
    return str(path)


def test_gold_of_images_elsewhere_is_left_out_and_counted(tmp_path: Path) -> None:
    found = gold_of(records_file(tmp_path), [*ROWS[:2], row("other")], SETTINGS, None)
    assert [each.key for each in found.records] == [GOLD[0].key, GOLD[1].key]
    assert (found.read, found.elsewhere, found.unlabelled, found.left_out) == (4, 2, 1, 0)


HASHES = [hashlib.sha256(str(i).encode()).hexdigest() for i in range(50)]
HELD_OUT = next(each for each in HASHES if is_held_out(each, 0.5))
TRAINED_ON = next(each for each in HASHES if not is_held_out(each, 0.5))


def test_held_out_goes_by_the_corpus_s_own_hash(tmp_path: Path) -> None:
    rows = [row(GOLD[0].key, HELD_OUT), row(GOLD[1].key, TRAINED_ON)]
    found = gold_of(records_file(tmp_path), rows, SETTINGS, 0.5)
    assert ([each.key for each in found.records], found.left_out) == ([GOLD[0].key], 1)


def test_coco_gold_is_the_records_objects(tmp_path: Path) -> None:
    found = gold_of(coco_file(tmp_path), ROWS, SETTINGS, None)
    table = measure_records(GOLD, found.records, 0, ["boxes", "masks", "regions"])
    assert table["boxes/f1"].value == pytest.approx(1.0)
    assert table["masks/iou"].value > 0.95
    assert table["regions/accuracy"].value <= 1.0


def test_gold_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    path = records_file(tmp_path)
    with pytest.raises(SourceError, match=r"is no file: give a gold\.jsonl or a COCO instances json"):
        gold_of(str(tmp_path / "none"), ROWS, SETTINGS, None)
    (tmp_path / "empty.jsonl").write_bytes(b"\n")
    with pytest.raises(SourceError, match=r"empty\.jsonl: there is nothing in it: give a gold\.jsonl or a COCO"):
        gold_of(str(tmp_path / "empty.jsonl"), ROWS, SETTINGS, None)
    with pytest.raises(SourceError, match="none of its 4 images is in the corpus"):
        gold_of(path, [row("other")], SETTINGS, None)
    with pytest.raises(SourceError, match="none of its 1 images in the corpus is held out"):
        gold_of(path, [row(GOLD[0].key, TRAINED_ON)], SETTINGS, 0.5)
    with pytest.raises(SourceError, match="must be 99x99, the size of the oriented image in the corpus, got"):
        gold_of(coco_file(tmp_path), [row(GOLD[0].key, size=99)], SETTINGS, None)


def test_images_without_gold_are_not_kept_in_memory(tmp_path: Path) -> None:
    path = records_file(tmp_path)

    def rows(others: int) -> Iterator[ImageRow]:
        yield from ROWS
        for number in range(others):
            yield row(f"other/{number:06d}")

    def peak(others: int) -> int:
        tracemalloc.start()
        found = gold_of(path, rows(others), SETTINGS, None)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert found.unlabelled == others + len(ROWS) - len(found.records)
        return most

    assert peak(5000) < 1.1 * peak(50)
