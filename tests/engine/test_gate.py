"""The gate with models that run: a checkpoint of random weights, gold, and what is held out."""

from dataclasses import replace
from pathlib import Path

import pytest

from engine import rounds
from engine.backend import StartError
from engine.column import Column
from engine.gate import gate, held_out_images
from engine.generations import read_promotion, weights_of
from engine.rounds import Session
from shards.record import encode
from shards.store import open_store
from stages.retrain.split import is_held_out
from tests.engine.fake_specialists import save_pictures
from tests.engine.learners import BLIND, CONFIG, GOOD, Says, build, save
from tests.specialists.tiny_florence2 import save_tiny_florence2
from tests.stages.evaluate.records import record, thing


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    """Ten pictures in a round 0 that is written."""
    monkeypatch.chdir(tmp_path)
    save_pictures(tmp_path / "photos", 10)
    (tmp_path / "loop.yaml").write_text(CONFIG)
    rounds.run(["photos"], "corpus", "loop.yaml", [])
    return replace(rounds.look("corpus"), build=build)


def model(session: Session, tmp_path: Path, says: Says, name: str = "model") -> Column:
    return session.learned(save(tmp_path / name, says))


def test_a_checkpoint_of_random_weights_is_refused(session: Session, tmp_path: Path) -> None:
    weights = str(save_tiny_florence2(tmp_path / "random"))
    short = ["loop.generalist.specialist.max_new_tokens=24", "loop.generalist.tasks=['<CAPTION>', '<OD>']"]
    candidate = rounds.look("corpus", None, short).learned(weights)
    promotion = gate(session, 0, candidate, model(session, tmp_path, GOOD), None)
    assert not promotion.promoted
    assert promotion.reason.startswith("the candidate says nothing about ")
    assert promotion.measures["boxes"].candidate == 0.0
    assert read_promotion(session.store, 0) == promotion


def test_a_model_that_was_trained_from_nothing_needs_the_floor(session: Session, tmp_path: Path) -> None:
    assert gate(session, 0, model(session, tmp_path, GOOD), None, None).promoted
    blind = replace(session, config=session.config.model_copy(update={"loop": _with_floor(session, 0.2)}))
    promotion = gate(blind, 0, model(session, tmp_path, BLIND, "blind"), None, None)
    assert (promotion.promoted, promotion.previous) == (False, "")
    assert "less than 0.2 (loop.gate.floor)" in promotion.reason


def _with_floor(session: Session, floor: float) -> object:
    loop = session.config.loop
    return loop.model_copy(update={"gate": loop.gate.model_copy(update={"floor": floor})})


def test_gold_is_what_counts_where_there_is_gold(session: Session, tmp_path: Path) -> None:
    images = held_out_images(session)
    gold = [record(each.row.key, thing("cat", (8.0, 10.0, 40.0, 30.0))) for each in images]
    (tmp_path / "gold.jsonl").write_bytes(b"\n".join(encode(each) for each in gold))
    good, blind = model(session, tmp_path, GOOD), model(session, tmp_path, BLIND, "blind")
    promotion = gate(session, 0, blind, good, "gold.jsonl")  # there, it is a cat
    assert (promotion.promoted, promotion.reference, promotion.images) == (True, "gold.jsonl", len(images))
    assert not gate(session, 0, blind, good, None).promoted


def test_held_out_images_are_chosen_by_their_hash_and_always_the_same(session: Session) -> None:
    share = session.config.loop.retrain.held_out
    found = held_out_images(session)
    assert 0 < len(found) < 10
    assert all(is_held_out(each.row.sha256, share) for each in found)
    fewer = rounds.look("corpus", None, ["loop.gate.images=1"])
    assert [each.row.key for each in held_out_images(fewer)] == [found[0].row.key]


def test_without_held_out_images_there_is_no_promotion(session: Session, tmp_path: Path) -> None:
    none = replace(rounds.look("corpus", None, ["loop.retrain.held_out=0"]), build=build)
    promotion = gate(none, 0, model(session, tmp_path, GOOD), None, None)
    assert (promotion.promoted, promotion.images) == (False, 0)
    assert promotion.reason.startswith("no image is held out")


def test_a_previous_model_that_does_not_run_is_an_error(session: Session, tmp_path: Path) -> None:
    broken = model(session, tmp_path, BLIND, "broken")
    (tmp_path / "broken" / "says.json").write_text("{")
    with pytest.raises(StartError, match="the model that the candidate was trained from does not run: error: Decode"):
        gate(session, 0, model(session, tmp_path, GOOD), broken, None)


def test_models_are_loaded_from_a_disk() -> None:
    with pytest.raises(ValueError, match="fld loop needs a corpus in a folder that all workers see, got memory://"):
        weights_of(open_store("memory://corpus"), 0)
