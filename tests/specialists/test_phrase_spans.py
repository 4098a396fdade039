import pytest
from hypothesis import given
from hypothesis import strategies as st

from specialists.phrase_spans import find_spans, fold


@pytest.mark.parametrize(
    ("text", "phrases", "expected"),
    [
        ("a dog and a dog", ["a dog", "a dog"], ["a dog", "a dog"]),
        ("The  Red\ncar", ["the red car"], ["The  Red\ncar"]),
        ("a dogma, a dog", ["a dog"], ["a dog"]),
        ("黒猫です", ["猫"], ["猫"]),
        ("the man’s “hat”", ["man's", '"hat"'], ["man’s", "“hat”"]),
        ("cafe\u0301 bar", ["cafe", "bar"], ["cafe\u0301", "bar"]),
        ("Straße", ["strasse"], ["Straße"]),
        ("a dog", ["a cat", "", "a dog"], [None, None, "a dog"]),
    ],
)
def test_phrases_are_found_as_written(text: str, phrases: list[str], expected: list[str | None]) -> None:
    found = [None if span is None else text[slice(*span)] for span in find_spans(text, phrases)]
    assert found == expected


def test_repeats_take_the_next_place_and_then_the_first_again() -> None:
    assert find_spans("a dog, a dog", ["a dog", "a dog", "a dog"]) == [(0, 5), (7, 12), (0, 5)]


def test_a_phrase_out_of_order_does_not_move_the_others_back() -> None:
    text = "a dog, a cow, a cow"
    assert find_spans(text, ["a cow", "a dog", "a cow"]) == [(7, 12), (0, 5), (14, 19)]


@given(st.text(), st.data())
def test_any_piece_of_a_text_is_found_with_an_equal_fold(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    [span] = find_spans(text, [text[start:end]])
    wanted = fold(text[start:end])[0].strip()
    if span is None:
        assert wanted == ""
    else:
        assert wanted in fold(text[slice(*span)])[0]
