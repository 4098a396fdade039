from pathlib import Path

from shards.images import ImageRow, write_images
from shards.store import LocalStore
from stages.ingest.duplicates import (
    DUPLICATES,
    Duplicate,
    DuplicateDrop,
    dropped_images,
    read_duplicates,
    update_duplicates,
)
from stages.ingest.settings import DuplicateSettings


def row(key: str, content: str, phash: int = 0) -> ImageRow:
    return ImageRow(key=key, uri=key, sha256=content, phash=f"{phash:016x}", width=1, height=1, ext="png")


def found(store: LocalStore, *rows: ImageRow, distance: int = 4) -> list[tuple[str, str, str, int]]:
    write(store, "000000", *rows)
    update_duplicates(store, DuplicateSettings(distance=distance))
    return [(each.key, each.duplicate_of, each.kind, each.distance) for each in read_duplicates(store)]


def write(store: LocalStore, shard: str, *rows: ImageRow) -> None:
    write_images(store, shard, [(image, b"x" if image.status == "ok" else None) for image in rows])


def test_the_first_in_the_list_is_the_original(store: LocalStore) -> None:
    assert found(store, row("a", "x"), row("b", "x"), row("c", "x")) == [("b", "a", "exact", 0), ("c", "a", "exact", 0)]


def test_a_hash_at_the_distance_is_near_and_one_bit_more_is_not(store: LocalStore) -> None:
    rows = [row("a", "1"), row("b", "2", 0b1111), row("c", "3", 0b11111 << 40)]
    assert found(store, *rows, distance=4) == [("b", "a", "near", 4)]


def test_failed_images_are_not_compared(store: LocalStore) -> None:
    failed = ImageRow(key="b", uri="b", status="failed", stage="decode", error="empty: no bytes", sha256="x")
    assert found(store, row("a", "x"), failed) == []


def test_a_slow_drift_is_cut_where_it_went_too_far(store: LocalStore) -> None:
    drift = [row(str(step), str(step), (1 << 3 * step) - 1) for step in range(5)]
    assert found(store, *drift, distance=4) == [("1", "0", "near", 3), ("3", "2", "near", 3)]


def test_a_copy_of_a_near_duplicate_is_both(store: LocalStore) -> None:
    rows = [row("a", "1"), row("b", "2", 1), row("c", "2", 1)]
    assert found(store, *rows) == [("b", "a", "near", 1), ("c", "b", "exact", 0), ("c", "a", "near", 1)]


def test_the_table_is_written_once_and_appending_changes_no_earlier_row(tmp_path: Path) -> None:
    store, settings = LocalStore(tmp_path), DuplicateSettings()
    write(store, "000000", row("a", "1"), row("b", "1"), row("c", "3", 0xFF))
    assert update_duplicates(store, settings) == {"exact": 1}
    first = [Duplicate("b", "000000", "a", "exact", 0)]
    assert read_duplicates(store) == first
    path = tmp_path / DUPLICATES / "000000.parquet"
    stamp = path.stat().st_mtime_ns
    assert update_duplicates(store, settings) == {"exact": 1}
    assert path.stat().st_mtime_ns == stamp

    write(store, "000001", row("d", "3", 0xFF), row("e", "5", 0xFE))
    assert update_duplicates(store, settings) == {"exact": 2, "near": 1}
    assert read_duplicates(store) == [
        *first,
        Duplicate("d", "000001", "c", "exact", 0),
        Duplicate("e", "000001", "c", "near", 1),
    ]

    other = LocalStore(tmp_path / "at-once")
    write(other, "000000", row("a", "1"), row("b", "1"), row("c", "3", 0xFF))
    write(other, "000001", row("d", "3", 0xFF), row("e", "5", 0xFE))
    update_duplicates(other, settings)
    assert (tmp_path / "at-once" / DUPLICATES / "000000.parquet").read_bytes() == path.read_bytes()


def test_another_distance_compares_again(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    write(store, "000000", row("a", "1"), row("b", "2", 0xFF))
    assert update_duplicates(store, DuplicateSettings(distance=4)) == {}
    assert update_duplicates(store, DuplicateSettings(distance=8)) == {"near": 1}


def test_dropped_images_follow_the_settings(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    write(store, "000000", row("a", "1"), row("b", "1"), row("c", "3", 1))
    update_duplicates(store, DuplicateSettings())
    exact, near = DuplicateDrop("exact_duplicate", "a", 0), DuplicateDrop("near_duplicate", "a", 1)
    assert dropped_images(store, DuplicateSettings()) == {}
    assert dropped_images(store, DuplicateSettings(exact="drop")) == {"000000": {"b": exact}}
    assert dropped_images(store, DuplicateSettings(near="drop")) == {"000000": {"b": exact, "c": near}}


def test_without_a_table_nothing_is_dropped(tmp_path: Path) -> None:
    assert dropped_images(LocalStore(tmp_path), DuplicateSettings(exact="drop")) == {}
