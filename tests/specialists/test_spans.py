import re

from hypothesis import given
from hypothesis import strategies as st

from shards.finding import Span
from specialists.spans import captions_for, whole_words


def words(text: str) -> list[Span]:
    """A tokenizer of words and single marks, with one token of its own at each end."""
    return [(0, 0), *(match.span() for match in re.finditer(r"[\w\u0307]+|[^\w\s\u0307]", text)), (0, 0)]


def named(text: str, max_tokens: int = 256) -> list[list[str]]:
    """Per caption, the parts of the original text that its tokens stand for."""
    return [[text[span[0] : span[1]] for span in one.spans if span] for one in captions_for(text, words, max_tokens)]


def test_lower_case_blanks_and_the_added_stop_do_not_shift_spans() -> None:
    [caption] = captions_for("  A Dog,\tİda ", words, 256)
    assert caption.text == "a dog,\ti̇da."
    assert named("  A Dog,\tİda ") == [["A", "Dog", ",", "İda"]]


def test_a_stop_that_is_there_is_not_added_again_and_never_part_of_a_phrase() -> None:
    [caption] = captions_for("A dog. A cat?", words, 256)
    assert caption.text == "a dog. a cat?."
    assert named("A dog. A cat?") == [["A", "dog", "A", "cat"]]


def test_texts_without_words_have_no_captions() -> None:
    assert [captions_for(text, words, 256) for text in ("", "  ", "...", "?!")] == [[]] * 4


def test_a_long_text_is_cut_behind_its_sentences() -> None:
    text = "One dog runs. Two cats sleep. Three birds sing."
    assert named(text, max_tokens=12) == [
        ["One", "dog", "runs", "Two", "cats", "sleep"],
        ["Three", "birds", "sing"],
    ]


def test_a_sentence_longer_than_the_model_is_cut_between_words() -> None:
    text = "one two three four five six seven"
    assert named(text, max_tokens=6) == [["one", "two", "three"], ["four", "five", "six"], ["seven"]]


@given(st.text(alphabet="aB .?,İẞ\n1", max_size=60), st.integers(4, 12))
def test_every_word_is_in_exactly_one_caption_that_fits(text: str, max_tokens: int) -> None:
    found = captions_for(text, words, max_tokens)
    assert all(len(words(one.text)) <= max_tokens for one in found)
    spans = [span for one in found for span in one.spans if span]
    assert spans == sorted(spans)
    covered = {index for start, end in spans for index in range(start, end)}
    assert covered >= {index for index, letter in enumerate(text) if letter.isalnum()}


def test_spans_grow_to_whole_words() -> None:
    assert whole_words("two brown dogs run", (6, 12)) == (4, 14)
    assert whole_words("two brown dogs", (4, 9)) == (4, 9)
