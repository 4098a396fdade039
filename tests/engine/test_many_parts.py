"""Sixteen drivers on one corpus, as an array of SLURM jobs is, killed at random and started again.

Each is a process of its own that calls what `fld annotate --part K/16` calls; a fork server keeps their imports.
"""

import multiprocessing
import os
import random
import signal
import time
from collections import Counter
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from engine.api.rounds import annotate
from shards.reader import Corpus
from specialists.roles import Detections, Image
from tests.engine.commands import fld
from tests.engine.fake_specialists import RectangleDetector, save_pictures

PARTS, SHARD, COUNT = 16, 2, 80
CONFIG = """
ingest: {shard_size: 2}
engine: {backend: local, shards_in_flight: 1}
fuse: {calibrate: "off"}
annotators:
  boxes:
    role: detector
    specialist: {backend: custom, factory: "tests.engine.test_many_parts:NotingDetector"}
    resources: {batch_size: 1}
"""


class NotingDetector(RectangleDetector):
    """Takes 20 ms for a picture, and writes down which it was: its corner has its number."""

    def detect(self, images: list[Image]) -> list[Detections]:
        time.sleep(0.02 * len(images))
        with Path(os.environ["FLD_TEST_CALLS"]).open("a") as calls:
            calls.writelines(f"{image[0, 0, 0]}\n" for image in images)
        return super().detect(images)


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where drivers write down what they look at."""
    monkeypatch.setenv("FLD_TEST_CALLS", str(tmp_path / "calls"))
    return tmp_path / "calls"


@pytest.fixture
def processes(calls: Path) -> ForkServerContext:
    """See tests/engine/test_kill.py."""
    del calls  # its variable is in the fork server's environment
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.engine.test_many_parts", "pyarrow.parquet", "pandas", "PIL.PngImagePlugin"])
    return context


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Pictures in forty shards, not annotated: parts of two and of three shards."""
    save_pictures(tmp_path / "photos", COUNT)
    (tmp_path / "mine.yaml").write_text(CONFIG)
    for name in ("corpus", "whole"):
        done = fld("ingest", str(tmp_path / "photos"), str(tmp_path / name), "--config", str(tmp_path / "mine.yaml"))
        assert done.code == 0, done.said
    return tmp_path / "corpus"


def drive(corpus: Path, number: int, calls: Path) -> None:
    os.environ["FLD_TEST_CALLS"] = str(calls)
    annotate(corpus, part=f"{number}/{PARTS}")


def looked_at(calls: Path) -> Counter[str]:
    return Counter(calls.read_text().split() if calls.exists() else [])


@pytest.mark.thorough
def test_sixteen_drivers_lose_nothing_and_repeat_only_what_was_open(
    corpus: Path, calls: Path, processes: ForkServerContext
) -> None:
    def started(number: int) -> BaseProcess:
        process = processes.Process(target=drive, args=(corpus, number, calls))
        process.start()
        return process

    drivers = {number: started(number) for number in range(1, PARTS + 1)}
    random_, killed = random.Random(3), 0
    while drivers:
        ended = [number for number, process in drivers.items() if process.exitcode is not None]
        for number in ended:
            process = drivers.pop(number)
            if process.exitcode != 0:
                assert process.exitcode == -signal.SIGKILL
                drivers[number] = started(number)
        if drivers and killed < 12 and sum(looked_at(calls).values()) > 4 * killed:
            victim = random_.choice(list(drivers.values()))
            killed += victim.is_alive()
            victim.kill()
        time.sleep(0.01)
    assert killed == 12
    seen = looked_at(calls)
    assert len(seen) == COUNT
    assert sum(seen.values()) <= COUNT + killed * SHARD  # one shard in flight each
    calls.unlink()
    assert fld("annotate", str(corpus)).code == 0
    assert not looked_at(calls)  # nothing was left to do
    whole = corpus.parent / "whole"
    assert fld("annotate", str(whole)).code == 0
    assert units(corpus) == units(whole)
    assert fld("filter", str(corpus)).code == 0
    assert fld("verify", str(corpus)).code == 0
    assert len(Corpus(str(corpus)).round(0).keys()) == COUNT


def units(corpus: Path) -> dict[str, bytes]:
    return {str(path.relative_to(corpus)): path.read_bytes() for path in (corpus / "raw").rglob("*") if path.is_file()}


def test_only_annotate_takes_a_part_and_the_others_say_so() -> None:
    for typed in (
        ["run", "photos", "corpus"],
        ["ingest", "photos", "corpus"],
        ["filter", "corpus"],
        ["loop", "corpus"],
    ):
        done = fld(*typed, "--part", "3/16")
        assert done.code == 2
        assert "only `fld annotate` takes a part" in " ".join(done.said.split()), done.said
