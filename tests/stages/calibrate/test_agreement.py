"""Without gold: the pool is not below its best member, and says when it cannot tell."""

import pytest

from stages.calibrate.agreement import HUMAN, agreed, annotator_reliability
from stages.calibrate.consensus import Consensus, Sighting
from tests.stages.calibrate.synthetic import Seer, best_f1, drawn

GOOD, BOASTER = Seer(0.5), Seer(3.0, boast=2.0)


def pooled(seers: dict[str, Seer], seed: int = 1) -> tuple[Consensus, float, float, dict[str, float]]:
    """The consensus, its best F1, that of the greatest score as a round without calibration has it, and that of each
    annotator's scores."""
    found = drawn(seers, seed=seed)
    consensus = agreed(found.sightings, list(seers), frozenset())
    assert isinstance(consensus, Consensus)
    alone = {name: best_f1([each.scores.get(name) or 0.0 for each in found.sightings], found.truth) for name in seers}
    greatest = best_f1([max(score or 0.0 for score in each.scores.values()) for each in found.sightings], found.truth)
    return consensus, best_f1([consensus.probability(each) for each in found.sightings], found.truth), greatest, alone


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_good_and_a_bad_annotator_are_better_pooled_than_by_the_greatest_score(seed: int) -> None:
    _, together, greatest, alone = pooled({"good": GOOD, "boaster": BOASTER}, seed)
    assert alone["boaster"] + 0.08 < greatest + 0.08 < together < alone["good"]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_two_annotators_of_one_kind_are_not_below_the_better_one(seed: int) -> None:
    _, together, _, alone = pooled({"a": Seer(1.0), "b": Seer(1.3)}, seed)
    assert together > max(alone.values()) - 0.005


def test_three_annotators_together_are_above_the_best_one() -> None:
    _, together, _, alone = pooled({"a": Seer(1.5), "b": Seer(1.5), "c": Seer(1.8)})
    assert together > max(alone.values()) + 0.04


def test_the_one_that_is_borne_out_more_often_is_more_reliable() -> None:
    consensus, *_ = pooled({"good": GOOD, "boaster": BOASTER})
    reliability = annotator_reliability(consensus)
    assert reliability["good"] > reliability["boaster"]


def test_a_lone_find_of_the_weaker_one_is_worth_less_than_one_of_the_better() -> None:
    consensus, *_ = pooled({"good": GOOD, "boaster": BOASTER})
    lone = {name: consensus.probability(Sighting("dog", {name: 0.7})) for name in ("good", "boaster")}
    assert lone["good"] > lone["boaster"]


def test_annotators_that_never_meet_cannot_be_told_apart() -> None:
    apart = [Sighting("dog", {"a" if place % 2 else "b": 0.9}) for place in range(100)]
    assert agreed(apart, ["a", "b"], frozenset()) == (
        "a, b agree on 0 things, at least 30 are needed to tell who is right"
    )


def test_people_are_counted_for_what_they_are() -> None:
    found = [Sighting("dog", {"given": None, "model": 0.8}) for _ in range(40)]
    found += [Sighting("dog", {"model": 0.2}) for _ in range(200)]
    consensus = agreed(found, ["given", "model"], frozenset({"given"}))
    assert isinstance(consensus, Consensus)
    assert consensus.voices["given"].probability("dog", None) == pytest.approx(HUMAN)


def test_who_does_not_know_a_label_is_no_witness_against_it() -> None:
    found = [Sighting("dog", {"a": 0.9, "b": 0.9}) for _ in range(100)]
    found += [Sighting("cat", {"a": 0.9}) for _ in range(60)]
    consensus = agreed(found, ["a", "b"], frozenset())
    assert isinstance(consensus, Consensus)
    assert consensus.blind == {"cat": ["b"]}
    assert consensus.probability(Sighting("cat", {"a": 0.9})) > consensus.probability(Sighting("dog", {"a": 0.9}))


def test_equal_input_gives_equal_numbers() -> None:
    first, second = (pooled({"good": GOOD, "boaster": BOASTER})[0] for _ in range(2))
    assert first == second
