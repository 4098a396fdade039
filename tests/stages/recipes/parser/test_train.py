"""The recipe end to end on a treebank of a few generated sentences: it learns, saves, and repeats itself exactly."""

import json
import logging
import random
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
import spacy

from stages.recipes.parser.captions import captions
from stages.recipes.parser.state import StateFile
from stages.recipes.parser.train import Schedule, train
from stages.recipes.parser.treebank import Sentence

FIRST = Schedule(epochs=2, captions=20, first_batch_words=150, batch_words=300, warmup=3, rate=0.01)
SECOND = replace(FIRST, epochs=1, rate=0.005, run_lengths=(2, 5), moves=50)
OTHERS = {
    "facts": "others",
    "progress": {"rounds": [], "epoch": 1},
    "updates": {},
    "python": (3, (1,), None),
    "numpy": (0, 0, 0.0),
}


@pytest.fixture(scope="module")
def treebank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("treebank")
    for seed, (fold, count) in enumerate([("train", 60), ("dev", 8), ("test", 8)]):
        rows = [conllu(sentence) for sentence in captions(random.Random(seed), count)]
        (folder / f"en_tiny-ud-{fold}.conllu").write_text("\n".join(rows))
    return folder


def conllu(sentence: Sentence) -> str:
    columns = zip(sentence.words, sentence.tags, sentence.heads, sentence.deps, sentence.spaces, strict=True)
    lines = ["# newdoc id = x"]
    for place, (word, tag, head, dep, space) in enumerate(columns):
        above = 0 if head == place else head + 1
        lines.append(f"{place + 1}\t{word}\t_\t{tag}\t_\t_\t{above}\t{dep}\t_\t{'_' if space else 'SpaceAfter=No'}")
    return "\n".join([*lines, ""])


def test_it_learns_saves_and_repeats_itself(treebank: Path, tmp_path: Path) -> None:
    first = train(treebank, tmp_path / "first", FIRST, SECOND)
    again = train(treebank, tmp_path / "again", FIRST, SECOND)
    assert first == again
    for path in (tmp_path / "first").rglob("model"):
        assert path.read_bytes() == (tmp_path / "again" / path.relative_to(tmp_path / "first")).read_bytes()

    assert first["test"].upos > 40
    nlp = spacy.load(tmp_path / "first")
    assert [(done["epochs"], done["moves"]) for done in nlp.meta["training"]] == [(2, 100), (1, 50)]
    assert nlp.meta["training"][1]["best_epoch"] == 2
    assert [token.text for token in nlp("and/or")] == ["and", "/", "or"]
    assert nlp.meta["sources"][0]["license"] == "CC BY-SA 4.0"
    assert nlp("A dog")[0].has_dep()
    card = (tmp_path / "first" / "README.md").read_text()
    assert f"| test | {first['test'].upos:.2f} |" in card
    assert "CC BY-SA 4.0" in card


class Stop(logging.Handler):
    """Ends a training when it has said something so many times, as a signal would."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self._left = after

    def emit(self, record: logging.LogRecord) -> None:
        self._left -= 1
        if self._left == 0:
            raise KeyboardInterrupt


def test_a_training_that_was_stopped_goes_on_as_if_it_had_not_been(treebank: Path, tmp_path: Path) -> None:
    """Stopped in the second epoch, then in the only epoch of the second round, each time before it was kept."""
    whole, parts, state = tmp_path / "whole", tmp_path / "parts", tmp_path / "state.npz"
    wanted = train(treebank, whole, FIRST, SECOND)
    log = logging.getLogger("stages.recipes.parser.train")
    log.setLevel(logging.INFO)
    epochs = []
    for after in (2, 2):
        stop = Stop(after)
        log.addHandler(stop)
        with pytest.raises(KeyboardInterrupt):
            train(treebank, parts, FIRST, SECOND, state)
        log.removeHandler(stop)
        kept = StateFile(state, json.loads(np.load(state)["kept"].tobytes())["facts"]).progress()
        epochs.append(None if kept is None else (len(kept.rounds), kept.epoch))
    assert epochs == [(0, 1), (1, 2)]
    assert train(treebank, parts, FIRST, SECOND, state) == wanted
    assert not state.exists()
    for path in whole.rglob("model"):
        assert path.read_bytes() == (parts / path.relative_to(whole)).read_bytes()


def test_the_state_of_another_training_is_refused(treebank: Path, tmp_path: Path) -> None:
    state = tmp_path / "state.npz"
    state.write_bytes(b"no state")
    with pytest.raises(ValueError, match="is no state of a training"):
        train(treebank, tmp_path / "out", FIRST, SECOND, state)
    np.savez(state, kept=np.frombuffer(msgspec.json.encode(OTHERS), dtype=np.uint8))
    with pytest.raises(ValueError, match="of another treebank or with other settings"):
        train(treebank, tmp_path / "out", FIRST, SECOND, state)


def test_a_folder_without_a_treebank(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"must hold exactly one \*-ud-train\.conllu, found 0"):
        train(tmp_path, tmp_path / "out", FIRST, SECOND)
