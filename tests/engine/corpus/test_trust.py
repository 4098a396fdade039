"""A stranger's corpus: looking at it runs nothing, and what it names runs only if this user says so."""

import shutil
import sys
from pathlib import Path

import pytest
import yaml

from engine.config.config import Config
from shards.settings import Settings, danger_of
from stages.annotate.build import Annotator
from tests.engine.commands import fld
from tests.engine.projects import build, looks


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A corpus that came from elsewhere: this user's memory is empty."""
    found = build(tmp_path / "theirs")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return found


def set_trap(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the settings of the corpus name a module that leaves a file when it is imported."""
    folder = corpus.parent / "code"
    folder.mkdir()
    sprung = corpus.parent / "sprung"
    (folder / "trap_of_a_stranger.py").write_text(f"open({str(sprung)!r}, 'w')\n")
    monkeypatch.syspath_prepend(folder)
    path = corpus / "corpus.yaml"
    settings = yaml.safe_load(path.read_text())
    settings["annotators"]["boxes"]["specialist"]["factory"] = "trap_of_a_stranger:Detector"
    path.write_text(yaml.safe_dump(settings))
    (corpus / "corpus.yaml.seal").unlink()
    (corpus / "columns.json").unlink()
    (corpus / "columns.json.seal").unlink()
    return sprung


def test_looking_imports_builds_and_loads_nothing(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sprung = set_trap(corpus, monkeypatch)
    for verb, done in looks(corpus).items():
        assert (verb, done.code) == (verb, 0), done.said
    assert not sprung.exists()
    assert "trap_of_a_stranger" not in sys.modules


@pytest.mark.parametrize("verb", ["annotate", "loop", "run", "retrain"])
def test_verbs_that_run_annotators_refuse_and_list_what_they_would_run(
    corpus: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    sprung = set_trap(corpus, monkeypatch)
    options = {"run": [str(corpus.parent / "photos")], "retrain": []}.get(verb, [])
    more = ["--from", "embedded:florence2-nano"] if verb in ("loop", "retrain") else []
    done = fld(verb, *options, str(corpus), *more)
    assert done.code == 2
    assert 'annotators.boxes.specialist.factory = "trap_of_a_stranger:Detector" (imports and calls it)' in done.said
    assert f"fld trust {corpus}" in done.said
    assert not sprung.exists()


def test_own_filters_and_another_parser_count_only_from_this_user(corpus: Path) -> None:
    path = corpus / "corpus.yaml"
    settings = yaml.safe_load(path.read_text())
    settings["filters"]["parser"]["pipeline"] = "antigravity"
    path.write_text(yaml.safe_dump(settings))
    (corpus / "corpus.yaml.seal").unlink()
    for done in (fld("filter", str(corpus)), fld("filter", str(corpus), "--dry-run")):
        assert (done.code, 'filters.parser.pipeline = "antigravity"' in done.said) == (2, True)
    assert fld("status", str(corpus)).code == 0


def test_trust_is_remembered_outside_the_corpus_and_only_for_these_values(corpus: Path, tmp_path: Path) -> None:
    assert fld("annotate", str(corpus)).code == 2
    trusted = fld("trust", str(corpus))
    assert trusted.code == 0
    assert "trusted: annotators.boxes.specialist.factory" in trusted.said
    assert fld("annotate", str(corpus)).code == 0
    moved = tmp_path / "moved"
    shutil.move(corpus, moved)
    assert fld("annotate", str(moved)).code == 2, "another place may be another corpus"
    assert fld("annotate", str(moved), "--config", str(tmp_path / "theirs/fakes.yaml")).code == 0
    assert fld("annotate", str(moved)).code == 0, "given once with --config, it is this user's"
    other = "annotators.boxes.specialist.factory=tests.engine.fake_specialists:ColourCaptioner"
    assert "must have" in fld("annotate", str(moved), "--set", other).said, "--set is this user's, too"


def test_weights_that_lie_in_the_corpus_are_named(corpus: Path) -> None:
    (corpus / "weights.pt").write_bytes(b"x")
    path = corpus / "corpus.yaml"
    settings = yaml.safe_load(path.read_text())
    settings["annotators"]["boxes"]["specialist"] = {"backend": "ultralytics", "weights": str(corpus / "weights.pt")}
    path.write_text(yaml.safe_dump(settings))
    (corpus / "corpus.yaml.seal").unlink()
    assert f'weights = "{corpus}/weights.pt" loads weights that lie in the corpus' in fld("annotate", str(corpus)).said


def every_setting(kind: object, seen: set[type[Settings]]) -> set[type[Settings]]:
    """All settings classes that a config can hold."""
    from engine.config.config_text import _members

    for member in _members(kind):
        arguments = getattr(member, "__args__", ())
        for below in arguments:
            every_setting(below, seen)
        if isinstance(member, type) and issubclass(member, Settings) and member not in seen:
            seen.add(member)
            for field in member.model_fields.values():
                every_setting(field.annotation, seen)
    return seen


def test_every_setting_that_sounds_dangerous_says_so() -> None:
    names = {
        "factory",
        "trust_pickle",
        "runtime_env",
        "pipeline",
        "api_key_env",
        "base_url",
        "address",
        "allow_private",
        "schemes",
    }
    found = set()
    for kind in every_setting(Config, set()) | every_setting(Annotator, set()):
        for name, field in kind.model_fields.items():
            if name in names:
                assert danger_of(field) is not None, f"{kind.__name__}.{name}"
                found.add(name)
    assert found == names


def test_a_repair_of_what_no_annotator_made_needs_no_trust(corpus: Path) -> None:
    tar = corpus / "rounds/00/shards/000000.tar"
    whole = tar.read_bytes()
    tar.write_bytes(whole[:-1] + b"x")
    done = fld("verify", str(corpus), "--repair")
    assert done.code == 0, done.said
    assert tar.read_bytes() == whole
    [column] = sorted((corpus / "raw").glob("boxes-*/000000.parquet"))
    column.write_bytes(b"x")
    refused = fld("verify", str(corpus), "--repair")
    assert refused.code == 2
    assert f"fld trust {corpus}" in refused.said


def test_trust_that_cannot_be_kept_is_no_success(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "state").write_text("a file")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    done = fld("trust", str(corpus))
    assert (done.code, done.said.count("\n"), "Not a directory" in done.said) == (2, 1, True), done.said
    done = fld("annotate", str(corpus), "--config", str(corpus / "corpus.yaml"))
    assert done.code == 0, done.said
    assert "the next command wants these settings with --config again" in done.said
