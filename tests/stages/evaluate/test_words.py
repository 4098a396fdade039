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
