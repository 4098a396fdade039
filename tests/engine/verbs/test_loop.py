"""The loop from round to round, in this process, with models that say what they are told."""

import re
from pathlib import Path

import msgspec
import pyarrow.compute as pc
import pytest

from engine.api.loop import Loop, RefusedError, WatchError
from engine.api.rounds import write_round
from engine.api.watch import read_report
from engine.cli import app
from engine.config.config_text import ConfigError
from engine.console.exit_codes import REFUSED, WATCHED, report_error
from engine.corpus.promotions import model_below, read_calibration, read_promotion, save_model_calibration
from engine.corpus.session import Session, look, opened
from engine.runtime.column import Column
from engine.verbs import rounds
from engine.verbs.loop import loop
from engine.verbs.show import show
from engine.verbs.status import status
from engine.verbs.verify import verify
from shards import commit
from shards.errors import CorpusError, DamageError, FldError
from shards.finding import Detection
from shards.layout import raw_folder
from shards.raw import read_raw
from shards.reader import Corpus
from shards.record import Record, encode
from stages.ingest.entry import SourceError
from tests.engine.learners import BLIND, GOOD, SILENT, Says, School, save
from tests.engine.looping import BETTER, begun, reopened, run


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    return begun(tmp_path, monkeypatch)


def files_of(folder: Path) -> dict[str, bytes]:
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found if "logs" not in path.parts}


