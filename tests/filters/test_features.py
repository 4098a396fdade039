import pytest
from spacy.tokens import Doc

from filters.features import TextFeatures, text_features
from tests.filters.parses import CLEAR_NLP, UD, VOCAB, parsed


def counts(features: TextFeatures) -> tuple[int, int, int, int, int]:
    return features[:5]


@pytest.mark.parametrize("scheme", [UD, CLEAR_NLP], ids=["ud", "clearnlp"])
class TestBothSchemes:
    @pytest.mark.parametrize(
        ("name", "tokens", "objects", "attributes", "actions", "proper_nouns"),
        [
            ("chase", 6, 2, 1, 1, 0),
            ("road", 9, 3, 0, 1, 0),  # motor and dirt are parts of names, not objects
            ("there", 8, 1, 1, 0, 1),  # "is" is no action, "parked" an attribute, New York one name
            ("hat", 11, 3, 2, 1, 0),
            ("colors", 6, 1, 2, 0, 0),
        ],
    )
    def test_semantic_elements(
        self,
        scheme: dict[str, Doc],
        name: str,
        tokens: int,
        objects: int,
        attributes: int,
        actions: int,
        proper_nouns: int,
    ) -> None:
        assert counts(text_features(scheme[name])) == (tokens, objects, attributes, actions, proper_nouns)

    def test_complexity_is_the_largest_degree(self, scheme: dict[str, Doc]) -> None:
        features = text_features(scheme["chase"])
        assert features.object_degrees == (3, 2)  # dog: A, brown, chases; balls: two, chases
        assert features.action_degrees == (2,)  # dog, balls; the full stop is no edge
        assert (features.object_complexity, features.action_complexity) == (3, 2)


def test_no_words() -> None:
    features = text_features(Doc(VOCAB, words=[]))
    assert features == TextFeatures(0, 0, 0, 0, 0)
    assert (features.object_complexity, features.action_complexity) == (0, 0)


def test_punctuation_alone_is_no_token() -> None:
    assert text_features(parsed("!/PUNCT/ROOT>0 ?/PUNCT/punct>0")).tokens == 0


def test_a_blank_that_the_tagger_calls_a_noun_is_no_token() -> None:
    doc = Doc(
        VOCAB,
        words=["dogs", "  ", "run"],
        pos=["NOUN", "NOUN", "VERB"],
        heads=[2, 0, 2],
        deps=["nsubj", "obj", "ROOT"],
    )
    features = text_features(doc)
    assert counts(features) == (2, 1, 0, 1, 0)
    assert features.object_degrees == (1,)


def test_a_verb_inside_a_compound_is_an_attribute() -> None:
    doc = parsed("A/DET/det>3 horse/NOUN/compound>2 drawn/VERB/compound>3 carriage/NOUN/ROOT>3")
    assert counts(text_features(doc)) == (4, 1, 1, 0, 0)


def test_each_sentence_is_a_tree_of_its_own() -> None:
    doc = parsed("Dogs/NOUN/nsubj>1 run/VERB/ROOT>1 ^./PUNCT/punct>1 Cats/NOUN/nsubj>4 sleep/VERB/ROOT>4")
    assert text_features(doc).action_degrees == (1, 1)
