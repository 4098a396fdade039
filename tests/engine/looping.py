"""A loop of models that say what they are told, run in this process."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from engine.api.loop import Loop, loop_rounds
from engine.console.terminal import out
from engine.corpus.session import Session, opened
from engine.verbs import rounds
from engine.verbs.loop import rounds_table
from engine.verbs.printing import printer
from tests.engine.fake_specialists import save_pictures
from tests.engine.learners import BLIND, CONFIG, Says, School, build, save

BETTER = Says(score=0.97)


def begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    """Ten ingested pictures, a start checkpoint that is blind, the corpus held."""
    monkeypatch.chdir(tmp_path)
    save_pictures(tmp_path / "photos", 10)
    (tmp_path / "loop.yaml").write_text(CONFIG)
    rounds.ingest(["photos"], "corpus", "loop.yaml", [], retry_quarantined=False)
    return reopened("loop.start=" + save(tmp_path / "start", BLIND))


def reopened(*assignments: str) -> Session:
    """The corpus with other settings, which stay."""
    with opened("corpus", None, list(assignments)) as session:
        return replace(session, build=build)


def run(session: Session, count: int, *lessons: Says, students: Sequence[Says] = ()) -> School:
    school = School(session, lessons, students)
    try:
        Loop(session, None, school.train, printer("corpus")).run(count)
    finally:
        out.print(rounds_table(loop_rounds(session.store, count)))
    return school
