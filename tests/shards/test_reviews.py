"""The column of corrections: appended, read in order, and no damage that goes unseen."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from shards.errors import DamageError
from shards.review_log import ReviewLog
from shards.reviews import (
    Review,
    adopt_reviews,
    append_reviews,
    count_reviews,
    merge_reviews,
    orphans,
    read_reviews,
)
from shards.store import FsspecStore, open_store
from shards.verify import NO_MANIFEST, retire_damaged, verify

RELABEL = Review(
    "dog", "relabel", "region", "ann", "2026-11-26T10:15:00Z", "r3", 1, "dog", (1.01, 2.0, 3.5, 4.0), new_text="cat"
)
ADD = Review(
    "sign €", "add", "ocr", "bob", "2026-11-26T10:16:00Z", new_text="EXIT", new_box=(0.0, 0.0, 9.0, 5.0),
    new_quad=(0.0, 0.0, 9.0, 0.0, 9.0, 5.0, 0.0, 5.0),
)  # fmt: skip
TEXT = Review("dog", "text", "text", "ann", "2026-11-26T10:17:00Z", "t0", 0, "a dog", None, "brief", "a fox")


def test_what_is_appended_is_read_in_the_order_it_was_written() -> None:
    store = open_store("memory://reviews-order")
    append_reviews(store, "000001", [RELABEL, ADD])
    before = {path: store.read(path) for path in store.walk()}
    append_reviews(store, "000001", [TEXT])
    append_reviews(store, "000000", [TEXT])
    assert read_reviews(store) == {"000000": [TEXT], "000001": [RELABEL, ADD, TEXT]}
    assert read_reviews(store, "000001") == {"000001": [RELABEL, ADD, TEXT]}
    assert count_reviews(store) == {"000000": 1, "000001": 3}
    assert {path: store.read(path) for path in before} == before


def test_a_corpus_without_corrections() -> None:
    store = open_store("memory://reviews-none")
    assert (read_reviews(store), count_reviews(store)) == ({}, {})


@pytest.mark.parametrize("ending", [".json", ".parquet"])
def test_damage_is_told_and_never_withdrawn(ending: str) -> None:
    store = open_store(f"memory://reviews-damage{ending}")
    append_reviews(store, "000000", [RELABEL])
    [path] = [path for path in store.walk() if path.endswith(ending)]
    data = bytearray(store.read(path))
    data[len(data) // 2] ^= 1
    store.write(path, [bytes(data)])
    report = verify(store)
    assert len(report.of_reviews) == 1
    assert retire_damaged(store, report.damages) == []
    if ending == ".json":
        with pytest.raises(DamageError, match=r"reviews/manifest/.* is damaged: restore it from a copy"):
            read_reviews(store)


def test_many_units_become_one_with_every_row_in_its_order() -> None:
    store = open_store("memory://reviews-merge")
    said = [msgspec.structs.replace(RELABEL, new_text=f"cat {number}") for number in range(5)]
    for each in said:
        append_reviews(store, "000001", [each])
    append_reviews(store, "000000", [TEXT])
    assert merge_reviews(store, most=5) == 0
    assert merge_reviews(store, most=4) == 5
    assert len([path for path in store.walk() if path.startswith("reviews/000001")]) == 1
    assert read_reviews(store) == {"000000": [TEXT], "000001": said}
    append_reviews(store, "000001", [ADD])
    assert merge_reviews(store, most=1) == 2
    assert read_reviews(store)["000001"] == [*said, ADD]
    assert count_reviews(store) == {"000000": 1, "000001": 6}
    assert verify(store).ok


class KilledError(Exception):
    pass


class Dying(FsspecStore):
    """A store whose process is killed before one of its removals."""

    left = 0

    def remove(self, path: str) -> None:
        if type(self).left == 0:
            raise KilledError
        type(self).left -= 1
        super().remove(path)


def test_a_merge_that_is_killed_anywhere_counts_nothing_twice_and_is_finished_later() -> None:
    for survived in range(7):
        url = f"memory://reviews-killed-{survived}"
        store = open_store(url)
        for each in (RELABEL, ADD, TEXT):
            append_reviews(store, "000000", [each])
        Dying.left = survived
        with pytest.raises(KilledError):
            merge_reviews(Dying(url), most=2)
        assert read_reviews(store) == {"000000": [RELABEL, ADD, TEXT]}
        assert count_reviews(store) == {"000000": 3}
        merge_reviews(store, most=1)
        assert ReviewLog(store).of({"000000"}) == {"000000": [RELABEL, ADD, TEXT]}
        assert len([path for path in store.walk() if path.endswith(".json")]) == 1


def test_who_asks_often_reads_a_unit_once_and_sees_merges() -> None:
    store = open_store("memory://reviews-log")
    log = ReviewLog(store)
    assert (log.of({"000000"}), log.counts()) == ({}, {})
    append_reviews(store, "000000", [RELABEL])
    append_reviews(store, "000000", [ADD])
    append_reviews(store, "000001", [TEXT])
    assert log.of({"000000"}) == {"000000": [RELABEL, ADD]}
    assert log.counts() == {"000000": 2, "000001": 1}
    merge_reviews(store, most=1)
    append_reviews(store, "000000", [TEXT])
    assert log.of({"000000", "000001"}) == {"000000": [RELABEL, ADD, TEXT], "000001": [TEXT]}
    [merged] = [path for path in store.walk() if path.startswith("reviews/000000") and "-m" in path]
    store.remove(merged)
    assert log.of({"000000"}) == {"000000": [RELABEL, ADD, TEXT]}, "it was read before"
    with pytest.raises(FileNotFoundError):
        ReviewLog(store).of({"000000"})


LATER = timedelta(minutes=2)


def test_corrections_without_their_manifest_are_told_and_taken_in_again() -> None:
    store = open_store("memory://reviews-alone")
    append_reviews(store, "000000", [RELABEL])
    name = append_reviews(store, "000001", [TEXT]).name
    path, manifest = f"reviews/manifest/{name}.json", store.read(f"reviews/manifest/{name}.json")
    old = f"000001-20250101{name[15:]}"
    store.remove(path)
    assert read_reviews(store) == {"000000": [RELABEL]}, "somebody may be about to write the manifest"
    store.write(f"reviews/{old}.parquet", [store.read(f"reviews/{name}.parquet")])
    store.remove(f"reviews/{name}.parquet")
    with pytest.raises(DamageError, match=rf"reviews/{old}.parquet has no manifest: .* `fld filter .*` takes"):
        read_reviews(store)
    assert read_reviews(store, "000000") == {"000000": [RELABEL]}
    [damage] = verify(store).of_reviews
    assert (damage.name, damage.damage.reason) == (old, NO_MANIFEST)
    adopt_reviews(store)
    assert read_reviews(store) == {"000000": [RELABEL], "000001": [TEXT]}
    assert verify(store).ok
    assert len(store.read(f"reviews/manifest/{old}.json")) == len(manifest)


def test_a_merge_that_was_killed_before_its_manifest_counts_only_where_its_units_are_gone() -> None:
    store = open_store("memory://reviews-half-merged")
    names = [append_reviews(store, "000000", [each]).name for each in (RELABEL, ADD, TEXT)]
    before = {path: store.read(path) for path in store.walk()}
    merge_reviews(store, most=1)
    [merged] = [path for path in store.walk() if path.endswith(".parquet")]
    store.remove(merged.replace("reviews/", "reviews/manifest/").replace(".parquet", ".json"))
    now = datetime.now(UTC) + LATER
    assert orphans(store, now) == [merged.removeprefix("reviews/").removesuffix(".parquet")]
    for path, data in before.items():
        store.write(path, [data])
    assert orphans(store, now) == []
    store.remove(f"reviews/manifest/{names[1]}.json")
    assert orphans(store, now) == [names[1]]
