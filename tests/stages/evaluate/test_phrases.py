import pytest

from filters.nouns import names
from shards.record import Grounding
from stages.evaluate.phrases import phrase_quality
from tests.stages.evaluate.records import grounding, record, thing

TEXT = "a red fish above two cups"
FISH, LEFT, RIGHT = (10.0, 10.0, 40.0, 30.0), (10.0, 60.0, 20.0, 80.0), (30.0, 60.0, 40.0, 80.0)
NOWHERE = (70.0, 0.0, 90.0, 20.0)
GOLD = record(
    "a", thing("fish", FISH), thing("cup", LEFT), thing("cup", RIGHT), brief=TEXT,
    groundings=[grounding(TEXT, "a red fish", FISH), grounding(TEXT, "two cups", LEFT, RIGHT)],
)  # fmt: skip


def measured(*groundings: Grounding, brief: str = TEXT) -> dict[str, float]:
    found = phrase_quality([(record("a", brief=brief, groundings=list(groundings)), GOLD)], resamples=0)
    return {name: estimate.value for name, estimate in found.items()}


def test_gold_phrases_are_perfect() -> None:
    assert measured(*GOLD.groundings) == {"precision": 1.0, "recall_at_1": 1.0, "coverage": 1.0}


def test_only_the_best_box_counts_for_recall_and_every_box_for_precision() -> None:
    found = measured(grounding(TEXT, "a red fish", NOWHERE, FISH, scores=(0.9, 0.5)))

    assert found == {"precision": 0.5, "recall_at_1": 0.0, "coverage": pytest.approx(1 / 3)}


def test_a_box_on_another_thing_is_wrong() -> None:
    assert measured(grounding(TEXT, "a red fish", LEFT))["precision"] == 0.0


def test_another_text_can_be_precise_but_recalls_no_gold_phrase() -> None:
    other = "the fish swims"

    found = phrase_quality([(record("a", brief=other, groundings=[grounding(other, "the fish", FISH)]), GOLD)], 0)

    assert found["precision"].value == 1.0
    assert found["recall_at_1"].count == 0


@pytest.mark.parametrize(
    ("phrase", "label", "expected"),
    [
        ("two small cups", "cup", True),
        ("three butterflies", "butterfly", True),
        ("a cupboard", "cup", False),
        ("A Red FISH", "fish", True),
        ("the sea", "fish", False),
    ],
)
def test_names(phrase: str, label: str, expected: bool) -> None:
    assert names(phrase, label) is expected
