"""The column of corrections: appended, read in order, and no damage that goes unseen."""

import pytest

from shards.errors import DamageError
from shards.reviews import Review, append_reviews, count_reviews, read_reviews
from shards.store import open_store
from shards.verify import retire_damaged, verify

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
