"""A round that an older release wrote: its units have no summary and no tally."""

import msgspec
import pytest

from shards import commit, summary, table
from shards.commit import Manifest
from shards.store import LocalStore
from shards.summaries import add_summary, has_summary, read_summary, read_tally
from shards.verify import verify
from tests.shards.corpora import build_corpus

SUMMARY = "rounds/00/summary/000001.parquet"


@pytest.fixture
def store(tmp_path: object) -> LocalStore:
    store = LocalStore(str(tmp_path))
    build_corpus(store, shards=2, images=4)
    return store


def unit(store: LocalStore) -> Manifest:
    found = commit.find(store, "rounds/00", "000001")
    assert found is not None
    return found


def make_old(store: LocalStore) -> Manifest:
    """As an older release wrote it."""
    now = unit(store)
    files = {path: entry for path, entry in now.files.items() if not path.startswith("summary/")}
    old = msgspec.structs.replace(now, files=files, version=1, tally=msgspec.UNSET)
    store.remove(SUMMARY)
    store.write("rounds/00/manifest/000001.json", [commit.encode(old)])
    return old


def test_an_older_round_gets_the_same_summary(store: LocalStore) -> None:
    written, now = store.read(SUMMARY), unit(store)
    old = make_old(store)
    assert not has_summary(old)
    assert table.encode(read_summary(store, 0, old)) == written
    assert read_tally(store, 0, old) == now.tally
    assert not store.names("rounds/00/summary")[1:], "reading writes nothing"
    assert add_summary(store, 0, old) == unit(store) == now
    assert store.read(SUMMARY) == written
    assert verify(store).ok


def test_adding_a_summary_touches_neither_tar_nor_index(store: LocalStore) -> None:
    old = make_old(store)
    before = {path: store.read(f"rounds/00/{path}") for path in old.files}
    added = add_summary(store, 0, old)
    assert {path: store.read(f"rounds/00/{path}") for path in old.files} == before
    assert (added.fingerprint, added.counts) == (old.fingerprint, old.counts)


def test_a_summary_of_another_version_is_made_anew(store: LocalStore) -> None:
    manifest = unit(store)
    wanted = read_summary(store, 0, manifest)
    schema = table.versioned("summary", summary.VERSION + 1, [(field.name, field.type) for field in summary.SCHEMA])
    other = table.encode(wanted.replace_schema_metadata(schema.metadata).slice(0, 0))
    store.write(SUMMARY, [other])
    assert read_summary(store, 0, manifest).equals(wanted)


def test_columns_can_be_chosen(store: LocalStore) -> None:
    assert read_summary(store, 0, unit(store), ["key", "objects"]).column_names == ["key", "objects"]
    assert read_summary(store, 0, make_old(store), ["key"]).column_names == ["key"]
