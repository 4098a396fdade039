"""`rounds.originals`: copy, link and none, and everybody who reads a round. All of them find the same.

One corpus of drawn scenes with given labels is copied twice, and its round written again without pictures. No model
annotates; a Florence-2 of a few weights and a student's data set are made of it.
"""

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest
import webdataset as wds
from starlette.testclient import TestClient

import engine
from engine.api.export import FORMATS
from engine.api.view import roles
from engine.view.app import build_app
from shards.originals import OriginalsPolicy
from shards.reader import Corpus
from shards.store import LocalStore
from stages.retrain.pool import load_pool
from stages.retrain.student_data import class_names, write_lessons
from stages.retrain.student_doubts import Doubts
from tests.engine.commands import fld
from tests.specialists.tiny_florence2 import save_tiny_florence2

KEYS = [f"{number:06d}" for number in range(8)]
Read = Callable[[Path, Path], object]


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> dict[OriginalsPolicy, Path]:
    """The same corpus, as each policy has it; each in a folder of its own, under the same name."""
    folder = tmp_path_factory.mktemp("readers")
    engine.scenes(folder / "scenes", count=len(KEYS), size=96, noisy=True)
    found: dict[OriginalsPolicy, Path] = {}
    first = folder / "copy/corpus"
    done = fld("run", str(folder / "scenes/noisy.jsonl"), str(first), "--set", "annotators={}")
    assert done.code == 0, done.said
    for policy in get_args(OriginalsPolicy):
        found[policy] = folder / policy / "corpus"
        if policy != "copy":
            shutil.copytree(first, found[policy])
            done = fld("filter", str(found[policy]), "--set", f"rounds.originals={policy}")
            assert done.code == 0, done.said
    return found


def samples(corpus: Path, out: Path) -> object:
    del out
    round_ = Corpus(str(corpus)).round(0)
    return [sample for shard in round_.shards() for sample in round_.samples(shard)]


def one_by_one(corpus: Path, out: Path) -> object:
    del out
    round_ = Corpus(str(corpus)).round(0)
    return [(round_.record(key), round_.image(key)) for key in list(round_.keys())]


def show(corpus: Path, out: Path) -> object:
    said = [fld("show", str(corpus), key, "--out", str(out / "p.png"), "--dropped") for key in KEYS[:2]]
    assert [each.code for each in said] == [0, 0], said
    return [each.said.replace(str(out), "") for each in said], (out / "p.png").read_bytes()


def viewer(corpus: Path, out: Path) -> object:
    del out
    store = LocalStore(corpus)
    app = build_app(store, "corpus", "s3cret", roles(store))
    client = TestClient(app, base_url="http://localhost:8123/s3cret/")
    pages = ["./", "suspects?round=0", f"image?round=0&key={KEYS[1]}"]
    for row, key in enumerate(KEYS):
        pages += [f"thumbnail?round=0&row={row}", f"picture?round=0&key={key}", f"cut?round=0&row={row}&view=0,0,40,40"]
    answers = {page: client.get(page) for page in pages}
    refused = {page: answer.text for page, answer in answers.items() if answer.status_code != 200}
    assert not refused
    return {page: answer.content for page, answer in answers.items()}


def evaluate(corpus: Path, out: Path) -> object:
    gold = corpus.parents[1] / "scenes/gold.jsonl"
    done = fld("eval", str(corpus), "--gold", str(gold), "--json", str(out / "eval.json"))
    assert done.code == 0, done.said
    return (out / "eval.json").read_bytes().replace(str(corpus).encode(), b"")


def report(corpus: Path, out: Path) -> object:
    done = fld("report", str(corpus), "--out", str(out / "page.html"))
    assert done.code == 0, done.said
    page = (out / "page.html").read_text().replace(str(corpus), "")
    assert page.count("data:image/") > 1  # pictures are in it
    return re.sub(r"<tr><td><code>rounds\.originals</code>.*?</tr>", "", page)


def counts(corpus: Path, out: Path) -> object:
    del out
    done = fld("stats", str(corpus), "--json")
    assert done.code == 0, done.said
    return done.said


