"""Paths that a corpus keeps hold from any folder, and say which setting they are when they are gone."""

import shutil
from pathlib import Path

import pytest
import yaml

from engine.config.config import load_config
from engine.config.config_text import ConfigError
from engine.config.paths import check_there, from_any_folder
from tests.engine.commands import fld
from tests.engine.fake_specialists import save_pictures

HUB = {"weights": "ab/model", "revision": "0" * 40}
OWN = """
engine: {backend: local}
annotators:
  objects: {role: detector, specialist: {backend: ultralytics, weights: runs/best.pt}}
  long:
    role: describer
    specialist: {backend: openai, model: m, base_url: "http://localhost:1/v1", prompts: {detailed: ask.txt}}
"""
NAMED = ("objects", "masks", "matches")
WEIGHTS, PROMPT = "annotators.objects.specialist.weights", "annotators.long.specialist.prompts.detailed"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a checkpoint, a template, settings that name them from here, and pictures."""
    home = tmp_path / "project"
    (home / "runs").mkdir(parents=True)
    (home / "ab/model").mkdir(parents=True)
    (home / "runs/best.pt").write_bytes(b"weights")
    (home / "ask.txt").write_text("What is there?")
    (home / "own.yaml").write_text(OWN)
    save_pictures(home / "photos", 2)
    monkeypatch.chdir(home)
    return home


def test_what_is_there_becomes_absolute_and_names_stay_names(project: Path) -> None:
    named = {WEIGHTS: "runs/best.pt", "annotators.matches.specialist": {"backend": "clip", **HUB}}
    config = load_config("embedded", named)
    found = from_any_folder(config, None)
    weights = {
        name: each.specialist.model_dump()["weights"] for name, each in found.annotators.items() if name in NAMED
    }
    assert weights == {
        "objects": f"{project}/runs/best.pt", "masks": "embedded:sam-nano", "matches": "ab/model"
    }  # fmt: skip
    assert found.loop == config.loop
    assert from_any_folder(config, ["annotators.masks"]) == config
    assert from_any_folder(config, ["annotators.objects.specialist"]) == found


def test_kept_paths_hold_from_another_folder_after_the_corpus_moved(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = fld("ingest", "photos", "corpus", "--config", "own.yaml")
    assert done.code == 0, done.said
    (project / "elsewhere").mkdir()
    shutil.move(project / "corpus", project / "elsewhere/corpus")
    kept = yaml.safe_load((project / "elsewhere/corpus/corpus.yaml").read_text())["annotators"]
    assert kept["objects"]["specialist"]["weights"] == f"{project}/runs/best.pt"
    assert kept["long"]["specialist"]["prompts"]["detailed"] == f"{project}/ask.txt"
    monkeypatch.chdir(project / "elsewhere")
    assert fld("trust", "corpus").code == 0
    for name, setting in (("runs/best.pt", WEIGHTS), ("ask.txt", PROMPT)):
        there = project / name
        away = there.rename(there.with_suffix(".away"))
        done = fld("annotate", "corpus")
        away.rename(there)
        assert done.code == 2
        assert (
            done.said
            == f"Error: {setting}: {there} is not there any more: bring it back, or set {setting} to another path\n"
        )


def test_a_path_that_is_gone_is_named_where_it_is_needed(project: Path) -> None:
    config = from_any_folder(load_config("embedded", {"loop.student.start": "runs/best.pt"}), None)
    check_there(config, "loop")
    (project / "runs/best.pt").unlink()
    check_there(config, "annotators")
    check_there(config, "loop.start")
    with pytest.raises(ConfigError, match=r"^loop\.student\.start: /.*/runs/best\.pt is not there any more"):
        check_there(config, "loop.student.start")
