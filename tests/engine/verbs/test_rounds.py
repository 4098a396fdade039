"""The whole engine on real pixels, in this process, with specialists whose answers can be worked out by hand."""

import shutil
import tarfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine.api.export import export
from engine.cli import app
from engine.config.config_text import ConfigError
from engine.verbs import rounds
from engine.verbs.show import show
from engine.verbs.status import status
from engine.verbs.verify import verify
from shards.errors import CorpusError, DamageError
from shards.reader import Corpus
from stages.ingest.report import IngestBudgetError
from tests.engine.fake_specialists import save_pictures

CONFIG = """
ingest: {shard_size: 4}
engine: {backend: local}
annotators:
  boxes: {role: detector, specialist: {backend: custom, factory: "tests.engine.fake_specialists:RectangleDetector"}}
  texts: {role: captioner, specialist: {backend: custom, factory: "tests.engine.fake_specialists:ColourCaptioner"}}
  crops:
    role: captioner
    of: boxes
    specialist: {backend: custom, factory: "tests.engine.fake_specialists:ColourCaptioner", options: {about: crops}}
  masks: {role: segmenter, specialist: {backend: custom, factory: "tests.engine.fake_specialists:BoxSegmenter"}}
  match: {role: matcher, specialist: {backend: custom, factory: "tests.engine.fake_specialists:LengthMatcher"}}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with ten pictures and a config; the working directory."""
    monkeypatch.chdir(tmp_path)
    save_pictures(tmp_path / "photos", 10)
    (tmp_path / "fakes.yaml").write_text(CONFIG)
    return tmp_path


def run(*assignments: str) -> None:
    rounds.run(["photos"], "corpus", "fakes.yaml", list(assignments))


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_a_run_ends_in_one_record_per_picture_with_every_part_in_place(project: Path) -> None:
    run()
    round_ = Corpus("corpus").round(0)
    assert round_.keys() == [f"p{index:03d}" for index in range(10)]
    record = round_.record("p001")
    assert [text.text for text in record.texts] == ["a green box stands on a grey wall"]
    [region] = record.regions
    assert region.box == (9.0, 10.0, 40.0, 30.0)
    assert region.text == "a green box stands on a grey wall"
    assert {candidate.kind for candidate in region.candidates} >= {"phrase", "brief"}
    assert region.polygons == [[9.0, 10.0, 40.0, 10.0, 40.0, 30.0, 9.0, 30.0]]
    assert [vote.source.ref for vote in region.votes] == ["boxes/0"]


def test_what_a_filter_drops_is_a_row_with_rule_value_and_threshold(project: Path) -> None:
    run()
    rows = Corpus("corpus").round(0).index().to_pylist()
    dropped = [row for row in rows if not row["kept"] and row["type"] == "region"]
    assert len(dropped) == 10
    assert {(row["rule"], row["value"], row["threshold"]) for row in dropped} == {("region.score", 0.2, 0.3)}


def test_a_second_run_changes_no_byte(project: Path) -> None:
    run()
    before = {path: data for path, data in files_of(project / "corpus").items() if not path.startswith((".", "logs"))}
    run()
    after = {path: data for path, data in files_of(project / "corpus").items() if not path.startswith((".", "logs"))}
    assert after == before


