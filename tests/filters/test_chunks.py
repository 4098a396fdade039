from itertools import pairwise

import pytest
from spacy.tokens import Doc

from filters.chunks import noun_chunks
from tests.filters.parses import CLEAR_NLP, UD, VOCAB, parsed


def phrases(doc: Doc) -> list[str]:
    return [doc.text[start:end] for start, end in noun_chunks(doc)]


@pytest.mark.parametrize("scheme", [UD, CLEAR_NLP], ids=["ud", "clearnlp"])
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("chase", ["A brown dog", "two balls"]),
        ("road", ["Man", "a motor bike", "a dirt road"]),
        ("there", ["a parked car", "New York"]),
        ("hat", ["the man's red hat", "a big bag"]),  # the relative "that" is no phrase
        ("colors", ["It", "a big, black dog"]),
    ],
)
def test_phrases_of_both_schemes(scheme: dict[str, Doc], name: str, expected: list[str]) -> None:
    assert phrases(scheme[name]) == expected


def test_spans_are_characters_of_the_text() -> None:
    assert noun_chunks(UD["chase"]) == [(0, 11), (19, 28)]


def test_case_and_conjunction_open_no_phrase() -> None:
    doc = parsed("on/ADP/case>2 a/DET/det>2 table/NOUN/ROOT>2 and/CCONJ/cc>4 chairs/NOUN/conj>2")
    assert phrases(doc) == ["a table", "chairs"]


def test_a_predicate_leaves_its_subject_and_copula_out() -> None:
    doc = parsed("Here/ADV/advmod>4 he/PRON/nsubj>4 is/AUX/cop>4 a/DET/det>4 cook/NOUN/ROOT>4")
    assert phrases(doc) == ["he", "a cook"]


def test_coordinated_adjectives_stay_together() -> None:
    doc = parsed("a/DET/det>4 black/ADJ/amod>4 and/CCONJ/cc>3 white/ADJ/conj>1 cat/NOUN/ROOT>4")
    assert phrases(doc) == ["a black and white cat"]


def test_a_crossing_parse_gives_no_overlapping_phrases() -> None:
    doc = parsed("one/NUM/nummod>2 red/ADJ/amod>3 cup/NOUN/ROOT>2 plate/NOUN/obj>2")
    spans = noun_chunks(doc)
    assert all(earlier[1] <= later[0] for earlier, later in pairwise(spans))


def test_a_preposition_on_a_modifier_is_left_out() -> None:
    doc = parsed("of/ADP/case>1 snow/NOUN/compound>2 covered/VERB/amod>3 field/NOUN/ROOT>3")
    assert phrases(doc) == ["snow covered field"]


def test_blanks_and_empty_texts_have_no_phrases() -> None:
    assert noun_chunks(Doc(VOCAB, words=[])) == []
    assert noun_chunks(Doc(VOCAB, words=["  "], pos=["NOUN"], heads=[0], deps=["ROOT"])) == []
