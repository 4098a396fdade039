"""The recipe end to end on a treebank of a few generated sentences: it learns, saves, and repeats itself exactly."""

import random
from dataclasses import replace
from pathlib import Path

import pytest
import spacy

from stages.recipes.parser.captions import captions
from stages.recipes.parser.train import Schedule, train
from stages.recipes.parser.treebank import Sentence

FIRST = Schedule(epochs=2, captions=20, first_batch_words=150, batch_words=300, warmup=3, rate=0.01)
SECOND = replace(FIRST, epochs=1, rate=0.005, run_lengths=(2, 5), moves=50)


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


def test_a_folder_without_a_treebank(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"must hold exactly one \*-ud-train\.conllu, found 0"):
        train(tmp_path, tmp_path / "out", FIRST, SECOND)
