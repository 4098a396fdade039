"""Which candidates are promoted, and what the refusal says."""

import re

import pytest

from shards.record import Record
from stages.gate.decide import decide
from stages.gate.settings import GateSettings
from tests.stages.evaluate.records import record, thing

PLACES = [(0.0, 0.0, 20.0, 20.0), (60.0, 60.0, 90.0, 90.0)]
COUNT = 30
SETTINGS = GateSettings(resamples=200)


def said(right: int, label: str = "dog") -> list[Record]:
    """Two dogs per image; in the first `right` images they are called so."""
    return [
        record(f"i{i}", *(thing("dog" if i < right else label, place) for place in PLACES), brief="two dogs run")
        for i in range(COUNT)
    ]


GOLD = said(COUNT)


def test_a_better_model_is_promoted_and_the_reason_names_what_rose() -> None:
    verdict = decide(said(28, "cat"), said(15, "cat"), GOLD, SETTINGS)
    assert verdict.promoted
    assert re.fullmatch(r"boxes rose by 0\.433 \(95% interval \+0\.\d{3} to \+0\.\d{3}\)", verdict.reason)
    boxes = verdict.measures["boxes"]
    assert boxes.candidate == pytest.approx(28 / 30)
    assert boxes.difference == pytest.approx(13 / 30)
    assert boxes.low is not None
    assert boxes.low > 0


def test_a_worse_model_is_refused_with_its_numbers() -> None:
    verdict = decide(said(15, "cat"), said(28, "cat"), GOLD, SETTINGS)
    assert not verdict.promoted
    assert verdict.reason.startswith("boxes fell by 0.433 (95% interval -0.567 to -0.233), more")
    assert verdict.reason.endswith("0.02 (loop.gate.tolerance)")


def test_a_fall_within_its_interval_or_the_tolerance_is_no_fall() -> None:
    one_worse = decide(said(27, "cat"), said(28, "cat"), GOLD, SETTINGS)
    assert (one_worse.promoted, one_worse.reason) == (True, "no measure rose or fell beyond its interval")
    assert one_worse.measures["boxes"].unchanged
    tolerated = decide(said(15, "cat"), said(28, "cat"), GOLD, GateSettings(tolerance=0.5))
    assert tolerated.promoted
    assert tolerated.reason.startswith("boxes fell by 0.433 (95% interval -0.600 to -0.267), which")
    assert tolerated.reason.endswith("loop.gate.tolerance = 0.5 allows")


def test_one_image_refuses_nobody() -> None:
    verdict = decide(said(0, "cat")[:1], said(28, "cat")[:1], GOLD[:1], SETTINGS)
    assert (verdict.promoted, verdict.reason) == (True, "no measure rose or fell beyond its interval")
    assert decide(said(0, "cat")[:2], said(28, "cat")[:2], GOLD[:2], SETTINGS).promoted is False


def test_a_measure_that_is_not_watched_may_fall() -> None:
    assert decide(said(5, "cat"), said(28, "cat"), GOLD, GateSettings(watched=["texts/brief"])).promoted


def test_a_silent_model_is_refused_even_if_the_previous_one_was_silent() -> None:
    verdict = decide([], [], GOLD, SETTINGS)
    assert (verdict.promoted, verdict.reason) == (False, "the candidate says nothing about 30 held-out images")


@pytest.mark.parametrize(("right", "promoted"), [(COUNT, True), (0, False)])
def test_a_model_trained_from_nothing_must_reach_the_floor(right: int, promoted: bool) -> None:
    verdict = decide(said(right, "cat"), None, GOLD, GateSettings(floor=0.6))
    assert verdict.promoted == promoted
    assert ("no previous model" in verdict.reason) == promoted
    assert ("less than 0.6 (loop.gate.floor)" in verdict.reason) != promoted


def test_without_held_out_images_nothing_is_promoted() -> None:
    assert decide(GOLD, None, [], SETTINGS).reason.startswith("no image is held out: raise loop.retrain.held_out")


def test_without_anything_to_compare_with_nothing_is_promoted() -> None:
    verdict = decide(GOLD, None, [record("i0")], SETTINGS)
    assert (verdict.promoted, verdict.reason[:28]) == (False, "nothing to compare with: no ")
