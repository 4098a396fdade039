"""Writers that are killed or run out of disk: what is committed is whole, and nothing else carries a final name."""

import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from shards import commit
from shards.images import read_image, read_image_rows
from shards.layout import IMAGES
from shards.store import LocalStore, remove_leftovers
from shards.verify import verify
from tests.shards.corpora import image_bytes

WRITER = """
import itertools, sys
from shards.images import write_images
from shards.layout import shard_name
from shards.store import LocalStore
from tests.shards.corpora import image_bytes, image_row

store = LocalStore(sys.argv[1])
print("ready", flush=True)
for number in itertools.count():
    keys = [f"{number % 20}/{index}" for index in range(8)]
    write_images(store, shard_name(number % 20), [(image_row(k, image_bytes(k, 200_000)), image_bytes(k, 200_000)) for k in keys])
"""
FILLER = """
import resource, sys
from shards.images import write_images
from shards.store import LocalStore
from tests.shards.corpora import image_bytes, image_row

resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
samples = [(image_row(str(i), image_bytes(str(i), 20_000)), image_bytes(str(i), 20_000)) for i in range(10)]
try:
    write_images(LocalStore(sys.argv[1]), "000000", samples)
except OSError as error:
    sys.exit(f"OSError {error.errno}")
"""


def test_after_sigkill_at_any_moment_every_committed_unit_is_whole(tmp_path: Path) -> None:
    """The writer writes 20 shards over and over: kills fall into tars, tables, manifests, renames and withdrawals."""
    store = LocalStore(tmp_path)
    chance = random.Random(7)
    committed = 0
    for _ in range(8):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE)
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        time.sleep(chance.uniform(0.01, 0.4))
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        remove_leftovers(store)
        report = verify(store)
        assert report.damages == []
        assert not [path for path in store.walk() if path.endswith(".part")]
        for shard in commit.committed(store, IMAGES):
            rows = read_image_rows(store, shard)
            assert [row.key for row in rows] == [f"{int(shard)}/{index}" for index in range(8)]
            assert read_image(store, shard, rows[3]) == image_bytes(rows[3].key, 200_000)
            committed += 1
    assert committed > 20


@pytest.mark.parametrize("limit", [100, 5_000, 50_000, 150_000, 200_000, 206_000])
def test_a_disk_that_fills_up_leaves_nothing_behind(tmp_path: Path, limit: int) -> None:
    """A file-size limit is a full disk that needs no root: the write is short, then fails. The tar has 216,064 bytes."""
    run = subprocess.run(
        [sys.executable, "-c", FILLER, str(tmp_path), str(limit)], capture_output=True, text=True, check=False
    )
    assert run.stderr == "OSError 27\n"
    store = LocalStore(tmp_path)
    assert store.walk() == []
    again = subprocess.run([sys.executable, "-c", FILLER, str(tmp_path), str(resource.RLIM_INFINITY)], check=False)
    assert again.returncode == 0
    assert verify(store).ok
    assert os.path.getsize(tmp_path / "images/000000.tar") == 216_064
