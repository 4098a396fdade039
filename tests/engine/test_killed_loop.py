"""`fld loop`, the real command in a process of its own, is killed with SIGKILL again and again, wherever it is: while
it annotates, trains, judges, fuses, writes. It ends with the models and shards of a run that nobody disturbed."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.engine.commands import fld

CONFIG = """
ingest: {shard_size: 4}
engine: {shards_in_flight: 2}
annotators:
  boxes: {role: detector, specialist: {backend: ultralytics}, resources: {group: nano, num_cpus: 0.5}}
  texts:
    {role: captioner, granularities: [brief], specialist: {backend: florence2, weights: "embedded:florence2-nano"},
     resources: {group: nano, num_cpus: 0.5}}
loop:
  retrain: {steps: 4, batch: 2, targets: 2, warmup: 0, held_out: 0.34, eval_images: 4, save_every: 1,
    generate_every: null, tasks: ["<CAPTION>", "<OD>"], learning_rate: 0.00003}
  generalist: {tasks: ["<CAPTION>", "<OD>"], resources: {num_cpus: 0.5}}
  gate: {watched: [boxes], tolerance: 1}
"""
PATIENCE_S = 300
TIMED = frozenset({"columns.json", "columns.json.seal", ".lock"})
"""Beside the logs: hashes of a folder of a model, where training.json says how many seconds it took."""


def scenes(folder: Path) -> None:
    """Twelve scenes with gold, and the settings."""
    assert fld("scenes", str(folder / "scenes"), "--count", "12", "--seed", "7", "--size", "192").code == 0
    (folder / "loop.yaml").write_text(CONFIG)


def ingested(folder: Path, name: str) -> Path:
    """A corpus of the scenes."""
    corpus = folder / name
    done = fld("ingest", str(folder / "scenes/images"), str(corpus), "--config", str(folder / "loop.yaml"))
    assert done.code == 0, done.said
    return corpus


def start(corpus: Path, backend: str, rounds: int) -> subprocess.Popen[bytes]:
    """The loop, at work."""
    gold = str(corpus.parent / "scenes/gold.jsonl")
    words = ["loop", str(corpus), "--rounds", str(rounds), "--from", "embedded:florence2-nano", "--gold", gold]
    command = [sys.executable, "-m", "engine.cli", *words, "--set", f"engine.backend={backend}"]
    with (corpus.parent / "said").open("ab") as said:
        return subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=said, stderr=said)


def finish(corpus: Path, backend: str, rounds: int) -> None:
    """To its end."""
    with start(corpus, backend, rounds) as process:
        process.wait(PATIENCE_S)
    assert process.returncode == 0, (corpus.parent / "said").read_text()[-3000:]


def paths(corpus: Path) -> set[str]:
    """What is there now, with what is only there for a while; a folder that goes while it is looked at is empty."""
    return {
        os.path.relpath(os.path.join(folder, name), corpus)
        for folder, folders, files in os.walk(corpus)
        for name in (*folders, *files)
    }


def killed(corpus: Path, backend: str, rounds: int, moments: list[int], chance: random.Random) -> int:
    """Start again and again, and kill when as many paths as the next moment says have been there, and one more than in
    the run before. Returns how often."""
    seen = paths(corpus)
    for number, moment in enumerate(moments):
        goal = max(moment, len(seen) + 1)
        deadline = time.monotonic() + PATIENCE_S
        with start(corpus, backend, rounds) as process:
            while process.poll() is None and len(seen) < goal and time.monotonic() < deadline:
                time.sleep(0.002)
                seen |= paths(corpus)
            time.sleep(chance.uniform(0, 0.03))
            process.send_signal(signal.SIGKILL)
        if process.returncode == 0:
            return number
        assert process.returncode == -signal.SIGKILL, (corpus.parent / "said").read_text()[-3000:]
    return len(moments)


def lasting(corpus: Path) -> dict[str, bytes]:
    """Shards, columns, verdicts, models and the settings, without what says when and how long."""
    found = {}
    for path in sorted(path for path in corpus.rglob("*") if path.is_file()):
        name = path.relative_to(corpus)
        if name.parts[0] == "logs" or str(name) in TIMED or "trainer" in name.parts or path.name == "model.json":
            continue
        content = path.read_bytes()
        if path.name == "training.json":
            content = json.dumps(json.loads(content) | {"seconds": 0.0}, sort_keys=True).encode()
        found[str(name)] = content
    return found


def compare(tmp_path: Path, backend: str, kills: int, rounds: int, seed: int) -> None:
    scenes(tmp_path)
    undisturbed = ingested(tmp_path, "corpus")
    before = len(paths(undisturbed))
    finish(undisturbed, "local", rounds)
    calm = undisturbed.rename(tmp_path / "calm")  # trainings name where their corpus lies
    struck = ingested(tmp_path, "corpus")
    chance = random.Random(seed)
    moments = sorted(chance.sample(range(before + 1, len(paths(calm))), kills))
    assert killed(struck, backend, rounds, moments, chance) == kills
    finish(struck, backend, rounds)
    wanted, got = lasting(calm), lasting(struck)
    names_backend = set() if backend == "local" else {"corpus.yaml", "corpus.yaml.seal"}
    assert {name for name, content in wanted.items() if got.get(name) != content} == names_backend
    assert got.keys() == wanted.keys()
    assert any("model.safetensors" in name for name in got)
    assert any("promotion.json" in name for name in got)
    assert fld("verify", str(struck)).code == 0


@pytest.mark.thorough
@pytest.mark.timeout(900)
def test_killed_three_times(tmp_path: Path) -> None:
    compare(tmp_path, "local", kills=3, rounds=1, seed=3)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_killed_eighteen_times(tmp_path: Path) -> None:
    compare(tmp_path, "local", kills=18, rounds=2, seed=18)


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.timeout(3600)
def test_killed_five_times_with_actors(tmp_path: Path) -> None:
    compare(tmp_path, "ray", kills=5, rounds=1, seed=5)
