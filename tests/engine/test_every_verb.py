"""Every verb through the real command line, on the corpus that `fld demo` makes of eight pictures."""

import re
from pathlib import Path

import pytest

from tests.engine.commands import Done, fld

SHORT = ["engine.backend=local", "loop.retrain.steps=2", "loop.retrain.batch=2"]
"""One process, and a training that only goes through all its parts: `make demo` trains for a minute."""
CASES = {
    "run": ("{folder}/scenes/noisy.jsonl {folder}/corpus", "8 images = 8 kept + 0 failed; 0 new"),
    "ingest": ("{folder}/scenes/noisy.jsonl {folder}/corpus", "8 images = 8 kept + 0 failed; 0 new"),
    "annotate": ("{folder}/corpus", "annotate: 0 units run"),
    "plan": ("{folder}/corpus --sample 4 --seconds 2 --set engine.backend=local", "of all annotators' time"),
    "filter": ("{folder}/corpus --dry-run --set filters.region.min_score=0.5", "Dry run: nothing was written."),
    "init": ("{folder}/new --size nano --tokenizer embedded:florence2-nano", "untrained parameters"),
    "retrain": ("{folder}/corpus --round 2 --from embedded:florence2-nano", "trained in"),
    "loop": ("{folder}/corpus --rounds 1", "model trained on it"),
    "show": ("{folder}/corpus 000003 --dropped --out {folder}/000003.png", "picture: {folder}/000003.png"),
    "report": ("{folder}/corpus --out {folder}/page.html", "report: {folder}/page.html"),
    "stats": ("{folder}/corpus", "in brackets FLD-5B"),
    "review": ("{folder}/corpus --suspects 3", ""),
    "export": ("{folder}/corpus {folder}/coco.json", "coco.json: 8 images"),
    "eval": ("{folder}/corpus --gold {folder}/scenes/gold.jsonl", "boxes/precision"),
    "status": ("{folder}/corpus", "round 1: 8 kept"),
    "verify": ("{folder}/corpus", "units"),
    "trust": ("{folder}/corpus", "nothing to trust"),
    "doctor": ("", "rapidocr"),
    "config": ("--all", "annotators:"),
    "scenes": ("{folder}/more --count 2", "2 scenes"),
    "calibrate": ("{folder}/corpus --gold {folder}/scenes/gold.jsonl", "calibration/gold.json: by gold"),
}
"""What is typed after the verb -> what is printed, among other things. `calibrate` changes labels: it is last."""
NOT_HERE = {"demo", "view"}
"""One is the fixture, the other answers until it is stopped: tests/engine/verbs/test_view.py."""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Done]:
    folder = tmp_path_factory.mktemp("verbs") / "demo"
    settings = [word for setting in SHORT for word in ("--set", setting)]
    return folder, fld("demo", str(folder), "--count", "8", *settings)


def verbs() -> list[str]:
    """As `fld --help` lists them."""
    done = fld("--help")
    assert done.code == 0
    return re.findall(r"^  (\w+)  ", done.said.partition("Commands:")[2], re.MULTILINE)


def test_every_verb_has_a_case() -> None:
    assert sorted(verbs()) == sorted({*CASES, *NOT_HERE})


@pytest.mark.parametrize("verb", sorted({*CASES, *NOT_HERE}))
def test_every_verb_has_help(verb: str) -> None:
    done = fld(verb, "--help")
    assert done.code == 0
    assert re.search(rf"Usage: fld .*{verb}", done.said), done.said


def test_the_demo_measures_both_rounds_and_says_what_to_do_next(demo: tuple[Path, Done]) -> None:
    folder, done = demo
    assert done.code == 0, done.said
    assert re.search(r"measure +before filters +round 0 +round 2 +round 2 - round 0", done.said), done.said
    assert "boxes/precision" in done.said
    for number in ("00", "01"):
        assert (folder / "corpus" / "rounds" / number / "shards" / "000000.tar").is_file()
    assert (folder / "report.html").stat().st_size > 100_000
    assert f"fld show {folder}/corpus 000000 --dropped" in done.said


@pytest.mark.parametrize("verb", CASES)
def test_every_verb_does_its_work(demo: tuple[Path, Done], verb: str) -> None:
    folder, _ = demo
    typed, printed = (text.format(folder=folder) for text in CASES[verb])
    done = fld(verb, *typed.split())
    assert done.code == 0, done.said
    assert printed in done.said
