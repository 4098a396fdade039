"""The loop with an annotator that writes long texts about few images: left out of its rounds, learned at their end."""

from dataclasses import replace
from pathlib import Path

import pytest

from engine.api.loop import Loop, loop_rounds
from engine.config.config_text import ConfigError
from engine.console.terminal import out
from engine.corpus.promotions import read_promotion
from engine.corpus.session import Session, opened
from engine.verbs import rounds
from engine.verbs.loop import rounds_table
from engine.verbs.printing import printer
from engine.verbs.status import status
from engine.verbs.verify import verify
from shards.reader import Corpus
from shards.record import Record
from stages.retrain.job import RetrainJob
from tests.engine.fake_specialists import save_pictures
from tests.engine.learners import BLIND, CONFIG, GOOD, Says, School, build, save

SPARSE = """
  long:
    role: captioner
    granularities: [detailed]
    subset: {keys: few.txt}
    specialist: {backend: custom, factory: "tests.engine.fake_specialists:ColourCaptioner", options: {about: long}}
loop:
"""
LONG = Says(text="a {} box stands before a grey wall", score=0.9)


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    """Ten pictures; long texts of six of them, some of which are held out."""
    monkeypatch.chdir(tmp_path)
    save_pictures(tmp_path / "photos", 10)
    (tmp_path / "few.txt").write_text("\n".join(f"p{number:03d}" for number in range(6)))
    (tmp_path / "loop.yaml").write_text(CONFIG.replace("loop:\n", SPARSE.lstrip("\n"), 1))
    rounds.ingest(["photos"], "corpus", "loop.yaml", [], retry_quarantined=False)
    return reopened("loop.start=" + save(tmp_path / "start", BLIND))


def reopened(*assignments: str) -> Session:
    with opened("corpus", None, list(assignments)) as session:
        return replace(session, build=build)


def run(session: Session, count: int, *lessons: Says, named: list[Says]) -> School:
    school = School(session, lessons, named=named)
    Loop(session, None, school.train, printer("corpus")).run(count)
    out.print(rounds_table(loop_rounds(session.store, count)))
    return school


def records(number: int) -> dict[str, Record]:
    round_ = Corpus("corpus").round(number)
    return {record.key: record for shard in round_.shards() for record in round_.records(shard)}


def writers(record: Record) -> set[str]:
    return {text.source.annotator for text in record.texts if text.granularity == "detailed"}


def test_long_texts_are_learned_last_and_written_about_all(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    school = run(session, 2, GOOD, GOOD, named=[LONG, LONG])
    jobs = [job for job in school.jobs if isinstance(job, RetrainJob)]
    assert [(job.round, job.name) for job in jobs] == [(0, "model"), (1, "model"), (1, "model-long-learned")]
    assert all("<DETAILED_CAPTION>" not in job.settings.recipe.weights for job in jobs[:2])
    fine = jobs[2]
    assert (set(fine.settings.recipe.weights), fine.settings.recipe.steps) == ({"<DETAILED_CAPTION>"}, 200)
    assert fine.checkpoint.endswith("rounds/01/model")
    few = {f"p{number:03d}" for number in range(6)}
    for number in (0, 1):
        assert {key for key, record in records(number).items() if writers(record)} == few
    last = records(2)
    assert {key for key, record in last.items() if "long-learned" in writers(record)} == set(last)
    [text] = [text for text in last["p009"].texts if text.granularity == "detailed"]
    assert (text.text, text.source.round) == ("a red box stands before a grey wall", 2)
    promotion = read_promotion(session.store, 1, "long-learned")
    assert promotion is not None
    assert (promotion.promoted, list(promotion.measures)) == (True, ["texts/detailed"])
    assert 0 < promotion.images < 6  # held-out ones of the few
    verify("corpus", repair=False)
    status("corpus")
    said = " ".join(capsys.readouterr().out.split())
    assert "the long-learned trained on it is promoted: the mean of texts/detailed is 0.875" in said
    assert run(reopened(), 2, GOOD, GOOD, named=[LONG, LONG]).jobs == []


def test_a_model_of_few_texts_that_is_refused_writes_nothing(session: Session) -> None:
    run(session, 1, GOOD, named=[Says(text="nothing like it")])
    promotion = read_promotion(session.store, 0, "long-learned")
    assert promotion is not None
    assert not promotion.promoted
    assert {name for record in records(1).values() for name in writers(record)} <= {"long"}


def test_more_rounds_learn_them_again_from_the_newer_model(session: Session) -> None:
    run(session, 1, GOOD, GOOD, named=[LONG, LONG])
    school = run(reopened(), 2, GOOD, GOOD, named=[LONG, LONG])
    assert [(job.round, job.name) for job in school.jobs] == [(1, "model"), (1, "model-long-learned")]
    assert all("long-learned" in writers(record) for record in records(2).values())


@pytest.mark.usefixtures("session")
def test_what_cannot_be_learned_last_says_why() -> None:
    with pytest.raises(ConfigError, match=r"<DETAILED_CAPTION> are written by an annotator with a subset and learned"):
        run(reopened('loop.retrain.tasks=["<DETAILED_CAPTION>"]'), 1, GOOD, named=[LONG])
    with pytest.raises(ConfigError, match=r"annotators\.long-learned: the loop's own model has this name"):
        reopened("annotators.long-learned={role: captioner}").columns_with({})
