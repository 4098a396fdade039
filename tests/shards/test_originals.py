"""Rounds with their pictures, without them, and with links to them: every reader gives the same."""

import io
import os
import tarfile
from pathlib import Path

import pytest

from shards import commit
from shards.commit import WITHOUT_ORIGINALS
from shards.errors import DamageError, SettingsError
from shards.images import read_image_rows, write_images
from shards.originals import OriginalsPolicy
from shards.reader import Corpus
from shards.rounds import kept_samples, read_index
from shards.store import FsspecStore, LocalStore, Store, link_file
from shards.verify import verify
from stages.retrain.pool import load_pool
from tests.shards.corpora import build_corpus, build_round, image_bytes, image_row

APART: tuple[OriginalsPolicy, ...] = ("none", "link")
TAR = "rounds/00/shards/000001.tar"


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    """Two shards, the round written with its pictures."""
    store = LocalStore(tmp_path / "corpus")
    build_corpus(store, shards=2, images=3)
    return store


def rewrite(store: Store, originals: OriginalsPolicy) -> None:
    for shard in ("000000", "000001"):
        build_round(store, shard, originals=originals)


def everything(store: Store) -> object:
    """What all readers say."""
    round_, pool = Corpus(store).round(0), load_pool(store, 0)
    samples = [sample for shard in round_.shards() for sample in round_.samples(shard)]
    return (
        samples,
        [record for shard in round_.shards() for record in round_.records(shard)],
        [(round_.record(key), round_.image(key)) for key in list(round_.keys())],
        [pool.read(i) for i in range(len(pool))],
    )


@pytest.mark.parametrize("originals", APART)
def test_every_reader_gives_the_same(store: LocalStore, originals: OriginalsPolicy) -> None:
    before = everything(store)
    rewrite(store, originals)
    assert everything(store) == before
    assert verify(store).ok
    assert verify(store).orphans == []


def test_a_round_of_records_only_has_no_picture_and_says_so(store: LocalStore) -> None:
    whole = len(store.read(TAR))
    rewrite(store, "none")
    with tarfile.open(fileobj=io.BytesIO(store.read(TAR))) as opened:
        assert opened.getnames() == [f"s1/image{i}.json" for i in range(3)]
    assert len(store.read(TAR)) < whole - 3 * 3000
    place = kept_samples(read_index(store, 0, "000001"))[0][1]
    assert (place.ext, place.offset, place.size) == ("jpg", None, None)
    manifest = commit.find(store, "rounds/00", "000001")
    assert manifest is not None
    assert manifest.version == WITHOUT_ORIGINALS


def test_a_link_is_the_same_file_and_goes_with_the_policy(store: LocalStore) -> None:
    rewrite(store, "link")
    rewrite(store, "link")
    link, source = (Path(store.url) / f for f in ("rounds/00/originals/000001.tar", "images/000001.tar"))
    assert os.path.samefile(link, source)
    assert not list(link.parent.glob("*.part"))
    rewrite(store, "none")
    assert not link.exists()
    assert source.exists()
    assert verify(store).ok


def test_an_image_shard_that_was_written_again_is_found_by_key(store: LocalStore) -> None:
    rewrite(store, "none")
    keys = [f"s1/image{i}" for i in range(3)]
    mended = [image_row("s1/broken", b"mended"), *(image_row(key, image_bytes(key)) for key in keys)]
    write_images(
        store, "000001", [(row, b"mended" if row.key.endswith("n") else image_bytes(row.key)) for row in mended]
    )
    round_ = Corpus(store).round(0)
    assert [round_.image(key) for key in keys] == [data for _, _, data in round_.samples("000001")]
    assert load_pool(store, 0).read(4)[1] == image_bytes("s1/image1")


def test_damage_of_an_original_is_found_and_named(store: LocalStore) -> None:
    rewrite(store, "none")
    row = read_image_rows(store, "000001")[0]
    data = bytearray(store.read("images/000001.tar"))
    data[row.offset or 0] ^= 1
    store.write("images/000001.tar", [bytes(data)])
    with pytest.raises(DamageError, match=r"images/000001\.tar: the bytes of image 's1/image0' are damaged"):
        Corpus(store).round(0).image("s1/image0")
    assert [damage.folder for damage in verify(store).damages] == ["images"]
    store.remove("images/000000.parquet")
    with pytest.raises(DamageError, match=r"images/000000\.parquet is missing: the round has its pictures there"):
        list(Corpus(store).round(0).samples("000000"))


def test_a_damaged_record_is_named(store: LocalStore) -> None:
    rewrite(store, "link")
    store.write(TAR, [store.read(TAR).replace(b"called s1/image2", b"called s1/image7")])
    assert [damage.damage.key for damage in verify(store).damages] == ["s1/image2"]


def test_an_object_store_copies_by_itself() -> None:
    store = FsspecStore("memory://originals")
    build_corpus(store, shards=2, images=3)
    rewrite(store, "link")
    assert store.read("rounds/00/originals/000001.tar") == store.read("images/000001.tar")
    assert verify(store).ok


class NoLinks(LocalStore):
    def link(self, source: str, path: str) -> None:
        raise PermissionError(1, "Operation not permitted", path)


def test_a_store_without_links_says_what_to_use(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"rounds\.originals: link must be possible in .*: use copy or none"):
        link_file(NoLinks(tmp_path), "images/000000.tar", "rounds/00/originals/000000.tar")