def review(corpus: Path, out: Path) -> object:
    """Suspects as they are named, and corrections taken in and applied."""
    suspects = fld("review", str(corpus), "--suspects", "5")
    corrections = out / "corrections.jsonl"
    line = {"key": KEYS[2], "action": "add", "text": "zebra", "label": "zebra", "box": [1, 1, 20, 19]}
    corrections.write_text(json.dumps(line) + "\n")
    taken = fld("review", str(corpus), str(corrections), "--who", "ann")
    done = fld("filter", str(corpus))
    assert (suspects.code, taken.code, done.code) == (0, 0, 0), (suspects.said, taken.said, done.said)
    record = Corpus(str(corpus)).round(0).record(KEYS[2])
    assert "zebra" in str(record)
    return suspects.said, record, samples(corpus, out)


def train(corpus: Path, out: Path) -> object:
    """Its losses, which every pixel changes."""
    checkpoint = save_tiny_florence2(out / "tiny")
    quick = {
        "steps": 3,
        "learning_rate": 1e-3,
        "batch": 4,
        "targets": 2,
        "warmup": 0,
        "held_out": 0.3,
        "eval_images": 2,
        "generate_every": 0,
    }
    sets = [f"--set=loop.retrain.{name}={value}" for name, value in quick.items()]
    where = ["--from", str(checkpoint), "--set", "engine.backend=local"]
    done = fld("retrain", str(corpus), *where, "--set", "loop.retrain.tasks=[<CAPTION>, <OD>]", *sets)
    assert done.code == 0, done.said
    said = (corpus / "rounds/00/model/trainer/metrics.jsonl").read_text()
    known = {"step", "loss", "norm", "held_out", "held_out/f1"}
    losses = [{name: each for name, each in json.loads(line).items() if name in known} for line in said.splitlines()]
    assert any("loss" in each for each in losses), said
    return losses


def student(corpus: Path, out: Path) -> object:
    trained, held = load_pool(LocalStore(corpus), 0).split(0.3)
    write_lessons(trained, held, class_names([trained, held]), out / "lessons", Doubts("teach", 1.0))
    return tree(out / "lessons")


def exports(corpus: Path, out: Path) -> object:
    """Every format, with pictures and without."""
    found = {}
    for name in FORMATS:
        for pictures in ("copy", "link", "leave"):
            folder = out / name / pictures
            done = fld("export", str(corpus), str(folder), "--format", name, "--pictures", pictures)
            found[name, pictures] = tree(folder) if done.code == 0 else {"refused": done.said.replace(str(out), "")}
    assert sum("refused" not in each for each in found.values()) >= 2 * len(FORMATS), found
    return found


def joined(corpus: Path, out: Path) -> object:
    """The line for those who read with webdataset."""
    done = fld("export", str(corpus), str(out / "joined"), "--format", "webdataset")
    assert done.code == 0, done.said
    tars = [wds.WebDataset(str(path), shardshuffle=False) for path in sorted((out / "joined").glob("*.tar"))]
    own = {"__url__", "__local_path__"}
    read = [sorted((name, sample[name]) for name in sample.keys() - own) for tar in tars for sample in tar]
    assert len(read) == len(KEYS)
    return read


def tree(folder: Path) -> dict[str, str]:
    """Every file below, and a hash of what is in it but for the folder's own name."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    own = str(folder).encode()
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes().replace(own, b"")).hexdigest() for path in files
    }


@pytest.mark.thorough
@pytest.mark.filterwarnings(
    "ignore:unclosed file:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)  # webdataset leaves it open
@pytest.mark.parametrize(
    "read",
    [samples, one_by_one, show, viewer, evaluate, report, counts, exports, joined, student, train, review],
)
def test_a_reader_finds_the_same_wherever_the_pictures_are(
    corpora: dict[OriginalsPolicy, Path], read: Read, tmp_path: Path
) -> None:
    found = {}
    for policy, corpus in corpora.items():
        out = tmp_path / policy
        out.mkdir()
        found[policy] = read(corpus, out)
    assert found["none"] == found["copy"]
    assert found["link"] == found["copy"]


def test_they_are_what_they_are_called(corpora: dict[OriginalsPolicy, Path]) -> None:
    tars = {policy: (corpus / "rounds/00/shards/000000.tar").stat().st_size for policy, corpus in corpora.items()}
    assert tars["none"] == tars["link"] < tars["copy"] / 2
    assert (corpora["link"] / "rounds/00/originals/000000.tar").stat().st_nlink == 2
    assert not (corpora["none"] / "rounds/00/originals").exists()
