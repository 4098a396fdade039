"""The gate with models that run: a checkpoint of random weights, gold, and what is held out."""

from dataclasses import replace
from pathlib import Path

import pytest

from engine.api.gate import gate, held_out_images
from engine.corpus.promotions import promotion_path, read_calibration, read_promotion, weights_of
from engine.corpus.session import Session, look
from engine.runtime.backend import StartError
from engine.runtime.column import Column
from engine.verbs import rounds
from shards.errors import DamageError
from shards.raw import read_raw
from shards.record import encode
from shards.store import open_store
from stages.held_out import is_held_out
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
    return replace(look("corpus"), build=build, builds=True, memory=None)


def model(session: Session, tmp_path: Path, says: Says, name: str = "model") -> Column:
    return session.learned("generalist", save(tmp_path / name, says))


def test_a_checkpoint_of_random_weights_is_refused(session: Session, tmp_path: Path) -> None:
    weights = str(save_tiny_florence2(tmp_path / "random"))
    short = ["loop.generalist.specialist.max_new_tokens=24", "loop.generalist.tasks=['<CAPTION>', '<OD>']"]
    candidate = replace(look("corpus", None, short), builds=True).learned("generalist", weights)
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


MANY = Says(boxes=8, falls=0.1)
"""One right box and seven wrong ones, with worse scores, but most of them above the filter's threshold."""


def test_the_scores_of_both_models_are_calibrated_before_they_are_judged(session: Session, tmp_path: Path) -> None:
    many = model(session, tmp_path, MANY)
    promotion = gate(session, 0, many, many, None)
    found = read_calibration(session.store, 0)
    assert found is not None
    assert (found.reference, found.images) == ("round 0", promotion.images)
    objects = found.kinds["object"]
    assert (objects.count, objects.right) == (8 * promotion.images, promotion.images)
    assert found.lines["object"].slope > 0.5
    assert found.kinds["phrase"].reason == "0 pairs, at least 30 are needed"
    boxes = promotion.measures["boxes"]
    assert boxes.candidate == boxes.previous
    assert boxes.candidate > 0.6  # as given, the scores let five wrong boxes pass for each right one


def test_a_calibration_without_a_verdict_or_the_other_way_round_is_made_again(session: Session, tmp_path: Path) -> None:
    many, store = model(session, tmp_path, MANY), session.store
    promotion = gate(session, 0, many, None, None)
    path = "rounds/00/model/calibration.json"
    made = store.read(path)
    for lost in (promotion_path(0), path, "rounds/00/model/manifest/calibration.json"):
        store.remove(lost)
        store.remove(f"{lost}.seal")  # a sealed file that is gone is damage, not a verdict to be reached again
        assert gate(session, 0, many, None, None) == promotion
        assert store.read(path) == made


def test_other_gold_gives_another_calibration(session: Session, tmp_path: Path) -> None:
    many = model(session, tmp_path, MANY)
    gate(session, 0, many, None, None)
    gold = [record(each.row.key, thing("cat", (0.0, 0.0, 4.0, 4.0))) for each in held_out_images(session)]
    (tmp_path / "gold.jsonl").write_bytes(b"\n".join(encode(each) for each in gold))
    gate(session, 0, many, None, "gold.jsonl")
    found = read_calibration(session.store, 0)
    assert found is not None
    assert (found.reference, found.lines) == ("gold.jsonl", {})
    assert found.kinds["object"].reason == f"all {found.kinds['object'].count} are wrong: nothing to tell apart"


def test_a_calibration_that_is_none_says_what_to_do(session: Session) -> None:
    session.store.write("rounds/00/model/calibration.json", [b"{}"])
    with pytest.raises(
        DamageError, match=r"rounds/00/model/calibration.json is damaged: .*; delete it, and `fld loop` fits it"
    ):
        read_calibration(session.store, 0)


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
    fewer = look("corpus", None, ["loop.gate.images=1"])
    assert [each.row.key for each in held_out_images(fewer)] == [found[0].row.key]


def test_without_held_out_images_there_is_no_promotion(session: Session, tmp_path: Path) -> None:
    none = replace(look("corpus", None, ["loop.retrain.held_out=0"]), build=build, builds=True, memory=None)
    promotion = gate(none, 0, model(session, tmp_path, GOOD), None, None)
    assert (promotion.promoted, promotion.images) == (False, 0)
    assert promotion.reason.startswith("no image is held out")


def test_a_previous_model_that_does_not_run_is_an_error(session: Session, tmp_path: Path) -> None:
    broken = model(session, tmp_path, BLIND, "broken")
    (tmp_path / "broken" / "says.json").write_text("{")
    with pytest.raises(StartError, match="candidate was trained from does not run: annotator gate: error: Decode"):
        gate(session, 0, model(session, tmp_path, GOOD), broken, None)


def test_what_models_say_of_the_held_out_images_is_a_column_of_its_own(session: Session, tmp_path: Path) -> None:
    candidate = model(session, tmp_path, GOOD)
    gate(session, 0, candidate, None, None)
    held_out = held_out_images(session)
    shards = {each.shard for each in held_out}
    rows = [row for shard in shards for row in read_raw(session.store, "gate", candidate.fingerprint, shard)]
    assert {row.key for row in rows} == {each.row.key for each in held_out}
    assert all(row.status == "ok" for row in rows)


def test_models_are_loaded_from_a_disk() -> None:
    with pytest.raises(ValueError, match="fld loop needs a corpus in a folder that all workers see, got memory://"):
        weights_of(open_store("memory://corpus"), 0)
