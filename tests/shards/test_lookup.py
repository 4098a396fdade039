import pytest

from shards import commit, lookup
from shards.images import write_images
from shards.layout import shard_name
from shards.lookup import complete_lookup, find_key
from shards.store import LocalStore
from shards.verify import verify
from tests.shards.corpora import build_corpus, failed_row, image_bytes, image_row
from tests.shards.test_reader import CountingStore


@pytest.fixture
def store(tmp_path: object) -> LocalStore:
    return LocalStore(str(tmp_path))


def add_shard(store: LocalStore, number: int, images: int = 3) -> None:
    keys = [f"s{number}/image{index}" for index in range(images)]
    samples = [(image_row(key, image_bytes(key)), image_bytes(key)) for key in keys]
    write_images(store, shard_name(number), samples)


def test_every_key_is_found_by_the_lookup_alone(store: LocalStore) -> None:
    build_corpus(store, shards=3, images=4)
    assert complete_lookup(store) == 3
    assert complete_lookup(store) == 0
    counting = CountingStore(store)
    for number in range(3):
        assert list(find_key(counting, f"s{number}/image1")) == [(shard_name(number), 2)]
        assert list(find_key(counting, f"s{number}/broken")) == [(shard_name(number), 1)]
    assert list(find_key(counting, "nobody")) == []
    assert counting.bytes_read < 7 * (16 + 15 * 16 + 1), "no table was read"
    assert verify(store).ok
    assert verify(store).orphans == []


def test_shards_without_lookup_are_read(store: LocalStore) -> None:
    build_corpus(store, shards=1)
    assert list(find_key(store, "s0/image2")) == [("000000", 3)]
    complete_lookup(store)
    add_shard(store, 1)
    assert list(find_key(store, "s1/image2")) == [("000001", 2)]
    assert complete_lookup(store) == 1
    assert store.names("images/lookup") == ["000000-000000.keys", "000001-000001.keys"]


@pytest.mark.thorough
def test_many_parts_become_one(store: LocalStore) -> None:
    for number in range(lookup.MAX_PARTS + 1):
        add_shard(store, number, images=1)
        complete_lookup(store)
    assert store.names("images/lookup") == ["000000-000016.keys"]
    assert list(commit.committed(store, "images/lookup")) == ["000000-000016"]
    assert all(list(find_key(store, f"s{number}/image0")) == [(shard_name(number), 0)] for number in range(17))
    assert verify(store).orphans == []


def test_a_key_is_found_among_many_with_one_small_read(store: LocalStore) -> None:
    write_images(store, "000000", [(failed_row(f"photo {number}"), None) for number in range(20_000)])
    complete_lookup(store)
    counting = CountingStore(store)
    for number in range(0, 20_000, 997):
        counting.bytes_read = 0
        assert list(find_key(counting, f"photo {number}")) == [("000000", number)]
        assert counting.bytes_read <= 16 + 4096 * 16


@pytest.mark.parametrize("content", [b"FLDKE", b"FLDKEYS1" + (5).to_bytes(8, "little"), b"NO" * 60])
def test_a_lookup_that_is_cut_off_or_foreign_is_not_used(store: LocalStore, content: bytes) -> None:
    build_corpus(store, shards=1)
    complete_lookup(store)
    store.write("images/lookup/000000-000000.keys", [content])
    assert list(find_key(store, "s0/image2")) == [("000000", 3)]
    assert not verify(store).ok
