"""Answers in pixels, with the scores of their tokens."""

import re

import numpy as np
import pytest

from specialists.florence2_answers import read_boxes, read_caption, read_outlines, read_phrases, read_words
from specialists.florence2_model import Answer


def answer_of(text: str) -> Answer:
    """An answer in which every location token has probability 0.5 and every run of letters 0.25."""
    pieces = list(re.finditer(r"<loc_\d+>|[^<]+", text))
    halves = [np.log(0.5 if piece.group().startswith("<") else 0.25) for piece in pieces]
    return Answer(text, [piece.span() for piece in pieces], halves)


def box_text(*bins: int) -> str:
    return "".join(f"<loc_{b}>" for b in bins)


def test_phrases_get_spans_of_the_original_text_in_its_order() -> None:
    text = "A Dog, a café and a dog"
    answer = answer_of(f"a dog{box_text(0, 0, 499, 499)}a cafe{box_text(9, 9, 5, 5)}a dog{box_text(1, 2, 3, 4)}")
    phrases = read_phrases(answer, 200, 100, text, offset=10)
    assert [text[p.start - 10 : p.end - 10] for p in phrases] == ["A Dog", "a café", "a dog"]
    assert phrases[0].boxes.tolist() == [pytest.approx([0.1, 0.05, 99.9, 49.95])]
    assert phrases[1].boxes.tolist() == [pytest.approx([1.1, 0.55, 1.9, 0.95])]
    assert phrases[0].score == pytest.approx(0.25)
    assert phrases[0].box_scores.tolist() == [0.5]


def test_phrases_that_are_not_in_the_text_are_left_out_and_repeats_join(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    answer = answer_of(f"a dog{box_text(1, 1, 2, 2, 3, 3, 4, 4)}a cat{box_text(0, 0, 9, 9)}a dog{box_text(5, 5, 6, 6)}")
    [phrase] = read_phrases(answer, 10, 10, "a dog")
    assert (phrase.start, phrase.end, len(phrase.boxes)) == (0, 5, 3)
    assert "1 of 3 phrases of an answer are not in its text" in caplog.text


def test_captions_hold_no_tokens_of_the_model() -> None:
    caption = read_caption(answer_of(f"a dog{box_text(1, 2)} barks"))
    assert caption.text == "a dog barks"
    assert caption.score == pytest.approx((0.25 * 0.5 * 0.5 * 0.25) ** 0.25)


def test_boxes_have_ordered_corners_and_the_score_of_label_and_place() -> None:
    found = read_boxes(answer_of(f"a dog{box_text(500, 500, 0, 0)}"), 200, 100)
    assert found.labels == ["a dog"]
    assert found.boxes.tolist() == [pytest.approx([0.1, 0.05, 100.1, 50.05])]
    assert found.scores.tolist() == [pytest.approx((0.25 * 0.5**4) ** 0.2)]


def test_words_keep_their_corners_in_order() -> None:
    found = read_words(answer_of(f"STOP{box_text(0, 0, 9, 0, 9, 9, 0, 9)}"), 1000, 1000)
    assert found.texts == ["STOP"]
    assert found.quads.tolist() == [[0.5, 0.5, 9.5, 0.5, 9.5, 9.5, 0.5, 9.5]]
    assert found.scores.tolist() == [pytest.approx((0.25 * 0.5**8) ** (1 / 9))]


def test_outlines_run_clockwise_and_have_three_corners_at_least() -> None:
    ring, line = box_text(0, 0, 0, 9, 9, 9), box_text(1, 1, 2, 2)
    found = read_outlines(answer_of(f"<poly>{ring}<sep>{line}</poly><poly>{line}</poly>"), 1000, 1000)
    assert found == [("", [[9.5, 9.5, 0.5, 9.5, 0.5, 0.5]])]