def test_moving_a_threshold_rewrites_the_round_and_no_raw_column(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run()
    raw = files_of(project / "corpus" / "raw")
    capsys.readouterr()
    rounds.refilter_round("corpus", 0, None, ["filters.region.min_score=0.1"], dry_run=True)
    counts = [line.split() for line in capsys.readouterr().err.splitlines()]
    assert ["region", "kept", "10", "20", "+10"] in counts
    assert ["region", "dropped:", "region.score", "10", "0", "-10"] in counts
    assert len(Corpus("corpus").round(0).record("p000").regions) == 1
    rounds.refilter_round("corpus", 0, None, ["filters.region.min_score=0.1"], dry_run=False)
    assert len(Corpus("corpus").round(0).record("p000").regions) == 2
    assert files_of(project / "corpus" / "raw") == raw
    rounds.annotate("corpus", None, [], retry_quarantined=False)
    assert files_of(project / "corpus" / "raw") == raw


def test_a_value_that_stays_is_told_every_time_until_it_is_reset(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run()
    first = files_of(project / "corpus" / "rounds")
    rounds.refilter_round("corpus", 0, None, ["filters.region.min_score=0.1"], dry_run=False)
    capsys.readouterr()
    rounds.refilter_round("corpus", 0, None, [], dry_run=True)
    assert "filters.region.min_score=0.1 (null); `--reset KEY` goes back" in " ".join(capsys.readouterr().err.split())
    rounds.refilter_round("corpus", 0, None, [], ["filters.region.min_score"], dry_run=False)
    assert "Not as in" not in capsys.readouterr().err
    assert files_of(project / "corpus" / "rounds") == first


def test_a_setting_of_an_annotator_that_a_filter_does_not_look_at_is_told(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run()
    capsys.readouterr()
    typed = ["annotators.boxes.specialist.options={version: 2}", "filters.region.min_score=0.1"]
    rounds.refilter_round("corpus", 0, None, typed, dry_run=True)
    told = "annotators.boxes.specialist.options: no annotator ran here; `fld annotate` works with it"
    assert told in " ".join(capsys.readouterr().err.split())


def test_another_detector_reruns_only_what_looks_at_its_boxes(project: Path) -> None:
    run()
    before = {path.name for path in (project / "corpus" / "raw").iterdir()}
    run("annotators.boxes.specialist.options={version: 2}")
    after = {path.name for path in (project / "corpus" / "raw").iterdir()}
    assert {name.partition("-")[0] for name in after - before} == {"boxes", "crops", "masks", "match"}


def test_a_picture_that_breaks_an_annotator_keeps_the_others_part_and_can_be_completed(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    once = "annotators.boxes.specialist.options={raises_on: 3, until: mended}"
    run(once)
    said = capsys.readouterr().err
    assert "10 images read = 10 kept + 0 dropped + 0 failed" in said
    assert "1 of the kept images are incomplete: an annotator failed on them" in said
    record = Corpus("corpus").round(0).record("p003")
    assert [missing.annotator for missing in record.missing or ()] == ["boxes", "crops", "masks", "match"]
    assert (len(record.texts), record.regions) == (1, [])
    status("corpus")
    said = capsys.readouterr().out
    assert "this picture is too much" in said
    assert "round 0: 10 kept (1 incomplete: an annotator failed), 0 dropped, 0 failed" in said
    show("corpus", "p003", 0, "p.png", dropped=True)
    said = capsys.readouterr().out
    assert "missing  boxes: error: RuntimeError: this picture is too much" in said
    Path("mended").touch()
    rounds.annotate("corpus", None, [], retry_quarantined=True)
    rounds.refilter_round("corpus", 0, None, [], dry_run=False)
    assert "0 of the kept images are incomplete: an annotator failed on them (1 before)" in capsys.readouterr().err
    assert not Corpus("corpus").round(0).record("p003").missing


def test_a_picture_that_breaks_an_annotator_is_left_out_where_the_settings_say_so(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("annotators.boxes.specialist.options={raises_on: 3}", "fuse.failed_annotator=drop")
    assert "10 images read = 9 kept + 0 dropped + 1 failed" in capsys.readouterr().err
    assert "p003" not in set(Corpus("corpus").round(0).keys())
    with pytest.raises(ConfigError, match=r"'p003' is not in this round: .*this picture is too much"):
        show("corpus", "p003", 0, "p.png", dropped=False)
    rounds.refilter_round("corpus", 0, None, ["fuse.failed_annotator=keep"], dry_run=False)
    said = capsys.readouterr().err
    assert "1 of the kept images are incomplete: an annotator failed on them (0 before)" in said
    assert "1 shards written, 2 up to date" in said


def test_a_round_of_records_is_read_like_one_with_pictures(project: Path) -> None:
    run()
    tar = project / "corpus/rounds/00/shards/000000.tar"
    whole, copied = tar.read_bytes(), tar.stat().st_size
    rounds.refilter_round("corpus", 0, None, ["rounds.originals=none"], dry_run=False)
    assert tar.stat().st_size < copied
    show("corpus", "p003", 0, "p.png", dropped=False)
    export("corpus", "joined", format="webdataset", held_out=0.0)
    with tarfile.open(project / "joined/train-000000.tar") as joined:
        names = joined.getnames()
    assert names[:4] == ["p000.json", "p000.png", "p001.json", "p001.png"]
    rounds.refilter_round("corpus", 0, None, ["rounds.originals=copy"], dry_run=False)
    assert tar.read_bytes() == whole


def test_over_the_ingest_budget_everything_is_written_and_the_run_fails(project: Path) -> None:
    (project / "photos" / "broken.jpg").write_bytes(b"<html>404</html>")
    (project / "photos" / "empty.jpg").write_bytes(b"")
    with pytest.raises(IngestBudgetError, match=r"2 of 12 images failed"):
        run()
    run("ingest.failure_budget=1.0")
    assert len(Corpus("corpus").round(0).keys()) == 10


def test_show_draws_the_region_and_lists_drops(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run()
    capsys.readouterr()
    show("corpus", "p000", 0, "p.png", dropped=True)
    said = capsys.readouterr().out
    assert "a red box stands on a grey wall" in said
    assert "region.score" in said
    assert (project / "p.png").stat().st_size > 0
    with pytest.raises(ConfigError, match=r"no image 'q' in this round; keys look like 'p000'"):
        show("corpus", "q", 0, None, dropped=False)


def test_repair_rebuilds_only_what_is_damaged_to_the_same_bytes(project: Path) -> None:
    run()
    corpus = project / "corpus"
    good = {path: data for path, data in files_of(corpus).items() if not path.startswith((".", "logs"))}
    for name in ("images/000001.tar", "rounds/00/index/000000.parquet"):
        data = bytearray((corpus / name).read_bytes())
        data[len(data) // 2] ^= 1
        (corpus / name).write_bytes(data)
    [raw] = (corpus / "raw").glob("texts-*")
    (raw / "000001.parquet").unlink()
    with pytest.raises(DamageError, match="3 damaged files"):
        verify("corpus", repair=False)
    verify("corpus", repair=True)
    assert {path: data for path, data in files_of(corpus).items() if not path.startswith((".", "logs"))} == good


def test_repair_brings_back_the_only_shard_of_a_round(project: Path) -> None:
    run("ingest.shard_size=100")
    index = project / "corpus" / "rounds" / "00" / "index" / "000000.parquet"
    good = index.read_bytes()
    index.write_bytes(good[:-1])
    verify("corpus", repair=True)
    assert index.read_bytes() == good
    assert len(Corpus("corpus").round(0).keys()) == 10


def test_a_moved_corpus_is_the_same_corpus(project: Path) -> None:
    run()
    shutil.move("corpus", "elsewhere")
    assert Corpus("elsewhere").round(0).record("p009").key == "p009"
    verify("elsewhere", repair=False)


def test_every_verb_has_help() -> None:
    for verb in ["run", "ingest", "annotate", "filter", "show", "export", "status", "verify", "doctor", "config"]:
        result = CliRunner().invoke(app, [verb, "--help"])
        assert result.exit_code == 0
        assert "Usage" in result.output


def test_what_is_no_corpus_is_not_made_into_one(project: Path) -> None:
    with pytest.raises(CorpusError, match="typo: there is no such folder"):
        rounds.refilter_round("typo", 0, None, [], dry_run=False)
    Path("empty").mkdir()
    with pytest.raises(CorpusError, match="empty is no corpus"):
        rounds.refilter_round("empty", 0, None, [], dry_run=False)
    with pytest.raises(CorpusError, match="typo: there is no such folder"):
        verify("typo", repair=False)
    with pytest.raises(ConfigError, match="empty holds no units"):
        verify("empty", repair=False)
    with pytest.raises(ConfigError, match="memory://corpus ends with this command"):
        rounds.run(["photos"], "memory://corpus", "fakes.yaml", [])
    assert not (project / "typo").exists()
    run()
    with pytest.raises(ConfigError, match=r"corpus has no round 3 to filter again: it has \[0\]"):
        rounds.refilter_round("corpus", 3, None, [], dry_run=True)


def test_the_last_line_says_what_embedded_labels_are_and_names_a_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    save_pictures(tmp_path / "photos", 2)
    specialist = "{backend: ultralytics, weights: 'embedded:yolo-nano'}"
    tiny = f"engine: {{backend: local}}\nannotators: {{boxes: {{role: detector, specialist: {specialist}}}}}\n"
    (tmp_path / "tiny.yaml").write_text(tiny)
    rounds.run(["photos"], "corpus", "tiny.yaml", [])
    lines = " ".join(capsys.readouterr().err.split())
    assert "one image: fld show corpus p000" in lines
    assert lines.endswith("are a smoke test. Real ones: --config open, or annotators of your own.")
