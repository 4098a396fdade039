import pytest

from stages.evaluate.words import word_quality
from tests.stages.evaluate.records import record, word

BOX, OTHER = (10.0, 10.0, 40.0, 20.0), (10.0, 50.0, 40.0, 60.0)


def test_a_misread_word_is_found_but_not_right() -> None:
    said = record("a", word("CAFF", BOX), word("open", OTHER))
    truth = record("a", word("CAFE", BOX), word("OPEN", OTHER))

    found = word_quality([(said, truth)], resamples=0)

    assert (found["place_recall"].value, found["cer"].value, found["f1"].value) == (1.0, 1 / 8, 0.5)


def test_a_missed_word_lowers_recall_and_f1_but_not_the_error_rate() -> None:
    found = word_quality([(record("a", word("CAFE", BOX)), record("a", word("CAFE", BOX), word("OPEN", OTHER)))], 0)

    assert (found["place_recall"].value, found["cer"].value) == (0.5, 0.0)
    assert found["f1"].value == pytest.approx(2 / 3)


def test_a_word_that_nobody_can_read_counts_neither_way() -> None:
    truth = record("a", word("EXIT", (0.0, 0.0, 20.0, 10.0)), word("###", (40.0, 40.0, 90.0, 60.0)))
    said = record("a", word("EXIT", (0.0, 0.0, 20.0, 10.0)), word("scribble", (45.0, 42.0, 85.0, 58.0)))

    found = word_quality([(said, truth)], resamples=0)

    assert (found["f1"].value, found["f1"].count) == (1.0, 1)
