"""The Python door: its names are pinned, it opens at once, and it returns what the verbs print."""

import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

import engine
from shards.factory import FactoryError
from tests.engine.fake_specialists import save_pictures
from tests.engine.verbs.test_rounds import CONFIG

EXPORTS = [
    "AnnotateReport", "CalibrateReport", "Config", "ConfigError", "Corpus", "DoctorReport", "EvalReport",
    "ExportReport", "FilterReport", "IngestReport", "InitReport", "LoopReport", "PageReport", "PlanReport", "Record",
    "RefusedError", "RetrainResult", "ReviewReport", "RunReport", "ShowReport", "StatsReport", "StatusReport",
    "Suspected", "Verification", "Viewer", "WatchError", "annotate", "calibrate", "doctor", "evaluate",
    "export", "filter", "ingest", "init", "load_config", "loop", "open_viewer", "plan", "retrain", "review", "run",
    "scenes", "show", "stats", "status", "suspected", "trust", "verify", "write_report",
]  # fmt: skip


def test_the_exports_are_these_and_all_are_there() -> None:
    assert engine.__all__ == EXPORTS
    for name in EXPORTS:
        assert getattr(engine, name).__name__ == name
    assert set(EXPORTS) <= set(dir(engine))
    modules = {path.stem for path in Path(engine.__file__).parent.iterdir()}
    assert not modules & set(EXPORTS), "a module of that name would take the place of the function"
    with pytest.raises(AttributeError, match=r"'engine' has no attribute 'rnu': it has .*run"):
        engine.rnu  # noqa: B018


def test_the_types_come_along() -> None:
    for name in ("engine", "stages", "specialists", "filters", "shards"):
        assert (files(name) / "py.typed").is_file()


def test_the_door_opens_without_loading_anything() -> None:
    heavy = ["torch", "transformers", "ray", "spacy", "pyarrow", "pydantic", "numpy", "rich"]
    code = f"import engine, sys; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_a_notebook_cell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_pictures(tmp_path / "photos", 5)
    (tmp_path / "fakes.yaml").write_text(CONFIG)
    corpus = tmp_path / "corpus"
    parts: list[object] = []
    report = engine.run([tmp_path / "photos"], corpus, tmp_path / "fakes.yaml", tell=parts.append)
    assert (report.read, report.kept, report.dropped, report.failed) == (5, 5, 0, 0)
    assert parts == [report.ingest, report.annotate, report.filter]
    assert report.filter.tally["region", "region.score"] == 5
    assert [record.key for record in engine.Corpus(str(corpus)).round(0).records("000000")] == [
        f"p{index:03d}" for index in range(4)
    ]
    would = engine.filter(corpus, settings={"filters.region.min_score": 0.1}, dry_run=True)
    assert (would.tally["region", "kept"], would.before["region", "kept"], would.kept) == (10, 5, 5)
    assert engine.filter(corpus).unchanged == 2
    exported = engine.export(corpus, tmp_path / "coco.json")
    assert (exported.images, exported.objects, exported.categories) == (5, 5, 1)
    assert capsys.readouterr() == ("", "")


def test_settings_are_a_file_a_profile_or_an_object(tmp_path: Path) -> None:
    (tmp_path / "fakes.yaml").write_text(CONFIG)
    config = engine.load_config(tmp_path / "fakes.yaml", {"filters.region.min_score": 0.1})
    save_pictures(tmp_path / "photos", 2)
    report = engine.run(tmp_path / "photos", tmp_path / "corpus", config, {"filters.ocr.min_score": 0.2})
    assert report.filter.tally["region", "kept"] == 4
    assert engine.load_config("open").annotators.keys() != config.annotators.keys()
    with pytest.raises(engine.ConfigError, match=r"config:\n  filters.region.min_scor: unknown key"):
        engine.load_config(config, {"filters.region.min_scor": 0.4})
    with pytest.raises(engine.ConfigError, match=r"fuse.score.x=1: fuse.score is a value, not a section"):
        engine.load_config(config, {"fuse.score.x": 1})


def test_no_image_is_read_before_every_specialist_is_built(tmp_path: Path) -> None:
    save_pictures(tmp_path / "photos", 2)
    (tmp_path / "fakes.yaml").write_text(CONFIG.replace("BoxSegmenter", "NoSuchClass"))
    with pytest.raises(FactoryError, match="has no callable 'NoSuchClass'"):
        engine.run(tmp_path / "photos", tmp_path / "corpus", tmp_path / "fakes.yaml")
    own = {"filters.custom": [{"factory": "no_such_rules:Rule", "on": "region"}]}
    (tmp_path / "good.yaml").write_text(CONFIG)
    with pytest.raises(FactoryError, match="cannot import no_such_rules"):
        engine.run(tmp_path / "photos", tmp_path / "corpus", tmp_path / "good.yaml", own)
    assert not (tmp_path / "corpus" / "images").exists()
