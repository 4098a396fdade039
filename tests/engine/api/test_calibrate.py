"""Calibrations of a corpus on disk: made before a round is written, kept, sealed, and part of what the round is."""

import json
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

import engine
from engine.cli import app
from engine.config.config_text import ConfigError
from engine.corpus.calibrations import GOLD, gold_names, save_calibration, stored
from shards.errors import CorpusError, DamageError
from shards.reader import Corpus
from shards.store import open_store
from tests.engine.fake_specialists import save_pictures

DETECTOR = '{role: detector, specialist: {backend: custom, factory: "tests.engine.fake_specialists:RectangleDetector"'
TWO = f"""
engine: {{backend: local}}
annotators:
  boxes: {DETECTOR}}}}}
  again: {DETECTOR}, options: {{name: again}}}}}}
"""
PICTURES = 40


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with forty pictures and a config of two detectors that say the same; the working directory."""
    monkeypatch.chdir(tmp_path)
    save_pictures(tmp_path / "photos", PICTURES)
    (tmp_path / "two.yaml").write_text(TWO)
    return tmp_path


def gold_file(folder: Path) -> str:
    """The rectangles, and nothing in the corners."""
    images = [{"id": i, "file_name": f"p{i:03d}.png", "width": 64, "height": 48} for i in range(PICTURES)]
    boxes = [(8 + i % 8, 10, 40 - 8 - i % 8, 20) for i in range(PICTURES)]
    annotations = [
        {"id": i + 1, "image_id": i, "category_id": 1, "bbox": box, "area": box[2] * box[3], "iscrowd": 0}
        for i, box in enumerate(boxes)
    ]
    path = folder / "gold.json"
    categories = [{"id": 1, "name": "box"}, {"id": 2, "name": "corner"}]
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    return str(path)


def scores(corpus: str) -> set[tuple[str, float]]:
    round_ = Corpus(corpus).round(0)
    records = [record for shard in round_.shards() for record in round_.records(shard)]
    return {(region.text, region.score) for record in records for region in record.regions}


def test_two_detectors_are_calibrated_by_agreement_before_their_round_is_written(project: Path) -> None:
    engine.run("photos", "corpus", "two.yaml")
    found = stored(open_store("corpus"), "agreement-00")
    assert found is not None
    assert (found.reference, found.images) == ("agreement", PICTURES)
    assert {name: voice.count for name, voice in found.kinds["object"].voices.items()} == {"boxes": 80, "again": 80}
    assert all(score not in {0.9, 0.2} for _, score in scores("corpus"))
    again = engine.filter("corpus")
    assert (again.written, again.unchanged) == (0, 1)


def test_a_corpus_of_one_detector_has_no_calibration(project: Path) -> None:
    (project / "one.yaml").write_text(TWO.replace("  again", "  # again"))
    engine.run("photos", "corpus", "one.yaml")
    assert not (project / "corpus" / "calibration").exists()
    assert scores("corpus") == {("box", 0.9)}


def test_scores_stay_as_they_are_where_that_is_set(project: Path) -> None:
    engine.run("photos", "corpus", "two.yaml", {"fuse.calibrate": "off"})
    assert not (project / "corpus" / "calibration").exists()
    assert scores("corpus") == {("box", 0.9)}
    with pytest.raises(ConfigError, match=r"fuse\.calibrate is off"):
        engine.calibrate("corpus")


def test_gold_counts_before_agreement_and_shards_are_written_again(project: Path) -> None:
    engine.run("photos", "corpus", "two.yaml")
    report = engine.calibrate("corpus", gold_file(project))
    assert report.name == GOLD
    assert report.lines[0] == "object boxes: 80 statements, 0.50 of them right (95% interval 0.39 to 0.61)" + (
        "; calibration error 0.15, then 0.05"
    )
    assert engine.filter("corpus").written == 1
    [(label, score)] = scores("corpus")
    assert label == "box"
    assert score > 0.9
    engine.calibrate("corpus")  # without gold: forgotten
    assert stored(open_store("corpus"), GOLD) is None


def test_gold_that_was_corrected_counts_although_it_lies_where_it_lay(project: Path) -> None:
    engine.run("photos", "corpus", "two.yaml")
    path = Path(gold_file(project))
    engine.calibrate("corpus", path)
    engine.filter("corpus")
    data = json.loads(path.read_text())
    path.write_text(json.dumps(data | {"annotations": data["annotations"][::2]}))
    engine.calibrate("corpus", path)
    assert engine.filter("corpus").written == 1


def test_labels_that_nobody_looked_for_are_not_judged(project: Path) -> None:
    engine.run("photos", "corpus", "two.yaml")
    path = Path(gold_file(project))
    data = json.loads(path.read_text())
    path.write_text(json.dumps(data | {"categories": [{"id": 1, "name": "BOX"}]}))
    with pytest.raises(ConfigError, match="object: 40 things were seen, 40 of them right"):
        engine.calibrate("corpus", path)
    report = engine.calibrate("corpus", gold_file(project))
    assert report.unjudged == {}
    said = replace(report, unjudged={"corner": 1200}).lines[-1]
    assert said == "not judged, since gold's categories lack the label: corner (1,200)"


def test_a_calibration_from_gold_of_an_earlier_release_is_not_put_aside_silently(project: Path) -> None:
    engine.run("photos", "corpus", "two.yaml")
    engine.calibrate("corpus", gold_file(project))
    store = open_store("corpus")
    known = stored(store, GOLD)
    assert known is not None
    save_calibration(store, GOLD, msgspec.structs.replace(known, version=1))
    with pytest.raises(CorpusError, match=r"gold.json has version 1, .* run `fld calibrate --gold GOLD` again, or"):
        engine.filter("corpus")
    engine.calibrate("corpus", gold_file(project))
    engine.filter("corpus")


def test_a_round_of_other_columns_learns_from_the_loops_gold_again(project: Path) -> None:
    engine.run("photos", "corpus", "two.yaml", {"loop.gold": gold_file(project)})
    assert gold_names(open_store("corpus")) == []  # nobody asked for it
    engine.calibrate("corpus", gold_file(project))
    engine.filter("corpus")
    assert gold_names(open_store("corpus")) == [GOLD]
    (project / "other.yaml").write_text(TWO.replace("name: again", "name: third"))
    engine.run("photos", "corpus", "other.yaml", {"loop.gold": gold_file(project)})
    assert gold_names(open_store("corpus")) == [GOLD, "gold-00"]
    new, old = stored(open_store("corpus"), "gold-00"), stored(open_store("corpus"), GOLD)
    assert new is not None
    assert old is not None
    assert new.columns["again"] != old.columns["again"]
    assert engine.filter("corpus").unchanged == 1
    engine.calibrate("corpus")
    assert gold_names(open_store("corpus")) == []


def test_a_calibration_is_of_its_columns(project: Path) -> None:
    engine.run("photos", "corpus", "two.yaml")
    engine.calibrate("corpus", gold_file(project))
    (project / "other.yaml").write_text(TWO.replace("name: again", "name: third"))
    engine.run("photos", "corpus", "other.yaml")
    found = stored(open_store("corpus"), "agreement-00")
    said = engine.filter("corpus").scores
    assert said.startswith(
        "Scores of objects are probabilities, by agreement over 40 images. calibration/gold.json does"
    )
    assert "does not count: again changed since or is gone" in said
    assert said.endswith("Boxes stay from 0.01 on: set filters.region.min_score before you train (`fld eval`).")
    assert "Boxes stay" not in engine.filter("corpus", settings={"filters.region.min_score": 0.4}).scores
    assert found is not None
    assert found.columns["again"] != stored(open_store("corpus"), GOLD).columns["again"]  # type: ignore[union-attr]


def test_a_damaged_calibration_by_agreement_is_found_and_made_again(project: Path) -> None:
    engine.run("photos", "corpus", "two.yaml")
    path = project / "corpus" / "calibration" / "agreement-00.json"
    before = path.read_bytes()
    path.write_bytes(before.replace(b'"images": 40', b'"images": 41'))
    with pytest.raises(DamageError, match=r"agreement-00.json is damaged: .* `fld filter .*corpus` makes it again"):
        engine.evaluate("corpus", gold_file(project))
    assert "calibration" in CliRunner().invoke(app, ["verify", "corpus"]).output
    assert engine.filter("corpus").unchanged == 1
    assert path.read_bytes() == before


@pytest.mark.parametrize("harm", ["file", "manifest", "no manifest"])
def test_a_round_is_not_written_without_the_gold_calibration_that_it_had(project: Path, harm: str) -> None:
    engine.run("photos", "corpus", "two.yaml")
    engine.calibrate("corpus", gold_file(project))
    folder = project / "corpus" / "calibration"
    path = folder / "gold.json" if harm == "file" else folder / "manifest" / "gold.json"
    path.unlink() if harm == "no manifest" else path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DamageError, match=r"gold.json .*`fld calibrate .*corpus --gold GOLD` makes it again"):
        engine.filter("corpus")
    engine.calibrate("corpus", gold_file(project))
    engine.filter("corpus")
    engine.calibrate("corpus")
    assert sorted(each.name for each in folder.glob("*.json")) == ["agreement-00.json"]


def test_nothing_can_be_said_of_detectors_that_never_meet(project: Path) -> None:
    save_pictures(project / "few", 10)
    engine.run("few", "corpus", "two.yaml")
    assert not (project / "corpus" / "calibration" / "agreement-00.json").exists()
    assert engine.filter("corpus").scores.startswith("Scores are the annotators' own: boxes, again agree on 20 things")
    with pytest.raises(ConfigError, match="agree on 20 things, at least 30 are needed"):
        engine.calibrate("corpus")


def test_the_command_says_what_it_found_and_draws_it(project: Path) -> None:
    engine.run("photos", "corpus", "two.yaml")
    from engine.verbs import calibrate

    calibrate.run("corpus", gold_file(project), 0, None, [], "reliability.svg")
    assert (project / "reliability.svg").read_text().startswith("<?xml")
