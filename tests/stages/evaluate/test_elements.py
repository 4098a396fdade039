import pytest

from filters.parser import Parser, ParserSettings
from stages.evaluate.elements import element_quality
from tests.stages.evaluate.records import record


@pytest.fixture(scope="module")
def parser() -> Parser:
    found = Parser(ParserSettings())
    found.load()
    return found


def test_objects_attributes_and_actions_by_hand(parser: Parser) -> None:
    pairs = [(record("a", brief="a black dog chases a ball"), record("a", brief="a brown dog chases two balls"))]
    found = element_quality(pairs, 0, parser.elements)
    values = {name: each.value for name, each in found.items()}
    assert values["brief/objects_precision"] == values["brief/objects_recall"] == 0.5
    assert values["brief/attributes_f1"] == 0.0
    assert values["brief/actions_f1"] == 1.0
    assert found["brief/objects_f1"].count == 2


def test_a_missing_text_is_recalled_by_nothing_and_a_granularity_without_gold_is_left_out(parser: Parser) -> None:
    pairs = [(record("a"), record("a", brief="a brown dog")), (record("b", brief="a cat"), record("b"))]
    found = element_quality(pairs, 0, parser.elements)
    assert found["brief/objects_recall"].value == 0.0
    assert found["brief/objects_precision"].count == 0
    assert {name.split("/")[0] for name in found} == {"brief"}


def test_the_words_are_those_that_the_filters_count(parser: Parser) -> None:
    texts = ["A brown dog chases two balls.", "", "There is a parked car near the dirt road.", "Three birds sit"]
    for words, parsed in zip(parser.elements(texts), parser.parse(texts), strict=True):
        counts = (len(words.objects), len(words.attributes), len(words.actions))
        assert counts == (parsed.features.objects, parsed.features.attributes, parsed.features.actions)
