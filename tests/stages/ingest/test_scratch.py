"""What an error of the tables on disk is taken for."""

import errno
import sqlite3

import pytest

from stages.ingest.scratch import Scratch


def test_a_full_disk_is_said() -> None:
    scratch = Scratch()
    scratch.run("CREATE TABLE big (data BLOB)")
    scratch.run("PRAGMA max_page_count = 2")
    with pytest.raises(OSError, match="TMPDIR") as full:
        scratch.run("INSERT INTO big VALUES (?)", bytes(100_000))
    assert full.value.errno == errno.ENOSPC


def test_a_wrong_statement_is_not_taken_for_a_full_disk() -> None:
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        Scratch().run("SELECT * FROM lost")
