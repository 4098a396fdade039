from collections.abc import Iterable
from pathlib import Path

import pyarrow.compute as pc
import pytest

from shards.errors import CorpusError, DamageError
from shards.lookup import complete_lookup
from shards.reader import Corpus
from shards.store import LocalStore
from tests.shards.corpora import build_corpus, build_round, image_bytes


class CountingStore:
    """Counts the bytes that are read through it."""

    def __init__(self, inner: LocalStore) -> None:
        self.url = inner.url
        self.inner = inner
        self.bytes_read = 0

    def read(self, path: str, start: int = 0, end: int | None = None) -> bytes:
        data = self.inner.read(path, start, end)
        self.bytes_read += len(data)
        return data

    def write(self, path: str, chunks: Iterable[bytes]) -> None:
        self.inner.write(path, chunks)

    def names(self, folder: str) -> list[str]:
        return self.inner.names(folder)

    def remove(self, path: str) -> None:
        self.inner.remove(path)

    def walk(self) -> list[str]:
        return self.inner.walk()


@pytest.fixture
def store(tmp_path: object) -> LocalStore:
    store = LocalStore(str(tmp_path))
    build_corpus(store, shards=2, images=3)
    return store


def test_rounds_and_shards_are_listed(store: LocalStore) -> None:
    corpus = Corpus(store.url)
    build_round(store, "000001", number=3)
    store.write("rounds/04/report/stats.json", [b"{}"])
    assert corpus.rounds() == [0, 3]
    assert list(corpus.shards()) == ["000000", "000001"]
    assert corpus.round(0).shards() == ["000000", "000001"]
    assert corpus.round(3).shards() == ["000001"]


def test_few_records_of_a_shard_are_read_alone(tmp_path: Path) -> None:
    store = CountingStore(LocalStore(str(tmp_path)))
    build_corpus(store, shards=1, images=40)
    round_ = Corpus(store).round(0)
    assert round_.summary("000000") is not None
    whole = list(round_.records("000000"))
    store.bytes_read = 0
    few = ["s0/image31", "s0/image7", "elsewhere"]
    assert list(round_.records_of("000000", few)) == [whole[7], whole[31]]
    assert 0 < store.bytes_read < 4000
    most = {record.key for record in whole[:-1]}
    assert list(round_.records_of("000000", most)) == whole[:-1]
    assert list(round_.records_of("000009", most)) == []


def test_records_come_by_shard_in_order(store: LocalStore) -> None:
    round_ = Corpus(store).round(0)
    assert [record.key for record in round_.records("000001")] == ["s1/image0", "s1/image1", "s1/image2"]
    assert [data for _, _, data in round_.samples("000000")] == [image_bytes(f"s0/image{index}") for index in range(3)]


def test_every_sample_is_found_by_its_key(store: LocalStore) -> None:
    round_ = Corpus(store).round(0)
    keys = round_.keys()
    assert len(keys) == 6
    for key in keys:
        assert round_.record(key).texts[0].text == f"a picture called {key}"
        assert round_.image(key) == image_bytes(key)


def test_a_key_the_round_did_not_keep_is_an_error(store: LocalStore) -> None:
    round_ = Corpus(store).round(0)
    with pytest.raises(KeyError, match="kept no image 's0/broken': failed_decode"):
        round_.record("s0/broken")
    with pytest.raises(KeyError, match="has no image 'nobody'"):
        round_.record("nobody")


def test_a_look_up_costs_the_same_in_a_larger_corpus(store: LocalStore) -> None:
    larger = LocalStore(store.url + "-larger")
    build_corpus(larger, shards=12, images=3)
    cost = []
    for each in (store, larger):
        complete_lookup(each)
        counting = CountingStore(each)
        Corpus(counting).round(0).record("s1/image2")
        cost.append(counting.bytes_read)
    assert cost[1] - cost[0] == 10 * 4 * 16, "only the lookup is longer, up to 64 KiB"


