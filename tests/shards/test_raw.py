import pytest

from shards import commit
from shards.commit import ImageCounts
from shards.raw import RawRow, read_raw, write_raw
from shards.store import LocalStore
from tests.shards.corpora import findings


@pytest.fixture
def store(tmp_path: object) -> LocalStore:
    return LocalStore(str(tmp_path))


def test_rows_are_read_as_written(store: LocalStore) -> None:
    rows = [
        RawRow("b", findings=findings()),
        RawRow("a", "failed", "death: the worker died"),
        RawRow("c", "blocked", "detector failed"),
        RawRow("d"),
    ]
    manifest = write_raw(store, "boxes", "3fa9c1", "000000", iter(rows))
    assert read_raw(store, "boxes", "3fa9c1", "000000") == rows
    assert manifest.counts == ImageCounts(4, 2, 0, 2)
    assert store.walk() == ["raw/boxes-3fa9c1/000000.parquet", "raw/boxes-3fa9c1/manifest/000000.json"]


def test_equal_rows_give_equal_bytes(store: LocalStore) -> None:
    for shard in ("000000", "000001"):
        write_raw(store, "boxes", "f", shard, [RawRow("a", findings=findings())])
    assert store.read("raw/boxes-f/000000.parquet") == store.read("raw/boxes-f/000001.parquet")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([RawRow("a"), RawRow("a")], "key 'a' is given twice in one shard: a raw column has one row per image"),
        (
            [RawRow("a", "ok", "error")],
            "image 'a': status 'ok' has no error.* got 'ok' with error 'error' and 0 findings",
        ),
        ([RawRow("a", "failed")], "got 'failed' with error '' and 0 findings"),
        ([RawRow("a", "blocked", "e", findings())], "got 'blocked' with error 'e' and 8 findings"),
    ],
)
def test_a_contradiction_commits_nothing(store: LocalStore, rows: list[RawRow], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write_raw(store, "boxes", "f", "000000", rows)
    assert commit.committed(store, "raw/boxes-f") == {}


@pytest.mark.parametrize("annotator", ["", "a/b", "../a", "a b", "-a", ".a"])
def test_an_annotator_name_that_is_no_folder_name_is_refused(store: LocalStore, annotator: str) -> None:
    with pytest.raises(ValueError, match="annotator must be letters, digits"):
        write_raw(store, annotator, "f", "000000", [])
