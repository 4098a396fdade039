import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from shards import commit
from shards.commit import Damage, ImageCounts, Manifest
from shards.errors import CorpusError
from shards.store import LocalStore


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


def publish(store: LocalStore, name: str = "000000", content: bytes = b"content") -> Manifest:
    return commit.publish(store, "images", name, {f"{name}.tar": content}, ImageCounts(3, 1, 1, 1), "9c01f3")


@pytest.mark.parametrize("counts", [(3, 1, 1, 0), (1, 2, 0, -1), (0, 0, 1, 0)])
def test_counts_that_do_not_add_up_are_refused(counts: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="read == kept \\+ dropped \\+ failed, got ImageCounts\\(read="):
        ImageCounts(*counts)


def test_a_unit_is_done_when_it_is_published(store: LocalStore) -> None:
    assert commit.find(store, "images", "000000") is None
    manifest = publish(store)
    assert commit.find(store, "images", "000000") == manifest
    assert manifest.files == {"000000.tar": commit.FileEntry(7, "fec530a9")}
    assert store.walk() == ["images/000000.tar", "images/manifest/000000.json"]


def test_committed_lists_done_units_in_order(store: LocalStore) -> None:
    assert commit.committed(store, "images") == {}
    manifests = {name: publish(store, name) for name in ("000002", "000000", "000001")}
    store.remove("images/manifest/000001.json")
    assert list(commit.committed(store, "images").items()) == [(n, manifests[n]) for n in ("000000", "000002")]


def test_files_that_raise_leave_the_unit_undone_even_if_it_was_done_before(store: LocalStore) -> None:
    def content() -> Iterator[bytes]:
        yield b"x"
        raise RuntimeError("boom")

    publish(store)
    with pytest.raises(RuntimeError, match="boom"):
        commit.publish(store, "images", "000000", {"000000.tar": content()}, ImageCounts(0, 0), "")
    assert commit.find(store, "images", "000000") is None


def test_a_later_file_may_depend_on_an_earlier_one(store: LocalStore) -> None:
    seen: list[int] = []

    def first() -> Iterator[bytes]:
        seen.append(7)
        yield b"first"

    def second() -> Iterator[bytes]:
        yield b"%d" % seen[0]

    manifest = commit.publish(
        store, "images", "a", {"1": first(), "2": second()}, lambda: ImageCounts(seen[0], seen[0]), "f"
    )
    assert store.read("images/2") == b"7"
    assert manifest.counts == ImageCounts(7, 7)


def test_equal_units_have_equal_bytes(store: LocalStore) -> None:
    publish(store)
    first = store.read("images/manifest/000000.json")
    publish(store)
    assert store.read("images/manifest/000000.json") == first


def test_every_single_bit_of_a_manifest_counts(store: LocalStore) -> None:
    manifest = publish(store)
    good = commit.encode(manifest)
    assert commit.decode(good) == manifest
    for bit in range(len(good) * 8):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        assert commit.decode(bytes(bad)) is None, f"bit {bit}"


@pytest.mark.parametrize("torn", [b"", b"{", b"\0" * 300, b"half", b"whole and more"])
def test_a_torn_manifest_is_a_unit_not_done(store: LocalStore, torn: bytes) -> None:
    good = commit.encode(publish(store))
    data = {b"half": good[: len(good) // 2], b"whole and more": good + good}.get(torn, torn)
    store.write("images/manifest/000000.json", [data])
    assert commit.find(store, "images", "000000") is None
    assert commit.committed(store, "images") == {}


def test_a_manifest_under_another_name_does_not_count(store: LocalStore) -> None:
    store.write("images/manifest/000001.json", [commit.encode(publish(store))])
    assert commit.find(store, "images", "000001") is None


def test_a_manifest_of_another_version_is_refused(store: LocalStore) -> None:
    newer = msgspec.structs.replace(publish(store), version=4)
    store.write("images/manifest/000000.json", [commit.encode(newer)])
    with pytest.raises(CorpusError, match="manifest version must be 1 to 3, got 4: use the fld-engine release"):
        commit.committed(store, "images")


def test_a_manifest_with_a_tally_says_so_by_its_version(store: LocalStore) -> None:
    tally = {"region": {"": 7, "region.score": 160}}
    plain = publish(store, "000000")
    told = commit.publish(store, "images", "000001", {}, ImageCounts(0, 0), "f", tally)
    assert (plain.version, told.version) == (1, 2)
    assert commit.committed(store, "images")["000001"].tally == tally
    assert b"tally" not in store.read("images/manifest/000000.json")


def test_a_unit_is_extended_without_touching_what_was_there(store: LocalStore) -> None:
    before = publish(store)
    extended = commit.extend(store, "images", before, {"more/000000.parquet": b"more"}, {"region": {"": 1}})
    assert commit.find(store, "images", "000000") == extended
    assert (extended.fingerprint, extended.counts) == (before.fingerprint, before.counts)
    assert extended.files == {**before.files, "more/000000.parquet": commit.FileEntry(4, "8b52f27c")}
    assert commit.verify_unit(store, "images", extended) == []


def test_a_manifest_is_plain_json_for_everyone_else(store: LocalStore) -> None:
    publish(store)
    plain = msgspec.json.decode(store.read("images/manifest/000000.json"))
    assert plain["counts"] == {"read": 3, "kept": 1, "dropped": 1, "failed": 1}
    assert list(plain)[-1] == "checksum"


def test_verify_finds_nothing_in_a_whole_unit(store: LocalStore) -> None:
    assert commit.verify_unit(store, "images", publish(store)) == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"contenT", "CRC-32 is [0-9a-f]{8}, [0-9a-f]{8} was written"),
        (b"conten", "6 bytes, 7 were written"),
        (b"", "0 bytes, 7 were written"),
        (None, "missing"),
    ],
)
def test_verify_names_file_and_reason(store: LocalStore, content: bytes | None, reason: str) -> None:
    manifest = publish(store)
    store.remove("images/000000.tar")
    if content is not None:
        store.write("images/000000.tar", [content])
    [damage] = commit.verify_unit(store, "images", manifest)
    assert damage == Damage("images/000000.tar", damage.reason)
    assert re.fullmatch(reason, damage.reason)


def test_verify_reads_files_larger_than_one_block(store: LocalStore) -> None:
    manifest = commit.publish(store, "images", "a", {"a.tar": [b"x" * (9 << 20)] * 3}, ImageCounts(0, 0), "")
    assert manifest.files["a.tar"].bytes == 27 << 20
    assert commit.verify_unit(store, "images", manifest) == []


def test_a_retired_unit_is_not_done_but_its_files_stay(store: LocalStore) -> None:
    publish(store)
    commit.retire(store, "images", "000000")
    assert commit.find(store, "images", "000000") is None
    assert store.walk() == ["images/000000.tar"]