def test_two_rounds(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    school = run(session, 2, GOOD, BETTER)
    assert [(job.round, Path(job.checkpoint).name) for job in school.jobs] == [(0, "start"), (1, "model")]
    assert Corpus("corpus").rounds() == [0, 1, 2]
    for number in (1, 2):
        record = Corpus("corpus").round(number).record("p001")
        [region] = record.regions
        assert (region.text, region.merge, record.round) == ("box", "union", number)
        entered = {vote.source.annotator: vote.source.round for vote in region.votes}
        assert entered == {"generalist": number, "boxes": 0}
        [text] = record.texts
        assert (text.source.annotator, text.merge) == ("generalist", "pick")
    first, second = (read_promotion(session.store, number) for number in (0, 1))
    assert first is not None and second is not None  # noqa: PT018
    assert (first.promoted, first.reference) == (True, "round 0")
    assert re.match(r"boxes rose by .*; texts/brief rose by ", first.reason)
    assert (second.promoted, second.reason) == (True, "no measure rose or fell beyond its interval")
    report = read_report(session.store, 2)
    assert report is not None
    assert (report.stops, report.statistics.self_agreement, report.statistics.agreement_boxes) == ([], 1.0, 1.0)
    said = capsys.readouterr()
    assert "promoted: boxes rose by" in " ".join(said.out.split())
    assert "gate: promoted" in said.err
    assert "gate: scores of object as they are (right: 4 of 4 seen), phrase as they are, ocr as they are" in " ".join(
        said.err.split()
    )


def test_a_finished_loop_does_nothing_again(session: Session, tmp_path: Path) -> None:
    run(session, 1, GOOD)
    before = files_of(tmp_path / "corpus")
    assert run(session, 1, GOOD).jobs == []
    assert files_of(tmp_path / "corpus") == before


def test_more_rounds_go_on_from_the_last(session: Session) -> None:
    run(session, 1, GOOD)
    assert [job.round for job in run(session, 2, GOOD, BETTER).jobs] == [1]


def test_a_broken_first_model_ends_the_loop_with_the_reason(
    session: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start = save(tmp_path / "good", GOOD)
    with pytest.raises(
        RefusedError, match=r"the model of round 0 is refused .* to go on with: boxes fell by 1.000"
    ) as stop:
        run(reopened(f"loop.start={start}"), 1, BLIND)
    assert report_error(stop.value) == REFUSED
    assert Corpus("corpus").rounds() == [0]
    assert "refused: boxes fell" in " ".join(capsys.readouterr().out.split())


def test_a_silent_model_is_refused(session: Session) -> None:
    with pytest.raises(RefusedError, match="the candidate says nothing about"):
        run(session, 1, SILENT)


def test_a_checkpoint_that_cannot_be_loaded_is_refused(session: Session, tmp_path: Path) -> None:
    school = School(session, [GOOD])

    def train(job):  # type: ignore[no-untyped-def]
        result = school.train(job)
        (Path(result.folder) / "says.json").write_text("half a fi")
        return result

    with pytest.raises(RefusedError, match="the candidate does not run: annotator gate: error: DecodeError"):
        Loop(session, None, train).run(1)


def test_after_a_later_refusal_the_last_promoted_model_writes_on(session: Session) -> None:
    run(session, 2, GOOD, BLIND)
    assert model_below(session.store, 2) == 0
    [region] = Corpus("corpus").round(2).record("p001").regions
    assert {vote.source.annotator: vote.source.round for vote in region.votes} == {"generalist": 1, "boxes": 0}


def test_the_loop_ends_when_nothing_improves(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    school = run(session, 9, GOOD, BETTER, GOOD, BETTER, GOOD)
    assert [job.round for job in school.jobs] == [0, 1, 2]
    assert Corpus("corpus").rounds() == [0, 1, 2, 3]
    assert "nothing improves: the last 2 models changed no measure" in " ".join(capsys.readouterr().err.split())


def test_the_watch_stops_a_loop_that_hears_itself(session: Session) -> None:
    many = Says(boxes=4)
    believed = ["loop.gate.tolerance=1.0", "filters.region.annotators.generalist={min_score: 0}"]
    session = reopened(*believed)
    with pytest.raises(WatchError, match=r"round 1 is written, but .*: boxes_change [0-9.]+, the limit is 1.5") as stop:
        run(session, 2, many, many)
    assert report_error(stop.value) == WATCHED
    assert Corpus("corpus").rounds() == [0, 1]
    with pytest.raises(WatchError):  # and again, until the limit is moved
        run(session, 2, many, many)
    run(reopened("loop.watch.boxes_change.stop=null", "loop.watch.unsupported_regions.stop=null"), 2, many, many)
    assert Corpus("corpus").rounds() == [0, 1, 2]


def test_boxes_that_nobody_else_saw_and_that_were_never_right_are_dropped(session: Session) -> None:
    """Of the four boxes one is the detector's, too; by the consensus the others were wrong on every held-out image."""
    run(reopened("loop.gate.tolerance=1.0"), 1, Says(boxes=4))
    found = read_calibration(session.store, 0)
    assert found is not None
    lone = found.among_others["lone"]["object"]
    assert (lone.count, lone.right) == (12, 0)
    [column] = [each for each in session.columns(1) if each.name == "generalist"]
    rows = [row for shard in ("000000", "000001") for row in read_raw(session.store, *column_of(column), shard)]
    scores = [finding.score or 0.0 for row in rows for finding in row.findings if isinstance(finding, Detection)]
    assert min(scores) > 0.5  # its own: a round maps them
    record = Corpus("corpus").round(1).record("p001")
    assert [len(region.votes) for region in record.regions] == [2]
    rows = Corpus("corpus").round(1).index(filters=pc.field("key") == "p001").to_pylist()
    gone = [row for row in rows if row["rule"] == "region.score" and row["source"] == "generalist"]
    assert [(row["value"], row["threshold"]) for row in gone] == [(pytest.approx(1 / 14, abs=0.01), 0.3)] * 3


def test_another_calibration_moves_a_round_and_calls_no_model(session: Session) -> None:
    run(reopened("loop.gate.tolerance=1.0"), 1, Says(boxes=4))
    store, path = session.store, "rounds/00/model"
    found, manifest = read_calibration(store, 0), commit.find(store, path, "calibration")
    assert found is not None
    assert manifest is not None
    columns = sorted(store.names("raw"))
    sure = {"object": msgspec.structs.replace(found.among_others["lone"]["object"], intercept=3.0)}
    believed = msgspec.structs.replace(found, among_others={**found.among_others, "lone": sure})
    save_model_calibration(store, 0, believed, manifest.fingerprint)
    rounds.refilter_round("corpus", 1, None, [], dry_run=False)
    regions = Corpus("corpus").round(1).record("p001").regions
    assert sorted(len(region.votes) for region in regions) == [1, 1, 1, 2]
    assert sorted(store.names("raw")) == columns


def column_of(column: Column) -> tuple[str, str]:
    return column.name, column.fingerprint


def test_a_verdict_is_reached_again_when_its_conditions_change(session: Session, tmp_path: Path) -> None:
    start = save(tmp_path / "good", GOOD)
    with pytest.raises(RefusedError):
        run(reopened(f"loop.start={start}"), 1, BLIND)
    limits = ["loop.watch.disagreement_boxes.stop=null", "loop.watch.unsupported_regions.stop=null"]
    run(reopened("loop.gate.tolerance=1.0", *limits), 1, BLIND)
    assert Corpus("corpus").rounds() == [0, 1]


def test_the_other_verbs_know_a_round_of_the_loop(
    session: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(session, 1, GOOD)
    good = (tmp_path / "corpus/rounds/01/index/000001.parquet").read_bytes()
    capsys.readouterr()
    rounds.refilter_round("corpus", 1, None, ["filters.region.min_score=0.92"], dry_run=True)
    assert "region.score" in capsys.readouterr().err
    (tmp_path / "corpus/rounds/01/index/000001.parquet").write_bytes(good[:-9])
    with pytest.raises(DamageError, match="1 damaged files"):
        verify("corpus", repair=False)
    capsys.readouterr()
    verify("corpus", repair=True)
    assert "left over" not in capsys.readouterr().out
    assert (tmp_path / "corpus/rounds/01/index/000001.parquet").read_bytes() == good
    status("corpus")
    said = " ".join(capsys.readouterr().out.split())
    assert "generalist-" in said
    assert "the model trained on it is promoted: boxes rose by" in said
    show("corpus", "p001", 1, "p.png", dropped=True)
    assert "fuse.merge.pick" in capsys.readouterr().out


def test_a_round_hears_the_model_with_calibrated_scores(session: Session, tmp_path: Path) -> None:
    many = Says(boxes=8, falls=0.1)
    run(session, 1, many)
    plain = session.learned("generalist", str(tmp_path / "corpus/rounds/00/model"))
    [column] = [each for each in session.columns(1) if each.name == "generalist"]
    assert column.fingerprint == plain.fingerprint
    round_ = Corpus("corpus").round(1)
    text = round_.record("p001").texts[0]
    assert text.source.score == 0.95  # how right a text is nobody can say: texts keep their scores
    rows = round_.index(filters=(pc.field("key") == "p001") & (pc.field("source") == "generalist")).to_pylist()
    scores = [row["score"] for row in rows if row["type"] == "region"]
    assert len(scores) == 8
    assert scores[0] > 0.5 > 0.3 > scores[2]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] in {each.score for region in round_.record("p001").regions for each in region.votes}
    before = files_of(tmp_path / "corpus")
    for lost in (["promotion.json", "promotion.json.seal"], ["model/calibration.json"]):
        for name in lost:
            (tmp_path / "corpus/rounds/00" / name).unlink()
        run(session, 1, many)
        assert files_of(tmp_path / "corpus") == before


def test_a_damaged_model_is_found_and_never_repaired(session: Session, tmp_path: Path) -> None:
    folder = tmp_path / "corpus/rounds/00/model"
    run(session, 1, Says(boxes=8, falls=0.1))
    (folder / "training.json").write_text("{}")
    commit.seal(session.store, "rounds/00/model", "model", ["says.json", "training.json"], "job")
    verify("corpus", repair=False)
    said, calibration = (folder / "says.json").read_bytes(), (folder / "calibration.json").read_bytes()
    (folder / "calibration.json").write_bytes(calibration[:-1])
    with pytest.raises(DamageError, match=r"1 damaged files, some of models, which --repair never touches: delete"):
        verify("corpus", repair=True)
    (folder / "says.json").write_bytes(said.replace(b"0.95", b"0.85"))
    before = files_of(tmp_path / "corpus")
    for repair in (False, True):
        with pytest.raises(
            DamageError, match=r"restore the files of rounds/00/model from a copy; or delete the folder, and `fld loop"
        ):
            verify("corpus", repair=repair)
    assert files_of(tmp_path / "corpus") == before


def test_a_model_without_checksums_is_named(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    run(session, 1, GOOD)
    session.store.write("rounds/00/model/training.json", [b"{}"])
    verify("corpus", repair=False)
    assert "not checked rounds/00/model: an older release trained it" in " ".join(capsys.readouterr().out.split())


def test_a_round_without_a_model_says_what_to_run(session: Session) -> None:
    with pytest.raises(ConfigError, match="corpus has no promoted model below round 1: `fld loop corpus`"):
        session.plan(1)


def test_the_loop_needs_images_a_start_and_its_name(session: Session, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="none: there is no such folder"), opened("none", "loop.yaml", []):
        pass
    Path("empty").mkdir()
    with pytest.raises(CorpusError, match="is no corpus: it holds no images"), opened("empty", "loop.yaml", []):
        pass
    with pytest.raises(ConfigError, match=r"loop.start: training needs a checkpoint to start from: embedded:"):
        run(reopened("loop.start=null"), 1)
    with pytest.raises(ConfigError, match=r"annotators.generalist: the loop's own model has this name: use another"):
        reopened("annotators.generalist={role: generalist}").columns_with({})
    with pytest.raises(ConfigError, match=r"gold nowhere.jsonl is no file"):
        loop("corpus", 1, None, "nowhere.jsonl", None, [])


def test_gold_is_remembered_until_it_is_gone(session: Session, tmp_path: Path) -> None:
    """Else the same command without --gold would judge by round 0, and refuse what gold had promoted."""
    gold = tmp_path / "gold.jsonl"
    known = [Record(f"p{number:03d}", "", "", 8, 6, 0, [], []) for number in range(10)]
    gold.write_bytes(b"".join(encode(record) + b"\n" for record in known))
    with pytest.raises(ConfigError, match=r"loop\.start"):  # it gets as far as the training; what fails keeps nothing
        loop("corpus", 1, None, "gold.jsonl", None, ["loop.start=null"])
    assert look("corpus").config.loop.gold is None
    with opened("corpus", None, [f"loop.gold={gold}"]):
        pass
    assert look("corpus").config.loop.gold == str(gold)
    gold.unlink()
    with pytest.raises(ConfigError, match=r"loop.gold: .*gold.jsonl is no file any more: .* set loop.gold to null"):
        loop("corpus", 1, None, None, None, [])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["loop.start=nowhere"], r"loop\.start: no weights at 'nowhere': give a local path, or a hub id together"),
        (["loop.start=embedded:nothing"], r"loop\.start: no embedded checkpoint 'nothing'; there are: clip-nano"),
        (["loop.learners=[student]"], r"loop\.student\.start: a student needs a checkpoint to start from"),
        (["loop.learners=[student]", "loop.student.start=no.pt"], r"loop\.student\.start: no weights at 'no\.pt'"),
    ],
)
def test_a_start_that_is_not_there_is_told_before_anything_is_annotated(
    session: Session, settings: list[str], message: str
) -> None:
    with pytest.raises(FldError, match=message):
        loop("corpus", 1, None, None, None, settings)
    assert not Path("corpus/raw").exists()
    assert session.config.loop.start == look("corpus").config.loop.start


def test_gold_of_other_images_is_refused_before_a_training(session: Session, tmp_path: Path) -> None:
    (tmp_path / "gold.jsonl").write_bytes(encode(Record("elsewhere", "", "", 8, 6, 0, [], [])) + b"\n")
    with pytest.raises(SourceError, match=r"none of its 1 images is in the corpus"):
        loop("corpus", 1, None, "gold.jsonl", None, [])
    assert list(Path("corpus/rounds").glob("*/*model*")) == []


def test_what_only_the_loop_can_annotate_says_so(session: Session) -> None:
    run(session, 1, GOOD)
    [column] = [each for each in session.columns(1) if each.name == "generalist"]
    commit.retire(session.store, raw_folder("generalist", column.fingerprint), "000000")
    with pytest.raises(
        FileNotFoundError, match=r"generalist has not finished shard 000000 \(1 of 2 .*: run `fld loop`"
    ):
        write_round(session, 1)


def test_the_verb_has_help() -> None:
    from typer.testing import CliRunner

    result = CliRunner().invoke(app, ["loop", "--help"])
    assert (result.exit_code, "--from" in result.output) == (0, True)
