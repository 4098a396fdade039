from msgspec.structs import replace

from stages.evaluate.regions import region_quality
from tests.stages.evaluate.records import record, thing

HERE, THERE = (0.0, 0.0, 50.0, 50.0), (60.0, 60.0, 90.0, 90.0)


def test_the_selected_text_is_the_label_or_a_phrase_of_the_gold_object() -> None:
    label = replace(thing("dog", HERE), selected=0)
    wrong = replace(thing("cat", THERE), selected=0)
    found = region_quality([(record("a", label, wrong), record("a", thing("Dog", HERE), thing("cow", THERE)))], 0)
    assert (found["accuracy"].value, found["accuracy"].count) == (0.5, 2)
    assert found["brief"].count == 0  # both texts are labels


def test_an_article_does_not_count_and_a_longer_text_is_judged_against_phrases() -> None:
    found = region_quality([(record("a", thing("dog", HERE)), record("a", thing("dog", HERE)))], 0)
    assert (found["brief"].value, found["brief"].count) == (1.0, 1)


def test_a_region_elsewhere_is_not_judged() -> None:
    found = region_quality([(record("a", thing("dog", HERE)), record("a", thing("dog", THERE)))], 0)
    assert found["accuracy"].count == 0
