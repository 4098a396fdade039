"""Several drivers on one corpus, each with a part of its shards: the real command, in processes of their own."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.runtime.parts import Part, read_part
from shards.errors import SettingsError
from tests.engine.commands import fld
from tests.engine.fake_specialists import save_pictures

HERE = Path(__file__).parents[2]
CONFIG = """
ingest: {shard_size: 2}
engine: {backend: local}
fuse: {calibrate: "off"}
annotators:
  boxes: {role: detector, specialist: {backend: custom, factory: "tests.engine.slow_detector:SlowDetector"}}
"""


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Twelve pictures in six shards, not annotated."""
    save_pictures(tmp_path / "photos", 12)
    (tmp_path / "slow.yaml").write_text(CONFIG)
    done = fld("ingest", str(tmp_path / "photos"), str(tmp_path / "corpus"), "--config", str(tmp_path / "slow.yaml"))
    assert done.code == 0, done.said
    return tmp_path / "corpus"


def driver(corpus: Path, part: str, wait_s: float) -> subprocess.Popen[bytes]:
    """Its calls wait as long as there is a `hold`: however slow the machine is, the driver is still there."""
    command = [sys.executable, "-m", "engine.cli", "annotate", str(corpus), "--part", part]
    environment = os.environ | {"FLD_TEST_WAIT_S": str(wait_s), "FLD_TEST_HOLD": str(hold(corpus))}
    with (corpus.parent / f"said-{part.replace('/', '-')}").open("ab") as said:
        return subprocess.Popen(command, cwd=HERE, env=environment, stdout=said, stderr=said)


def hold(corpus: Path) -> Path:
    return corpus.parent / "hold"


def said(corpus: Path, part: str) -> str:
    return (corpus.parent / f"said-{part.replace('/', '-')}").read_text()


def shards_done(corpus: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(corpus.glob("raw/boxes-*/*.parquet"))}


def until(is_so: object) -> None:
    deadline = time.monotonic() + 60
    while not is_so() and time.monotonic() < deadline:  # type: ignore[operator]
        time.sleep(0.02)
    assert is_so()  # type: ignore[operator]


@pytest.mark.thorough
def test_two_drivers_and_one_of_them_killed_give_what_one_gives(corpus: Path) -> None:
    whole = corpus.parent / "whole"
    assert fld("run", str(corpus.parent / "photos"), str(whole), "--config", str(corpus.parent / "slow.yaml")).code == 0
    first, second = driver(corpus, "1/2", 0.5), driver(corpus, "2/2", 0.5)
    until(lambda: len(shards_done(corpus)) >= 2)
    hold(corpus).touch()
    status = fld("status", str(corpus)).said
    assert f"annotate {corpus} --part 1/2 (pid {first.pid}" in " ".join(status.split())
    refused = fld("filter", str(corpus))
    assert refused.code == 4
    assert "is in use by" in refused.said
    first.send_signal(signal.SIGKILL)
    hold(corpus).unlink()
    assert (first.wait(60), second.wait(60)) == (-signal.SIGKILL, 0), said(corpus, "2/2")
    done = shards_done(corpus)
    assert {name for name in done if int(name[:6]) % 2 == 1} == {f"{n:06d}.parquet" for n in (1, 3, 5)}
    assert len(done) < 6
    assert "part 1/2: nobody is at work on it" in fld("status", str(corpus)).said
    assert driver(corpus, "1/2", 0).wait(60) == 0, said(corpus, "1/2")
    assert shards_done(corpus) == shards_done(whole)
    assert fld("filter", str(corpus)).code == 0
    assert fld("verify", str(corpus)).code == 0


def test_a_part_is_annotated_once_and_by_one(corpus: Path) -> None:
    hold(corpus).touch()
    first = driver(corpus, "1/2", 0)
    until(lambda: (corpus / ".lock-1-of-2.json").exists())
    again = fld("annotate", str(corpus), "--part", "1/2")
    assert (again.code, "is in use by" in again.said) == (4, True), again.said
    other = fld("annotate", str(corpus), "--part", "1/3")
    assert (other.code, "is divided into 2 parts by" in " ".join(other.said.split())) == (4, True)
    first.kill()
    first.wait(60)
    assert fld("annotate", str(corpus), "--part", "1/3").code == 0
    assert set(shards_done(corpus)) == {"000000.parquet", "000003.parquet"}
    assert fld("annotate", str(corpus)).code == 0
    assert len(shards_done(corpus)) == 6


def test_a_part_has_the_settings_of_the_corpus(corpus: Path) -> None:
    changed = fld("annotate", str(corpus), "--part", "1/2", "--set", "filters.region.min_side=9")
    assert changed.code == 2
    assert "--part works with the settings of the corpus, and filters differ" in " ".join(changed.said.split())
    assert fld("annotate", str(corpus), "--part", "1/2", "--set", "engine.shards_in_flight=1").code == 0


def test_parts_are_counted_from_one() -> None:
    assert read_part("3/16") == Part(3, 16)
    assert Part(3, 16).shards(["000002", "000003", "000018"]) == ["000002", "000018"]
    for wrong in ("0/4", "5/4", "3", "a/b"):
        with pytest.raises(SettingsError, match="--part must be"):
            read_part(wrong)
