"""From gold: probabilities are true on things that were not used, and a rival label counts against one."""

import numpy as np
import pytest

from stages.calibrate.consensus import Consensus, Sighting
from stages.calibrate.learned import LabelledSighting, Stated, diagram, learned, voices_of
from stages.calibrate.platt import calibration_error
from tests.stages.calibrate.synthetic import Drawn, Seer, best_f1, drawn

SEERS = {"good": Seer(0.5), "boaster": Seer(3.0, boast=2.0)}


def fitted(found: Drawn) -> Consensus:
    stated: dict[str, list[Stated]] = {}
    judged = []
    for place, (sighting, is_there) in enumerate(zip(*found, strict=True)):
        judged.append(LabelledSighting(sighting, is_there, place % 2))
        for name, score in sighting.scores.items():
            stated.setdefault(name, []).append(Stated(sighting.label, score, is_there, place % 2))
    consensus = learned(judged, voices_of(stated))
    assert isinstance(consensus, Consensus)
    return consensus


def test_probabilities_are_true_on_other_things() -> None:
    consensus, other = fitted(drawn(SEERS, seed=1)), drawn(SEERS, seed=2)
    said = np.array([consensus.probability(each) for each in other.sightings])
    assert calibration_error(said, np.array(other.truth)) < 0.03
    boasted = np.array([max(score or 0.0 for score in each.scores.values()) for each in other.sightings])
    assert calibration_error(boasted, np.array(other.truth)) > 0.15


def test_together_they_are_not_below_the_better_one_on_other_things() -> None:
    consensus, other = fitted(drawn(SEERS, seed=1)), drawn(SEERS, seed=2)
    alone = best_f1([each.scores.get("good") or 0.0 for each in other.sightings], other.truth)
    assert best_f1([consensus.probability(each) for each in other.sightings], other.truth) >= alone - 0.005


def test_the_diagram_and_the_error_are_cross_fitted() -> None:
    consensus = fitted(drawn(SEERS))
    assert consensus.ece is not None
    assert consensus.ece < 0.03
    assert sum(each.count for each in consensus.bins) == len(drawn(SEERS).sightings)


def test_a_strong_rival_counts_against_a_label() -> None:
    rng = np.random.default_rng(1)
    judged: list[LabelledSighting] = []
    stated: dict[str, list[Stated]] = {"human": [], "model": []}
    for place in range(600):
        is_wrong = bool(rng.random() < 0.3)
        rivals = {"model": 0.9} if is_wrong and rng.random() < 0.9 else {}
        judged.append(LabelledSighting(Sighting("red", {"human": None}, rivals), not is_wrong, place % 2))
        stated["human"].append(Stated("red", None, not is_wrong, place % 2))
        stated["model"].append(Stated("white", 0.9, is_wrong, place % 2))
    consensus = learned(judged, voices_of(stated))
    assert isinstance(consensus, Consensus)
    assert consensus.probability(Sighting("red", {"human": None})) > 0.9
    assert consensus.probability(Sighting("red", {"human": None}, {"model": 0.9})) < 0.2


def test_too_little_gold_is_said() -> None:
    judged = [LabelledSighting(Sighting("dog", {"a": 0.5}), True, 0)] * 10
    voices = voices_of({"a": [Stated("dog", 0.5, True, 0)] * 10})
    assert str(learned(judged, voices)).startswith("10 things were seen, 10 of them right: at least 50 are needed")


def test_many_wrong_things_and_a_few_right_ones_are_too_little() -> None:
    judged = [LabelledSighting(Sighting("dog", {"a": 0.1 + place / 200}), place < 19, place % 2) for place in range(90)]
    voices = voices_of({"a": [Stated("dog", 0.5, each.right, each.fold) for each in judged]})
    assert "19 of them right" in str(learned(judged, voices))
    assert isinstance(learned([*judged, judged[0]], voices), Consensus)


def test_a_label_with_enough_statements_has_a_line_of_its_own() -> None:
    stated = [Stated("platelet", 0.5, place % 10 > 0, place % 2) for place in range(200)]
    stated += [Stated("red", 0.5, place % 10 == 0, place % 2) for place in range(200)]
    stated += [Stated("rare", 0.5, place > 0, 0) for place in range(10)]
    voice = voices_of({"model": stated})["model"]
    assert voice.probability("platelet", 0.5) == pytest.approx(0.9, abs=0.03)
    assert voice.probability("red", 0.5) == pytest.approx(0.1, abs=0.03)
    assert voice.probability("white", 0.5) == pytest.approx(0.5, abs=0.03)
    assert set(voice.labels) == {"platelet", "red"}
    assert (voice.low, voice.high) == pytest.approx((0.46, 0.56), abs=0.01)


def test_bins_of_equal_width_hold_every_thing() -> None:
    bins = diagram(np.array([0.05, 0.06, 1.0]), np.array([False, True, True]))
    assert [(each.mean, each.right, each.count) for each in bins] == [(0.055, 0.5, 2), (1.0, 1.0, 1)]
