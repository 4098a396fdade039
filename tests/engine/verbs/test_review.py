"""`fld review`, through the command line: from a file to the record, and nothing rewritten but what it touches."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from engine.api.review import review
from engine.api.rounds import filter as refilter
from engine.cli import app
from engine.verbs import rounds
from shards.reader import Corpus
from stages.review.lines import LineError
from tests.engine.fake_specialists import save_pictures
from tests.engine.verbs.test_rounds import CONFIG, files_of


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A corpus of ten pictures in three shards, with one region each."""
    monkeypatch.chdir(tmp_path)
    save_pictures(tmp_path / "photos", 10)
    (tmp_path / "fakes.yaml").write_text(CONFIG)
    rounds.run(["photos"], "corpus", "fakes.yaml", [])
    return tmp_path


def write(*lines: dict[str, Any]) -> str:
    Path("corrections.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return "corrections.jsonl"


def fld(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_a_filter_names_the_other_rounds_where_corrections_wait(project: Path) -> None:
    shutil.copytree("corpus/rounds/00", "corpus/rounds/01")
    fld("review", "corpus", write({"key": "p001", "action": "reject", "target": "r0"}))
    note = "Round 1: 1 correction waits: fld filter corpus --round 1"
    assert note not in fld("filter", "corpus", "--dry-run")
    assert note in fld("filter", "corpus")


def test_corrections_reach_the_record_and_touch_one_shard(project: Path) -> None:
    corpus = Corpus("corpus")
    before = files_of(project / "corpus" / "rounds")
    label = corpus.round(0).record("p001").regions[0].candidates[0].text
    file = write(
        {"key": "p001", "action": "relabel", "target": "r0", "label": "zebra"},
        {"key": "p001", "action": "add", "text": "EXIT", "box": [1, 1, 20, 9]},
        {"key": "p002", "action": "reject", "target": "r0"},
    )
    assert "3 read = 3 new + 0 that change nothing" in fld("review", "corpus", file, "--who", "ann")
    assert "3 corrections wait: `fld filter corpus --round 0`" in " ".join(fld("status", "corpus").split())
    assert "3 read = 0 new + 3 that change nothing" in fld("review", "corpus", file, "--who", "bob")
    report = refilter("corpus")
    assert (report.written, report.unchanged) == (1, 2)
    assert (report.tally["review", "kept"], report.tally["region", "review.reject"]) == (3, 1)
    regions = corpus.round(0).record("p001").regions
    assert [(region.text, region.kind) for region in regions] == [("zebra", "object"), ("EXIT", "text")]
    assert [vote.label for vote in regions[0].votes] == ["zebra", label]
    assert corpus.round(0).record("p002").regions == []
    after = files_of(project / "corpus" / "rounds")
    changed = {name for name, data in after.items() if before.get(name) != data and "overview" not in name}
    assert {Path(name).stem for name in changed} == {"000000"}
    assert "wait" not in fld("status", "corpus")
    report = refilter("corpus")
    assert (report.written, report.unchanged) == (0, 3)


def test_they_survive_thresholds_and_what_is_gone_is_counted(project: Path) -> None:
    file = write(
        {"key": "p001", "action": "accept", "target": "r0"}, {"key": "p002", "action": "reject", "target": "r0"}
    )
    review("corpus", file)
    report = refilter("corpus", settings={"filters.region.min_score": 1.0})
    assert len(Corpus("corpus").round(0).record("p001").regions) == 1
    assert (report.tally["review", "kept"], report.tally["review", "review.no_target"]) == (1, 1)
    assert "review.no_target" in fld("filter", "corpus", "--dry-run")


def test_every_mistake_is_a_line_and_nothing_is_written(project: Path) -> None:
    file = write(
        {"key": "p001", "action": "accept", "target": "r0"},
        {"key": "p01", "action": "accept", "target": "r0"},
        {"key": "p001", "action": "accept", "target": "r9"},
        {"key": "p001", "action": "accept", "target": "r0", "round": 3},
    )
    with pytest.raises(LineError) as caught:
        review("corpus", file)
    assert str(caught.value).splitlines() == [
        "corrections.jsonl: nothing was taken in, 3 to mend:",
        "  line 2: no image 'p01': did you mean 'p001'?",
        "  line 3: target 'r9' is not in round 0 of 'p001', which has r0, t0",
        "  line 4: round must be one of [0], got 3",
    ]
    assert not (project / "corpus" / "reviews").exists()
    Path("broken.jsonl").write_text('{"key": \n')
    with pytest.raises(LineError, match="line 1: not JSON"):
        review("corpus", "broken.jsonl")


def test_a_label_studio_export_is_read_back(project: Path) -> None:
    fld("export", "corpus", "out", "--format", "label-studio")
    tasks = json.loads(Path("out/tasks.json").read_text())
    result = tasks[0]["predictions"][0]["result"]
    next(each for each in result if each["from_name"] == "objects")["value"]["rectanglelabels"] = ["zebra"]
    tasks[0]["annotations"] = [{"completed_by": 7, "updated_at": "2026-11-26T10:15:00Z", "result": result}]
    Path("done.json").write_text(json.dumps(tasks))
    assert "1 read = 1 new" in fld("review", "corpus", "done.json")
    refilter("corpus")
    key = tasks[0]["data"]["fld_key"]
    assert Corpus("corpus").round(0).record(key).regions[0].text == "zebra"


def test_what_was_taken_back_may_be_made_again(project: Path) -> None:
    for action in ("reject", "accept", "reject"):
        assert review("corpus", write({"key": "p001", "action": action, "target": "r0"})).new == 1
        refilter("corpus", dry_run=True)
    refilter("corpus")
    assert len(Corpus("corpus").round(0).record("p001").regions) == 0


def test_what_to_look_at_first_is_printed(project: Path) -> None:
    assert fld("review", "corpus", "--suspects", "5") == ""  # nobody labelled anything
    add = {"key": "p003", "action": "add", "label": "zebra", "box": [50, 1, 60, 9]}
    review("corpus", write(add))
    refilter("corpus")
    [line] = fld("review", "corpus", "--suspects", "5").splitlines()
    assert (json.loads(line)["key"], json.loads(line)["why"]) == ("p003", "overlooked")


def test_a_file_that_was_applied_may_be_given_again_whatever_has_its_ids_now(project: Path) -> None:
    file = write(
        {"key": "p001", "action": "add", "label": "ball", "box": [1, 1, 20, 9]},
        {"key": "p001", "action": "add", "label": "kite", "box": [30, 1, 50, 9]},
    )
    fld("review", "corpus", file)
    refilter("corpus")
    regions = Corpus("corpus").round(0).record("p001").regions
    file = write(
        {"key": "p001", "action": "reject", "target": "r0"},
        {"key": "p002", "action": "reject", "target": "r0"},
    )
    assert "2 read = 2 new" in fld("review", "corpus", file)
    refilter("corpus")
    left = Corpus("corpus").round(0).record("p001").regions
    assert [region.text for region in left] == [region.text for region in regions[1:]]  # r0 is another one now
    said = " ".join(fld("review", "corpus", file).split())
    assert "2 read = 0 new + 2 that change nothing" in said
    assert "2 of them were taken in before, and their ids are others' now" in said
    refilter("corpus")
    assert Corpus("corpus").round(0).record("p001").regions == left
    taken_back = write({"key": "p001", "action": "reject", "target": {"label": left[0].text, "box": list(left[0].box)}})
    assert "1 read = 1 new" in fld("review", "corpus", taken_back)
