import math

import numpy as np
import pytest

from filters.phrase import PhraseSettings, blacklist, content_words, judge_phrase, judge_phrase_boxes
from filters.verdict import KEPT, Verdict, dropped

SETTINGS = PhraseSettings()


@pytest.mark.parametrize(
    "phrase", ["A red hat", "two dogs", "grass", "an alarm clock", "glasses", "the traffic light", "a group"]
)
def test_things_are_kept(phrase: str) -> None:
    assert judge_phrase(phrase, 0.9, SETTINGS) == KEPT


@pytest.mark.parametrize("phrase", ["it", "They", "himself", "each other", "Both of them", "that"])
def test_pronouns(phrase: str) -> None:
    assert judge_phrase(phrase, 0.9, SETTINGS) == dropped("phrase.pronoun")
    assert judge_phrase(phrase, 0.9, PhraseSettings(pronouns=False, abstract=False)) == KEPT


@pytest.mark.parametrize(
    "phrase", ["the background", "A close up", "a black-and-white photo", "two photos", "the left side", "activities"]
)
def test_abstract_concepts(phrase: str) -> None:
    assert judge_phrase(phrase, 0.9, SETTINGS) == dropped("phrase.abstract")
    assert judge_phrase(phrase, 0.9, PhraseSettings(abstract=False)) == KEPT


def test_only_the_last_word_makes_a_phrase_abstract() -> None:
    assert judge_phrase("a picture frame holder", 0.9, SETTINGS) == KEPT


def test_own_entries() -> None:
    settings = PhraseSettings(deny=["The Sky"], allow=["side table corner"])
    assert judge_phrase("a cloudy sky", 0.9, settings) == dropped("phrase.denied")
    assert judge_phrase("skies", 0.9, settings) == dropped("phrase.denied")
    assert judge_phrase("the side table corner", 0.9, settings) == KEPT
    assert judge_phrase("the corner", 0.9, settings) == dropped("phrase.abstract")


@pytest.mark.parametrize("phrase", ["", "  ", "...", "\n"])
def test_no_words(phrase: str) -> None:
    assert judge_phrase(phrase, 0.9, SETTINGS) == dropped("phrase.empty")


def test_phrase_score() -> None:
    assert judge_phrase("a dog", 0.3, SETTINGS) == KEPT
    assert judge_phrase("a dog", float(np.float32(0.3)), SETTINGS) == KEPT
    assert judge_phrase("a dog", 0.29, SETTINGS) == dropped("phrase.score", 0.29, 0.3)
    assert judge_phrase("a dog", None, SETTINGS) == KEPT
    with pytest.raises(ValueError, match=r"phrase 'a dog': a score must be a number in \[0, 1\], got nan"):
        judge_phrase("a dog", math.nan, SETTINGS)


def test_content_words_keep_a_lone_determiner() -> None:
    assert content_words("all of the Dogs") == ["of", "the", "dogs"]
    assert content_words("this") == ["this"]


def test_the_shipped_list_has_both_kinds() -> None:
    pronouns, abstract = blacklist()
    assert len(pronouns) > 60
    assert len(abstract) > 120
    assert not pronouns & {"dog", "man", "background"}


@pytest.mark.parametrize(
    ("box", "score", "expected"),
    [
        ([10, 10, 60, 90], 0.3, KEPT),
        ([10, 10, 60, 90], None, KEPT),
        ([10, 10, 60, 90], 0.2, dropped("phrase.box_score", 0.2, 0.3)),
        ([0, 0, 640, 480], 0.9, dropped("phrase.box_area", 1.0, 0.95)),
        ([0, 0, 640, 456], 0.9, KEPT),
        ([0, 0, 3, 50], 0.9, dropped("phrase.box_side", 3, 4)),
    ],
)
def test_boxes(box: list[float], score: float | None, expected: Verdict) -> None:
    assert judge_phrase_boxes([box], [score], 640, 480, SETTINGS) == [expected]


def test_doubles_of_one_phrase() -> None:
    boxes = np.array([[0, 0, 10, 9], [0, 0, 10, 10], [50, 50, 60, 60]], dtype=np.float32)
    verdicts = judge_phrase_boxes(boxes, np.array([0.4, 0.5, 0.6], dtype=np.float32), 640, 480, SETTINGS)
    assert verdicts == [dropped("phrase.box_nms", 0.9, 0.7), KEPT, KEPT]


def test_no_boxes() -> None:
    assert judge_phrase_boxes([], [], 640, 480, SETTINGS) == []


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="boxes and scores must have one length, got 1 boxes and 0 scores"):
        judge_phrase_boxes([[0, 0, 9, 9]], [], 640, 480, SETTINGS)
