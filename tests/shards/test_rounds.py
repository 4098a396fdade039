import io
import tarfile

import msgspec
import pytest

from shards import commit, record
from shards.commit import ImageCounts
from shards.errors import DamageError
from shards.images import ImageRow
from shards.record import Record
from shards.rounds import IndexRow, kept_samples, read_index, read_samples, write_round_shard
from shards.store import LocalStore
from tests.shards.corpora import build_corpus, failed_row, image_bytes, image_record, image_row, index_rows

Sample = tuple[Record, str, bytes]
COUNTS = ImageCounts(4, 3, failed=1)


@pytest.fixture
def store(tmp_path: object) -> LocalStore:
    return LocalStore(str(tmp_path))


def rows() -> list[ImageRow]:
    good = [
        image_row(key, image_bytes(key), ext) for key, ext in (("b", "jpg"), ("a/img.v2", "png"), ("x" * 200, "gif"))
    ]
    return [*good[:1], failed_row("broken"), *good[1:]]


def samples() -> list[Sample]:
    return [(image_record(row), row.ext, image_bytes(row.key)) for row in rows() if row.status == "ok"]


def test_samples_and_index_are_read_as_written(store: LocalStore) -> None:
    manifest = write_round_shard(store, 0, "000000", iter(samples()), index_rows(rows()), COUNTS, "f")
    assert list(read_samples(store, 0, "000000")) == samples()
    index = read_index(store, 0, "000000")
    assert index.num_rows == 10
    dropped = [row for row in index.to_pylist() if row["type"] == "region" and not row["kept"]]
    assert [dropped[0][name] for name in ("key", "rule", "value", "threshold")] == ["b", "score", 0.2, 0.3]
    assert dropped[0]["box"] == {"x0": 1.0, "y0": 2.0, "x1": 3.5, "y1": 4.25}
    assert manifest.counts == COUNTS
    assert sorted(manifest.files) == ["index/000000.parquet", "shards/000000.tar", "summary/000000.parquet"]


def test_members_are_in_order_and_named_for_webdataset(store: LocalStore) -> None:
    write_round_shard(store, 0, "000000", samples(), index_rows(rows()), COUNTS, "f")
    with tarfile.open(fileobj=io.BytesIO(store.read("rounds/00/shards/000000.tar"))) as opened:
        names = opened.getnames()
    assert names[:4] == ["b.jpg", "b.json", "a/img%2Ev2.json", "a/img%2Ev2.png"]


def test_the_index_says_where_each_sample_lies(store: LocalStore) -> None:
    write_round_shard(store, 0, "000000", samples(), index_rows(rows()), COUNTS, "f")
    for (key, place), (written, ext, data) in zip(kept_samples(read_index(store, 0, "000000")), samples(), strict=True):
        tar = "rounds/00/shards/000000.tar"
        assert (key, place.ext) == (written.key, ext)
        assert place.offset is not None
        assert place.size is not None
        assert store.read(tar, place.offset, place.offset + place.size) == data
        found = store.read(tar, place.record_offset, place.record_offset + place.record_size)
        assert record.decode(found) == written


def test_only_rows_of_kept_images_have_a_place(store: LocalStore) -> None:
    write_round_shard(store, 0, "000000", samples(), index_rows(rows()), COUNTS, "f")
    placed = [
        (row["type"], row["kept"]) for row in read_index(store, 0, "000000").to_pylist() if row["offset"] is not None
    ]
    assert placed == [("image", True)] * 3


def test_equal_rounds_have_equal_bytes(store: LocalStore) -> None:
    first = write_round_shard(store, 0, "000000", samples(), index_rows(rows()), COUNTS, "f")
    second = write_round_shard(store, 0, "000000", samples(), index_rows(rows()), COUNTS, "f")
    assert first == second


def test_a_round_may_keep_nothing(store: LocalStore) -> None:
    write_round_shard(store, 0, "000000", [], index_rows([failed_row("a")]), ImageCounts(1, 0, failed=1), "f")
    assert list(read_samples(store, 0, "000000")) == []


def test_index_columns_can_be_chosen(store: LocalStore) -> None:
    write_round_shard(store, 0, "000000", samples(), index_rows(rows()), COUNTS, "f")
    assert read_index(store, 0, "000000", ["key", "score"]).column_names == ["key", "score"]


def image(key: str) -> IndexRow:
    return IndexRow(key, "", "image")


def of_round_1() -> list[Sample]:
    return [(msgspec.structs.replace(sample, round=1), ext, data) for sample, ext, data in samples()]


INDEX = index_rows(rows())
ALL = samples()


@pytest.mark.parametrize(
    ("samples", "index", "message"),
    [
        (ALL, INDEX[1:], "counts are 4 read and 3 kept, got 3 image rows, 2 of them kept"),
        (ALL, [*INDEX, image("b")], "got 5 for 4 images"),
        (ALL[:2], INDEX, "image 'x+' is kept in the index but no sample of it was given"),
        (ALL[1:], INDEX, "the next kept image of the index is 'b', got the sample 'a/img"),
        ([*ALL, ALL[0]], INDEX, "the next kept image of the index is None, got the sample 'b'"),
        (of_round_1(), INDEX, "is of round 1, the shard is of round 0"),
        ([(ALL[0][0], "JPG", b""), *ALL[1:]], INDEX, "image 'b': ext must be lower-case"),
        (ALL, [*INDEX, IndexRow("b", "", "text", kept=False)], "text row of 'b': a dropped one names its rule"),
        (ALL, [*INDEX, IndexRow("b", "", "text", rule="r")], "got kept=True with rule 'r'"),
    ],
)
def test_what_would_be_lost_silently_is_refused(
    store: LocalStore, samples: list[Sample], index: list[IndexRow], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        write_round_shard(store, 0, "000000", samples, index, COUNTS, "f")
    assert commit.committed(store, "rounds/00") == {}


def test_a_shard_whose_tar_is_of_another_run_is_refused(store: LocalStore) -> None:
    build_corpus(store, shards=2, images=4)
    store.write("rounds/00/shards/000000.tar", [store.read("rounds/00/shards/000001.tar")])
    with pytest.raises(DamageError, match=r"rounds/00/shards/000000\.tar must hold sample 's0/image0' at byte"):
        list(read_samples(store, 0, "000000"))


def test_a_shard_with_fewer_samples_is_refused(store: LocalStore) -> None:
    build_corpus(store, shards=1, images=4)
    build_corpus(LocalStore(store.url + "-small"), shards=1, images=3)
    store.write("rounds/00/shards/000000.tar", [LocalStore(store.url + "-small").read("rounds/00/shards/000000.tar")])
    with pytest.raises(DamageError, match="must hold 4 samples of 2 members, got 6 members"):
        list(read_samples(store, 0, "000000"))


def test_a_tar_that_is_cut_off_is_named_with_what_to_do(store: LocalStore) -> None:
    build_corpus(store, shards=1)
    store.write("rounds/00/shards/000000.tar", [store.read("rounds/00/shards/000000.tar")[:700]])
    with pytest.raises(DamageError, match=r"^rounds/00/shards/000000\.tar: member .* is cut off: .*: run `fld"):
        list(read_samples(store, 0, "000000"))


def test_a_flipped_bit_in_a_record_is_refused(store: LocalStore) -> None:
    build_corpus(store, shards=1)
    data = store.read("rounds/00/shards/000000.tar")
    store.write("rounds/00/shards/000000.tar", [data.replace(b"called s0/image2", b"called s0/image7")])
    with pytest.raises(DamageError, match="the record of 's0/image2' is damaged"):
        list(read_samples(store, 0, "000000"))
