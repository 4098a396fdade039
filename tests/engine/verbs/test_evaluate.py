"""`fld eval` on drawn scenes with given labels: no model runs."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from engine.api.evaluate import evaluate
from engine.config.config_text import ConfigError
from engine.corpus.session import look
from engine.report.quality import records, unfiltered
from engine.runtime.refilter import refilter
from engine.verbs.eval import run
from engine.verbs.rounds import ingest, refilter_round
from shards.record import read_record_lines
from stages.held_out import is_held_out
from stages.ingest.entry import SourceError
from stages.scenes.settings import NoiseSettings
from stages.scenes.write import write_scenes

NOBODY = ["annotators={}"]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """scenes/ and a corpus of given labels with rounds 0 and 1; in round 1 no box has a score that is high enough."""
    folder = tmp_path_factory.mktemp("eval")
    write_scenes(folder / "scenes", 8, 11, noisy=NoiseSettings())
    corpus = str(folder / "corpus")
    ingest([str(folder / "scenes" / "noisy.jsonl")], corpus, None, NOBODY, retry_quarantined=False)
    refilter_round(corpus, 0, None, NOBODY, dry_run=False)
    session = look(corpus)
    strict = session.config.filters.region.model_copy(update={"deny_labels": ["cup"]})
    filters = session.config.filters.model_copy(update={"region": strict})
    fuse = session.config.fuse.model_copy(update={"given": "filter"})
    refilter(session.store, replace(session.plan(0), number=1, filters=filters, fuse=fuse), {}, 1)
    return folder


def test_stages_annotators_and_changes_are_measured(drawn: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = drawn / "eval.json"
    run(str(drawn / "corpus"), str(drawn / "scenes" / "gold.jsonl"), 0, json_path=str(out), resamples=10)
    found = json.loads(out.read_text())
    assert found["images"] == found["gold"]["read"] == 8
    measured = found["rounds"]["0"]
    assert list(measured["stages"]) == ["raw", "+ confidence", "+ labels", "+ consensus", "+ boxes", "+ texts", "kept"]
    assert list(measured["annotators"]) == ["given"]
    kept = measured["stages"]["kept"]
    assert set(kept["boxes/recall"]) == {"value", "low", "high", "count"}
    assert kept["boxes/recall"] == measured["annotators"]["given"]["boxes/recall"]  # given labels always stay
    assert 0.3 < kept["boxes/recall"]["value"] < 1.0
    assert "captions/brief/objects_f1" in kept
    assert not any(name.startswith(("captions/detailed", "phrases", "words")) for name in kept)
    assert measured["changes"]["kept - given"]["boxes/recall"]["value"] == 0.0
    printed = capsys.readouterr().out
    assert "measured on 8" in printed
    assert "Each annotator alone" in printed


def test_raw_is_what_quality_calls_unfiltered(drawn: Path) -> None:
    session = look(str(drawn / "corpus"))
    assert len(records(session.store, unfiltered(session.plan(0)), session.skipped())) == 8


def test_held_out_images_only(drawn: Path) -> None:
    out = drawn / "held.json"
    gold = str(drawn / "scenes" / "gold.jsonl")
    hashes = [record.sha256 for record in read_record_lines(gold)]
    chosen = {share: sum(is_held_out(each, share) for each in hashes) for share in (0.1, 0.2, 0.3, 0.5, 0.7, 0.9)}
    share, count = next((share, count) for share, count in chosen.items() if 0 < count < 8)
    run(str(drawn / "corpus"), gold, 0, held_out=share, json_path=str(out), resamples=0)
    found = json.loads(out.read_text())
    assert (found["images"], found["gold"]["left_out"]) == (count, 8 - count)


def test_what_cannot_be_measured_is_refused(drawn: Path) -> None:
    corpus, gold = str(drawn / "corpus"), str(drawn / "scenes" / "gold.jsonl")
    with pytest.raises(ConfigError, match=r"has no round 7 to measure: it has \[0, 1\]"):
        run(corpus, gold, 7)
    with pytest.raises(ConfigError, match="held_out must be above 0 and at most 1, got 2"):
        run(corpus, gold, 0, held_out=2)
    with pytest.raises(SourceError, match="is no file"):
        run(corpus, "nowhere.jsonl", 0)


def test_the_figure_of_one_round_has_a_line_for_it_and_for_every_annotator_that_finds_objects(
    drawn: Path, tmp_path: Path
) -> None:
    corpus, gold = str(drawn / "corpus"), str(drawn / "scenes" / "gold.jsonl")
    curves = evaluate(corpus, gold, resamples=0).curves
    assert list(curves) == ["round 0", "given"]  # the labels of scenes; its fake annotators find no object
    assert len(curves["given"].scores) >= len(curves["round 0"].scores) > 0
    run(corpus, gold, 0, resamples=0, figure_path=str(tmp_path / "objects.png"))
    assert (tmp_path / "objects.png").read_bytes().startswith(b"\x89PNG")


def test_gold_of_other_images_is_said(drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = (drawn / "scenes" / "gold.jsonl").read_bytes().splitlines()
    shutil.copytree(drawn / "corpus", tmp_path / "corpus")
    (tmp_path / "gold.jsonl").write_bytes(b"\n".join([*lines[:3], lines[3].replace(b'"000003"', b'"elsewhere"')]))
    assert len(read_record_lines(tmp_path / "gold.jsonl")) == 4
    run(str(tmp_path / "corpus"), str(tmp_path / "gold.jsonl"), 0, resamples=0)
    said = " ".join(capsys.readouterr().out.split())
    assert "gold: 4 images; 1 of them not in the corpus; 5 images of the corpus have none; measured on 3" in said
