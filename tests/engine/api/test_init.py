"""`fld init`: one command to a checkpoint that `fld retrain` starts from."""

from pathlib import Path
from typing import Any

import pytest
import transformers
from typer.testing import CliRunner

from engine.api.init import init
from engine.cli import app
from engine.config.config_text import ConfigError
from shards.errors import CorpusError
from stages.held_out import is_held_out
from stages.retrain.job import RetrainJob
from stages.retrain.run import retrain
from tests.stages.retrain import corpora


def _init(out: Path, **options: Any) -> Path:
    report = init(out, "nano", **options)
    assert (report.path, report.size, report.tokens > 0, report.parameters > 10**6) == (str(out), "nano", True, True)
    return out


def _vocabulary(folder: Path) -> dict[str, int]:
    library: Any = transformers
    found: dict[str, int] = library.AutoProcessor.from_pretrained(folder).tokenizer.get_vocab()
    return found


def _file(tmp_path: Path) -> Path:
    (tmp_path / "texts.txt").write_text("a zebra stands\n\nthe zebra\nzebra\n")
    return tmp_path / "texts.txt"


def test_a_round_gives_the_tokenizer_and_training_starts_from_it(tmp_path: Path) -> None:
    corpus = corpora.build(tmp_path / "corpus", count=12)
    folder = _init(tmp_path / "new", corpus=corpus)
    assert {"What", "Ġsquare"} <= set(_vocabulary(folder))
    settings = corpora.settings(steps=2, batch=2, targets=1, eval_images=1)
    result = retrain(RetrainJob(corpus, 0, str(folder), settings))
    assert result.training.steps == 2
    assert _vocabulary(Path(result.folder)) == _vocabulary(folder)


def test_held_out_images_teach_the_tokenizer_nothing(tmp_path: Path) -> None:
    corpus = corpora.build(tmp_path / "corpus", count=24)
    (tmp_path / "corpus" / "corpus.yaml").write_text("annotators: {}\nloop: {retrain: {held_out: 0.999}}\n")
    assert all(is_held_out(corpora.sample(number)[0].sha256, 0.999) for number in range(24))
    with pytest.raises(ConfigError, match="has no text to learn a tokenizer from"):
        _init(tmp_path / "new", corpus=corpus)


def test_a_file_of_texts(tmp_path: Path) -> None:
    known = _vocabulary(_init(tmp_path / "new", texts=_file(tmp_path)))
    assert {"zebra", "Ġzebra", "Ġimage"} <= set(known)


def test_the_tokenizer_of_a_checkpoint(tmp_path: Path) -> None:
    folder = _init(tmp_path / "new", tokenizer="embedded:florence2-nano")
    embedded = Path(__file__).parents[3] / "specialists" / "embedded" / "florence2-nano"
    assert _vocabulary(folder) == _vocabulary(embedded)


def test_equal_seeds_give_equal_files(tmp_path: Path) -> None:
    texts = _file(tmp_path)
    first, same = _init(tmp_path / "a", texts=texts), _init(tmp_path / "b", texts=texts)
    names = {path.name for path in first.iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json", "processor_config.json"} <= names
    assert all((first / name).read_bytes() == (same / name).read_bytes() for name in names)
    weights = [(folder / "model.safetensors").read_bytes() for folder in (
        first, _init(tmp_path / "c", texts=texts, seed=2), _init(tmp_path / "d", texts=texts, ordinal=False)
    )]  # fmt: skip
    assert len(set(weights)) == 3


def test_the_verb(tmp_path: Path) -> None:
    texts, out = _file(tmp_path), tmp_path / "new"
    result = CliRunner().invoke(app, ["init", str(out), "--size", "nano", "--texts", str(texts), "--no-ordinal"])
    assert result.exit_code == 0, result.output
    assert "untrained parameters" in result.output
    assert (out / "model.safetensors").exists()


def test_one_source_is_needed(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs one of --corpus, --texts, --tokenizer, got none"):
        init(tmp_path / "new", "nano")
    with pytest.raises(ConfigError, match="got --corpus and --texts: say from what"):
        init(tmp_path / "new", "nano", corpus="c", texts="t")


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is there already: name a new folder"):
        _init(tmp_path, texts=_file(tmp_path))


def test_sources_that_hold_nothing(tmp_path: Path) -> None:
    empty, binary = tmp_path / "empty.txt", tmp_path / "binary.txt"
    empty.write_text("\n \n")
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="has no text to learn a tokenizer from"):
        _init(tmp_path / "new", texts=empty)
    with pytest.raises(ConfigError, match="must be text in UTF-8"):
        _init(tmp_path / "new", texts=binary)
    with pytest.raises(CorpusError, match="round 3"):
        _init(tmp_path / "new", corpus=corpora.build(tmp_path / "corpus", count=4), round=3)
    assert not (tmp_path / "new").exists()