def test_a_look_up_reads_only_its_sample(store: LocalStore) -> None:
    counting = CountingStore(store)
    row = Corpus(store).round(0).find("s1/image2")
    round_ = Corpus(counting).round(0)
    assert counting.bytes_read == 0
    data = round_.image_of(row)
    assert len(data) == 3000
    assert counting.bytes_read == 3000 + row["record_size"]  # its checksum is in the record
    counting.bytes_read = 0
    round_.record_of(row)
    assert 0 < counting.bytes_read < 1000


def test_images_that_were_not_kept_are_found_with_their_reason(store: LocalStore) -> None:
    round_ = Corpus(store).round(0)
    assert round_.find("s1/broken")["rule"] == "failed_decode"
    assert [row["type"] for row in round_.rows("s1/broken")] == ["image"]


def test_the_rows_of_one_image_are_those_of_the_index(store: LocalStore) -> None:
    round_ = Corpus(store).round(0)
    every = round_.index(filters=pc.field("key") == "s1/image1").to_pylist()
    assert round_.rows("s1/image1") == every
    assert [row["kept"] for row in every] == [True, True, False]


def test_shards_that_are_not_committed_are_not_read(store: LocalStore) -> None:
    store.remove("rounds/00/manifest/000001.json")
    round_ = Corpus(store).round(0)
    assert round_.shards() == ["000000"]
    assert round_.keys() == ["s0/image0", "s0/image1", "s0/image2"]


def test_a_round_that_is_not_there_is_named(store: LocalStore) -> None:
    with pytest.raises(CorpusError, match=r"has no round 2: it has \[0\]"):
        Corpus(store).round(2)
    with pytest.raises(CorpusError, match="has no round 0: it has none"):
        Corpus(LocalStore(store.url + "-empty")).round(0)


def test_the_index_can_be_narrowed(store: LocalStore) -> None:
    round_ = Corpus(store).round(0)
    assert round_.index().num_rows == 2 * 10
    dropped = round_.index(["key", "value"], filters=pc.field("rule") == "score")
    assert dropped.column_names == ["key", "value"]
    assert dropped["value"].to_pylist() == [0.2] * 6


def test_image_rows_come_in_the_order_of_the_list(store: LocalStore) -> None:
    rows = list(Corpus(store).image_rows())
    assert [(shard, row.key) for shard, row in rows[:3]] == [
        ("000000", "s0/image0"), ("000000", "s0/broken"), ("000000", "s0/image1"),
    ]  # fmt: skip
    assert len(rows) == 8


@pytest.mark.parametrize(
    ("start", "message"), [("record_offset", "the record of .* is damaged"), ("cut", "is cut off")]
)
def test_damage_is_noticed_when_a_record_is_read(store: LocalStore, start: str, message: str) -> None:
    round_ = Corpus(store).round(0)
    path = "rounds/00/shards/000000.tar"
    data = store.read(path)
    bad = data[:9000] if start == "cut" else data.replace(b"picture called s0/image2", b"picture colled s0/image2")
    store.write(path, [bad])
    with pytest.raises(CorpusError, match=message):
        round_.record("s0/image2")


def test_damaged_original_bytes_are_never_served(store: LocalStore) -> None:
    path = "rounds/00/shards/000000.tar"
    data = store.read(path)
    at = data.index(image_bytes("s0/image1"))
    store.write(path, [data[: at + 7] + bytes([data[at + 7] ^ 1]) + data[at + 8 :]])
    round_ = Corpus(store).round(0)
    with pytest.raises(DamageError, match="bytes of image 's0/image1' are damaged"):
        round_.image("s0/image1")
    with pytest.raises(DamageError, match="bytes of image 's0/image1' are damaged"):
        list(round_.samples("000000"))
    assert round_.image("s0/image0") == image_bytes("s0/image0")
    assert len(list(round_.records("000000"))) == 3
