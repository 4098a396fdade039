from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from shards.images import ImageRow, write_images
from shards.store import LocalStore
from stages.ingest.duplicates import (
    DUPLICATES,
    Duplicate,
    DuplicateDrop,
    NearIndex,
    dropped_keys,
    find_duplicates,
    read_duplicates,
    update_duplicates,
)
from stages.ingest.settings import DuplicateSettings


def row(key: str, content: str, phash: int = 0) -> ImageRow:
    return ImageRow(key=key, uri=key, sha256=content, phash=f"{phash:016x}", width=1, height=1, ext="png")


def found(rows: Iterable[ImageRow], distance: int = 4) -> list[tuple[str, str, str, int]]:
    numbered = (("000000", image) for image in rows)
    return [(each.key, each.duplicate_of, each.kind, each.distance) for each in find_duplicates(numbered, distance)]


def write(store: LocalStore, shard: str, *rows: ImageRow) -> None:
    write_images(store, shard, [(image, b"x") for image in rows])


def test_the_first_in_the_list_is_the_original() -> None:
    assert found([row("a", "x"), row("b", "x"), row("c", "x")]) == [("b", "a", "exact", 0), ("c", "a", "exact", 0)]


def test_a_hash_at_the_distance_is_near_and_one_bit_more_is_not() -> None:
    rows = [row("a", "1"), row("b", "2", 0b1111), row("c", "3", 0b11111 << 40)]
    assert found(rows, distance=4) == [("b", "a", "near", 4)]


def test_failed_images_are_not_compared() -> None:
    failed = ImageRow(key="b", uri="b", status="failed", stage="decode", error="empty: no bytes", sha256="x")
    assert found([row("a", "x"), failed]) == []


def test_a_slow_drift_is_cut_where_it_went_too_far() -> None:
    drift = [row(str(step), str(step), (1 << 3 * step) - 1) for step in range(5)]
    assert found(drift, distance=4) == [("1", "0", "near", 3), ("3", "2", "near", 3)]


def test_a_copy_of_a_near_duplicate_is_both() -> None:
    rows = [row("a", "1"), row("b", "2", 1), row("c", "2", 1)]
    assert found(rows) == [("b", "a", "near", 1), ("c", "b", "exact", 0), ("c", "a", "near", 1)]


@pytest.mark.parametrize("distance", [0, 3, 4, 7, 8, 12, 15])
def test_the_index_finds_what_a_full_comparison_finds(distance: int) -> None:
    rng = np.random.default_rng(distance)
    values: list[int] = []
    for _ in range(400):
        base = int(rng.integers(0, 2**63)) if not values or rng.random() < 0.4 else values[rng.integers(len(values))]
        for bit in rng.choice(64, rng.integers(0, distance + 3), replace=False):
            base ^= 1 << int(bit)
        values.append(base)
    index = NearIndex(distance)
    for number, value in enumerate(values):
        near = [other for other in range(number) if (values[other] ^ value).bit_count() <= distance]
        wanted = (str(near[0]), (values[near[0]] ^ value).bit_count()) if near else None
        assert index.find(value) == wanted
        index.add(str(number), value)


def test_the_table_is_written_once_and_appending_changes_no_earlier_row(tmp_path: Path) -> None:
    store, settings = LocalStore(tmp_path), DuplicateSettings()
    write(store, "000000", row("a", "1"), row("b", "1"), row("c", "3", 0xFF))
    first = update_duplicates(store, settings)
    assert first == [Duplicate("b", "000000", "a", "exact", 0)]
    path = tmp_path / DUPLICATES / "000000.parquet"
    stamp = path.stat().st_mtime_ns
    assert update_duplicates(store, settings) == first
    assert path.stat().st_mtime_ns == stamp

    write(store, "000001", row("d", "3", 0xFF), row("e", "5", 0xFE))
    second = update_duplicates(store, settings)
    assert second == [
        *first,
        Duplicate("d", "000001", "c", "exact", 0),
        Duplicate("e", "000001", "c", "near", 1),
    ]
    assert read_duplicates(store) == second

    other = LocalStore(tmp_path / "at-once")
    write(other, "000000", row("a", "1"), row("b", "1"), row("c", "3", 0xFF))
    write(other, "000001", row("d", "3", 0xFF), row("e", "5", 0xFE))
    update_duplicates(other, settings)
    assert (tmp_path / "at-once" / DUPLICATES / "000000.parquet").read_bytes() == path.read_bytes()


def test_another_distance_compares_again(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    write(store, "000000", row("a", "1"), row("b", "2", 0xFF))
    assert update_duplicates(store, DuplicateSettings(distance=4)) == []
    assert [each.key for each in update_duplicates(store, DuplicateSettings(distance=8))] == ["b"]


def test_dropped_keys_follow_the_settings(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    write(store, "000000", row("a", "1"), row("b", "1"), row("c", "3", 1))
    update_duplicates(store, DuplicateSettings())
    exact, near = DuplicateDrop("exact_duplicate", "a", 0), DuplicateDrop("near_duplicate", "a", 1)
    assert dropped_keys(store, DuplicateSettings()) == {}
    assert dropped_keys(store, DuplicateSettings(exact="drop")) == {"b": exact}
    assert dropped_keys(store, DuplicateSettings(near="drop")) == {"b": exact, "c": near}


def test_without_a_table_nothing_is_dropped(tmp_path: Path) -> None:
    assert dropped_keys(LocalStore(tmp_path), DuplicateSettings(exact="drop")) == {}
