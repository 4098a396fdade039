"""Writers that are killed or run out of disk: what is committed is whole, and nothing else carries a final name."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from shards import commit
from shards.store import LocalStore, remove_leftovers
from shards.verify import NO_MANIFEST, verify

WRITER = """
import itertools, sys
from shards.commit import ImageCounts, publish
from shards.store import LocalStore

store = LocalStore(sys.argv[1])
for number in itertools.count(int(sys.argv[2])):
    name = f"{number % 5:06d}"
    files = {f"{name}.bin": (name.encode() * 20_000 for _ in range(8)), f"{name}.txt": name.encode()}
    publish(store, "images/plan", name, files, ImageCounts(8, 8), "f")
    print(name, flush=True)
"""
FILLER = """
import os, resource, sys
from shards.commit import ImageCounts, find, publish
from shards.store import LocalStore

limits = [100, 5_000, 70_000, 150_000, 199_999]
for limit in [*limits, 200_000]:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    store = LocalStore(sys.argv[1])
    try:
        publish(store, "images/plan", "a", {"a.tar": (b"x" * 20_000 for _ in range(10))}, ImageCounts(10, 10), "")
    except OSError as error:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        print(limit, error.strerror, store.walk(), find(store, "images/plan", "a"))
print(limit, find(store, "images/plan", "a").files["a.tar"].bytes)
"""


@pytest.mark.thorough
def test_after_sigkill_at_any_moment_every_committed_unit_is_whole(tmp_path: Path) -> None:
    """The writer writes 5 units over and over: kills fall into files, manifests, renames and withdrawals."""
    store = LocalStore(tmp_path)
    chance = random.Random(7)
    torn = 0
    for kill in range(10):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), str(kill)], stdout=subprocess.PIPE)
        assert writer.stdout is not None
        for _ in range(chance.randint(1, 6)):
            last = writer.stdout.readline().decode().strip()
        time.sleep(chance.uniform(0, 0.01))
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        done_since = writer.stdout.read().decode().split()
        writer.stdout.close()
        torn += bool(remove_leftovers(store))
        assert {each.damage.reason for each in verify(store).damages} <= {NO_MANIFEST}
        assert not [path for path in store.walk() if path.endswith(".part")]
        committed = commit.committed(store, "images/plan")
        rewriting = f"{(int((done_since or [last])[-1]) + 1) % 5:06d}"
        assert {last, *done_since} - {rewriting} <= set(committed)
        assert all(store.read(f"images/plan/{name}.txt").decode() == name for name in committed)
    assert torn > 0, "no kill fell into a write"


def test_a_disk_that_fills_up_leaves_nothing_behind(tmp_path: Path) -> None:
    """A file-size limit is a full disk that needs no root: a write is short, the next one fails."""
    run = subprocess.run([sys.executable, "-c", FILLER, str(tmp_path)], capture_output=True, text=True, check=True)
    *failed, last = run.stdout.splitlines()
    assert failed == [f"{limit} File too large [] None" for limit in (100, 5_000, 70_000, 150_000, 199_999)]
    assert last == "200000 200000"
    assert verify(LocalStore(tmp_path)).ok
