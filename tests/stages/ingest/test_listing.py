import sqlite3
from pathlib import Path

import pytest

from shards.finding import Caption
from stages.ingest.entry import Entry
from stages.ingest.listing import Listing, listed
from stages.ingest.scratch import Scratch, digest
from stages.ingest.settings import IngestSettings

SIGNED = Entry("u", "https://ann:pw@a.org/x.jpg?token=T", "a.org/x.jpg")


def test_what_is_secret_is_in_memory_alone() -> None:
    listing = Listing(Scratch(), IngestSettings())
    assert listing.add("x", SIGNED)
    [(data,)] = listing.scratch.run("SELECT entry FROM listed")
    assert b"pw" not in data
    assert b"token" not in data
    assert listing["x"].location == "https://a.org/x.jpg"
    assert listing.placed(listing["x"]).location == SIGNED.location


def test_places_that_only_secrets_tell_apart_are_two() -> None:
    listing = Listing(Scratch(), IngestSettings())
    listing.add("x", SIGNED)
    assert listing.is_at("x", SIGNED) is True
    assert listing.is_at("x", Entry("u", "https://ann:pw@a.org/x.jpg?token=U", "")) is False
    assert listing.is_at("y", SIGNED) is None


def test_a_key_is_taken_once_and_annotations_are_put_together() -> None:
    one, two = (Entry("a.jpg", "/a.jpg", "", "a", given=[Caption(text)]) for text in ("one", "two"))
    listing = listed(Scratch(), [one, two])
    assert len(listing) == 1
    listing.merge("a", two)
    listing.merge("a", two)
    assert listing["a"].given == [Caption("one"), Caption("two")]
    assert ("a" in listing, "b" in listing, listing.nth(0).key) == (True, False, "a")


def test_a_digest_depends_on_where_texts_end_and_on_the_secret() -> None:
    assert digest("ab", "c") != digest("a", "bc")
    assert digest("a") != digest("a", secret=b"s")
    assert len(digest("a")) == 16


def test_no_room_is_an_error_of_the_disk() -> None:
    scratch = Scratch()
    scratch.run("CREATE TABLE t (data BLOB)")
    pages = scratch.one("PRAGMA page_count")[0]
    scratch.run(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(OSError, match=r"database or disk is full: 'temporary file of ingest \(TMPDIR\)'"):
        scratch.run("INSERT INTO t VALUES (zeroblob(100000))")


def test_the_file_has_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQLITE_TMPDIR", str(tmp_path))
    scratch = Scratch()
    scratch.run("CREATE TABLE t (data BLOB)")
    for _ in range(40):
        scratch.run("INSERT INTO t VALUES (zeroblob(1000000))")  # more than the cache holds
    assert list(tmp_path.iterdir()) == []
    assert sqlite3.sqlite_version_info >= (3, 24)  # ON CONFLICT DO UPDATE
