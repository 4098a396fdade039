from collections.abc import Iterator
from uuid import uuid4

import msgspec
import pytest

from shards import commit
from shards.commit import ImageCounts
from shards.errors import CorpusError
from shards.images import ImageRow, read_image, read_image_rows, write_images
from shards.layout import IMAGES
from shards.store import FsspecStore, LocalStore, Store
from tests.shards.corpora import failed_row, findings, image_bytes, image_row

Sample = tuple[ImageRow, bytes | None]


@pytest.fixture(params=["local", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: object) -> Store:
    return LocalStore(str(tmp_path)) if request.param == "local" else FsspecStore(f"memory://{uuid4().hex}")


def sample(key: str, size: int = 3000, ext: str = "jpg") -> Sample:
    data = image_bytes(key, size)
    return image_row(key, data, ext, given=findings()[: size % 5]), data


def test_rows_and_bytes_are_read_as_written(store: Store) -> None:
    samples: list[Sample] = [
        sample("b"),
        (failed_row("broken"), None),
        sample("a/img.v2", 511, "png"),
        sample("ü" * 200, 0),
    ]
    manifest = write_images(store, "000000", samples, "9c01f3")
    rows = read_image_rows(store, "000000")
    assert [msgspec.structs.replace(row, offset=None, size=None) for row in rows] == [row for row, _ in samples]
    assert [read_image(store, "000000", row) for row in rows if row.status == "ok"] == [
        d for _, d in samples if d is not None
    ]
    assert manifest == commit.find(store, IMAGES, "000000")
    assert (manifest.counts, manifest.fingerprint) == (ImageCounts(4, 3, 0, 1), "9c01f3")
    assert sorted(manifest.files) == ["000000.parquet", "000000.tar"]


def test_a_shard_may_be_empty_or_all_failed(store: Store) -> None:
    write_images(store, "000000", [])
    write_images(store, "000001", [(failed_row("a"), None)])
    assert read_image_rows(store, "000000") == []
    assert read_image_rows(store, "000001") == [failed_row("a")]


def test_equal_samples_give_equal_bytes(store: Store) -> None:
    write_images(store, "000000", [sample("a"), sample("b")])
    write_images(store, "000001", iter([sample("a"), sample("b")]))
    for ending in ("tar", "parquet"):
        assert store.read(f"images/000000.{ending}") == store.read(f"images/000001.{ending}")


def test_images_are_taken_one_by_one(store: Store) -> None:
    waiting: list[str] = []

    def samples() -> Iterator[Sample]:
        for key in "abc":
            waiting.append(key)
            yield sample(key, 2 << 20)

    write_images(store, "000000", samples())
    assert waiting == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        ([sample("a"), sample("a")], "key 'a' is given twice in one shard"),
        ([sample("a"), (failed_row("a"), None)], "key 'a' is given twice in one shard"),
        (
            [(failed_row("a"), b"x")],
            "image 'a': status 'ok' goes with bytes and 'failed' with None, got 'failed' with bytes",
        ),
        ([(image_row("a", b""), None)], "got 'ok' with None"),
        ([(ImageRow("a", "u", status="failed"), None)], "image 'a': a failed image needs stage and error, got '', ''"),
        ([(image_row("a", b"", "json"), b"")], "image 'a': ext must be lower-case letters and digits and not 'json'"),
        ([(image_row("\udcff", b""), b"")], "key must be valid Unicode"),
        ([(msgspec.structs.replace(failed_row("a"), key="\ud800"), None)], "key must be valid Unicode"),
    ],
)
def test_a_contradiction_commits_nothing(store: Store, samples: list[Sample], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write_images(store, "000000", samples)
    assert commit.committed(store, IMAGES) == {}
    assert store.names("images") == []


def test_a_failed_image_has_no_bytes(store: Store) -> None:
    with pytest.raises(ValueError, match="image 'a' has no bytes: it failed at decode: truncated"):
        read_image(store, "000000", failed_row("a"))


def test_a_tar_that_was_cut_is_noticed_when_an_image_is_read(store: Store) -> None:
    write_images(store, "000000", [sample("a"), sample("b")])
    store.write("images/000000.tar", [store.read("images/000000.tar")[:5000]])
    first, second = read_image_rows(store, "000000")
    assert read_image(store, "000000", first) == image_bytes("a")
    with pytest.raises(CorpusError, match=r"images/000000\.tar is cut off before image 'b' ends: run `fld verify`"):
        read_image(store, "000000", second)


def test_a_shard_that_is_not_there_is_not_found(store: Store) -> None:
    with pytest.raises(FileNotFoundError):
        read_image_rows(store, "000009")
