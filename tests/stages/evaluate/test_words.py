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


LEFT, RIGHT, LINE = (10.0, 10.0, 40.0, 20.0), (45.0, 10.0, 90.0, 20.0), (10.0, 9.0, 90.0, 21.0)
BELOW = (10.0, 22.0, 90.0, 32.0)


def test_a_line_is_right_if_its_words_are_there_in_order() -> None:
    truth = record("a", word("ONLY", RIGHT), word("EXIT", LEFT))
    found = word_quality([(record("a", word("exit only", LINE)), truth)], 0)
    assert (found["f1"].value, found["cut_f1"].value) == (0.0, 1.0)
    swapped = word_quality([(record("a", word("only exit", LINE)), truth)], 0)
    assert (swapped["cut_precision"].value, swapped["cut_recall"].value) == (0.5, 0.5)


def test_words_against_gold_in_lines() -> None:
    said = record("a", word("exit", LEFT), word("0nly", RIGHT), word("made up", OTHER))
    truth = record("a", word("EXIT ONLY", LINE), word("thank you", BELOW))
    found = word_quality([(said, truth)], 0)
    assert found["cut_precision"].value == pytest.approx(1 / 4)
    assert found["cut_recall"].value == pytest.approx(1 / 4)
    assert found["cut_f1"].count == 4


def test_a_paragraph_is_read_row_by_row() -> None:
    truth = record("a", word("thank you", BELOW), word("ONLY", RIGHT), word("EXIT", LEFT))
    said = record("a", word("exit only thank you", (10.0, 9.0, 90.0, 32.0)))
    assert word_quality([(said, truth)], 0)["cut_f1"].value == 1.0


def test_words_that_stand_elsewhere_are_not_right() -> None:
    found = word_quality([(record("a", word("exit", OTHER)), record("a", word("EXIT", LEFT)))], 0)
    assert found["cut_f1"].value == 0.0
