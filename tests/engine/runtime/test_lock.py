"""Two processes and one corpus: real ones where the kernel holds the lock."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.runtime.lock import OWNER, CorpusLockedError, Timing, break_lock, corpus_lock, describe_holder
from shards.store import FsspecStore, LocalStore

HOLD = """
import sys
from engine.runtime.lock import corpus_lock
from shards.store import LocalStore
with corpus_lock(LocalStore(sys.argv[1]), "fld run photos"):
    print("held", flush=True)
    sys.stdin.read()
"""
QUICK = Timing(beat_s=0.05, stale_s=0.6, settle_s=0.0)


@contextmanager
def owner(corpus: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the corpus."""
    root = Path(__file__).parents[3]
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(corpus)], cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def refused(corpus: Path, pid: int) -> None:
    with (
        pytest.raises(CorpusLockedError, match=rf"is in use by fld run photos \(pid {pid} on .+, for 0:\d\d:\d\d\)"),
        corpus_lock(LocalStore(corpus), "fld annotate"),
    ):
        pass


def test_a_second_process_is_refused_even_if_the_first_is_stopped_and_let_in_when_it_is_killed(tmp_path: Path) -> None:
    with owner(tmp_path) as process:
        refused(tmp_path, process.pid)
        os.kill(process.pid, signal.SIGSTOP)
        refused(tmp_path, process.pid)
        os.kill(process.pid, signal.SIGCONT)
        refused(tmp_path, process.pid)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        with corpus_lock(LocalStore(tmp_path), "fld annotate"):
            assert b"fld annotate" in (tmp_path / OWNER).read_bytes()
    assert not (tmp_path / OWNER).exists()


def test_it_is_free_again_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="inside"), corpus_lock(LocalStore(tmp_path), "one"):
        raise ValueError("inside")
    with corpus_lock(LocalStore(tmp_path), "two"):
        pass


def test_a_living_owner_of_an_object_store_is_seen_by_its_beat() -> None:
    store = FsspecStore("memory://lock-alive")
    with (
        corpus_lock(store, "fld run photos", QUICK),
        pytest.raises(CorpusLockedError, match=r"in use by fld run photos .*if it is gone, remove memory://lock-alive"),
        corpus_lock(store, "fld annotate", QUICK),
    ):
        pass
    with corpus_lock(store, "fld annotate", QUICK):
        pass


def test_an_owner_that_stands_still_is_taken_over_whatever_the_clocks_say() -> None:
    store = FsspecStore("memory://lock-dead")
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    store.write(OWNER, [b'{"host": "gone", "pid": 1, "token": "x", "since": "%s", "beat": 3}' % tomorrow.encode()])
    with corpus_lock(store, "fld annotate", QUICK):
        assert b"fld annotate" in store.read(OWNER)


def test_an_owner_that_was_taken_over_does_not_take_it_back() -> None:
    store = FsspecStore("memory://lock-lost")
    with corpus_lock(store, "first", QUICK):
        store.write(OWNER, [b'{"token": "other"}'])
        threading.Event().wait(0.3)
        assert b"other" in store.read(OWNER)
    assert b"other" in store.read(OWNER)
    break_lock(store)
    with corpus_lock(store, "second", QUICK):
        pass


def test_an_owner_that_cannot_be_read_is_described_as_far_as_possible() -> None:
    assert describe_holder({}) == "? (pid ? on ?, for an unknown time)"
