"""A loop whose student writes the boxes, alone or beside a Florence-2."""

from pathlib import Path

import pytest

from engine.api.loop import RefusedError
from engine.api.watch import read_report
from engine.config.config_text import ConfigError
from engine.corpus.promotions import read_calibration, read_promotion
from engine.corpus.session import Session
from engine.verbs.status import status
from engine.verbs.verify import verify
from shards.reader import Corpus
from stages.retrain.job import StudentJob
from tests.engine.learners import BLIND, GOOD, Says
from tests.engine.looping import BETTER, begun, reopened, run

STUDENT = ["loop.learners=[student]", "loop.student.start=embedded:yolo-nano", "loop.student.fresh=first"]
BOTH = ["loop.learners=[generalist, student]", *STUDENT[1:]]
HALF = Says(boxes=2)
"""One of two boxes lies where nothing is."""


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    return begun(tmp_path, monkeypatch)


def annotators(number: int) -> set[str]:
    record = Corpus("corpus").round(number).record("p001")
    boxes = {vote.source.annotator for region in record.regions for vote in region.votes}
    return boxes | {text.source.annotator for text in record.texts}


def test_a_student_writes_rounds_by_itself(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    school = run(reopened(*STUDENT), 2, students=[GOOD, BETTER])
    first, second = school.jobs
    assert isinstance(first, StudentJob)
    assert isinstance(second, StudentJob)
    assert (first.checkpoint, first.settings.fresh, first.held_out) == ("embedded:yolo-nano", "always", 0.5)
    assert (Path(second.checkpoint).name, second.settings.fresh) == ("model-student", "never")
    assert annotators(2) == {"boxes", "texts", "student"}
    promotion = read_promotion(session.store, 0, "student")
    assert promotion is not None
    assert (promotion.promoted, list(promotion.measures)) == (True, ["boxes"])
    assert read_promotion(session.store, 0) is None
    assert read_calibration(session.store, 0, "student") is not None
    report = read_report(session.store, 2)
    assert report is not None
    assert report.statistics.self_agreement == 1.0
    assert run(reopened(*STUDENT), 2, students=[GOOD, BETTER]).jobs == []
    verify("corpus", repair=False)
    capsys.readouterr()
    status("corpus")
    said = " ".join(capsys.readouterr().out.split())
    assert "the student trained on it is promoted: no measure rose or fell" in said
    assert "student-" in said


@pytest.mark.parametrize(("generalist", "student", "box_writer"), [(HALF, GOOD, "student"), (GOOD, HALF, "generalist")])
@pytest.mark.usefixtures("session")
def test_of_two_learners_the_better_one_writes_boxes(generalist: Says, student: Says, box_writer: str) -> None:
    session = reopened(*BOTH, "loop.gate.tolerance=1.0")
    run(session, 1, generalist, students=[student])
    record = Corpus("corpus").round(1).record("p001")
    votes = {vote.source.annotator for region in record.regions for vote in region.votes}
    assert votes == {"boxes", box_writer}
    columns = {column.name for column in session.columns(1)}
    assert ("student" in columns) == (box_writer == "student")
    assert "generalist" in columns


def test_a_student_alone_cannot_go_on_when_it_is_refused(session: Session) -> None:
    with pytest.raises(RefusedError, match=r"is refused and there is no other to go on with: .*boxes is 0\.000, less"):
        run(reopened(*STUDENT), 1, students=[BLIND])
    run(reopened(*BOTH), 1, GOOD, students=[BLIND])
    assert annotators(1) == {"boxes", "generalist"}


def test_a_student_needs_a_start(session: Session) -> None:
    with pytest.raises(ConfigError, match=r"loop.student.start: a student needs a checkpoint to start from"):
        run(reopened("loop.learners=[student]"), 1)
    with pytest.raises(ConfigError, match=r"backend must be ultralytics, got 'detr'"):
        reopened("loop.student_annotator.specialist={backend: detr, weights: x}")
    with pytest.raises(ConfigError, match=r"learners must differ"):
        reopened("loop.learners=[student, student]")
