"""The bundled pipeline on sentences whose features were worked out by hand, and what a user sees when one is wrong."""

import pickle
from itertools import pairwise
from pathlib import Path

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.parser import BUNDLED, ParsedText, Parser, ParserError, ParserSettings


@pytest.fixture(scope="module")
def parser() -> Parser:
    ready = Parser(ParserSettings())
    ready.load()
    return ready


def phrases(text: str, parsed: ParsedText) -> list[str]:
    return [text[start:end] for start, end in parsed.noun_chunks]


# objects, attributes, actions, proper nouns, largest degree of an object and of an action, phrases
BY_HAND = {
    "A brown dog chases two balls.": (2, 1, 1, 0, 3, 2, ["A brown dog", "two balls"]),
    "a man riding a wave on a surfboard": (3, 0, 1, 0, 3, 3, ["a man", "a wave", "a surfboard"]),
    "There is a small cat on the couch.": (2, 1, 0, 0, 4, 0, ["a small cat", "the couch"]),
    "Two women are sitting at a table": (2, 0, 1, 0, 3, 3, ["Two women", "a table"]),
    "A black and white cow standing in a field.": (2, 2, 1, 0, 3, 2, ["A black and white cow", "a field"]),
    "a bowl of fruit": (2, 0, 0, 0, 2, 0, ["a bowl", "fruit"]),
    "The woman is tall.": (1, 1, 0, 0, 2, 0, ["The woman"]),
}


@pytest.mark.parametrize("text", BY_HAND)
def test_features_worked_out_by_hand(parser: Parser, text: str) -> None:
    [parsed] = parser.parse([text])
    features = parsed.features
    found = (*features[1:5], features.object_complexity, features.action_complexity, phrases(text, parsed))
    assert found == BY_HAND[text]


def test_a_longer_text_is_read_sentence_by_sentence(parser: Parser) -> None:
    text = "The image shows a boy holding a red kite. He is wearing a hat. In the background, there are trees."
    [parsed] = parser.parse([text])
    assert phrases(text, parsed)[:5] == ["The image", "a boy", "a red kite", "He", "a hat"]
    assert parsed.features.objects == 6


def test_a_text_is_parsed_alike_alone_and_in_any_batch(parser: Parser) -> None:
    texts = [*BY_HAND, "", "  ", "a\nb", "Ünïcödé 😀 dogs"] * 3
    alone = [parser.parse([text])[0] for text in texts]
    assert parser.parse(texts) == alone
    assert parser.parse(texts[::-1]) == alone[::-1]


def test_texts_without_words(parser: Parser) -> None:
    for parsed in parser.parse(["", " ", "\n", "..."]):
        assert parsed.features.tokens == 0
        assert parsed.noun_chunks == []
    assert parser.parse([]) == []


@settings(max_examples=10, deadline=None)
@given(st.lists(st.text(max_size=60) | st.text("a dog\n\t.'", max_size=30), max_size=30))
def test_phrases_lie_in_the_text_in_order_and_apart(parser: Parser, texts: list[str]) -> None:
    for text, parsed in zip(texts, parser.parse(texts), strict=True):
        assert all(0 <= start < end <= len(text) for start, end in parsed.noun_chunks)
        assert all(earlier[1] <= later[0] for earlier, later in pairwise(parsed.noun_chunks))
        assert all(phrase.strip() == phrase for phrase in phrases(text, parsed))


def test_what_ships_fits_its_budget_and_reached_its_targets() -> None:
    meta = spacy.load(BUNDLED).meta
    assert sum(path.stat().st_size for path in BUNDLED.rglob("*") if path.is_file()) <= 6_000_000
    assert "CC BY-SA 4.0" in meta["license"]
    scores = meta["performance"]
    assert (scores["test_gold_words"]["upos"] > 93, scores["test_gold_words"]["las"] > 80) == (True, True)
    assert (scores["test"]["upos"] > 93, scores["test"]["las"] > 80) == (True, True)


def test_parse_before_load() -> None:
    with pytest.raises(ParserError, match=r"Parser\.parse was called before load\(\)"):
        Parser(ParserSettings()).parse(["a dog"])


def test_it_travels_to_a_worker_before_it_is_loaded() -> None:
    parser = pickle.loads(pickle.dumps(Parser(ParserSettings())))
    parser.load()
    assert parser.parse(["a dog"])[0].noun_chunks == [(0, 5)]


def test_a_pipeline_that_is_not_installed() -> None:
    parser = Parser(ParserSettings(pipeline="en_no_such_pipeline"))
    with pytest.raises(ParserError, match=r"'en_no_such_pipeline'.*python -m spacy download en_no_such_pipeline"):
        parser.load()
    with pytest.raises(ParserError, match="'en_no_such_pipeline' is not installed"):
        parser.fingerprint()


def test_a_pipeline_that_does_not_parse(tmp_path: Path) -> None:
    spacy.blank("en").to_disk(tmp_path)
    with pytest.raises(ParserError, match="must give POS and DEP, it gives no POS and no DEP: choose"):
        Parser(ParserSettings(pipeline=str(tmp_path))).load()


def test_fingerprint_follows_the_files_and_needs_no_load(tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(b"1")
    parser = Parser(ParserSettings(pipeline=str(tmp_path)))
    before = parser.fingerprint()
    (tmp_path / "weights").write_bytes(b"2")
    after = parser.fingerprint()
    assert before["version"] != after["version"]
    assert Parser(ParserSettings()).fingerprint() == Parser(ParserSettings(batch_size=7)).fingerprint()


def test_a_text_longer_than_spacy_takes_is_counted_and_the_others_are_read(parser: Parser) -> None:
    long = "a dog sits. " * 100_000
    first, counted, last = parser.parse(["A brown dog chases two balls.", long, "a bowl of fruit"])
    assert counted.features.tokens == 300_000
    assert (counted.features.objects, counted.noun_chunks) == (0, [])
    assert [first, last] == parser.parse(["A brown dog chases two balls.", "a bowl of fruit"])
    assert parser.elements([long])[0] == ((), (), ())
