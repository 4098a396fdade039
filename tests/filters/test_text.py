import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from filters.features import TextFeatures
from filters.text import LengthRange, TextSettings, judge_text, most_repeats
from filters.verdict import KEPT, Verdict, dropped
from shards.finding import Granularity

CAPTION = "A brown dog chases two balls in the park."
FEATURES = TextFeatures(9, 3, 1, 1, 0, (3, 2, 3), (3,))


def judge(
    text: str = CAPTION,
    features: TextFeatures = FEATURES,
    settings: TextSettings | None = None,
    granularity: Granularity = "brief",
) -> Verdict:
    return judge_text(text, features, granularity, settings or TextSettings())


def test_a_caption_is_kept() -> None:
    assert judge() == KEPT


def test_no_words() -> None:
    assert judge("...", TextFeatures(0, 0, 0, 0, 0)) == dropped("text.empty")


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [(2, dropped("text.min_tokens", 2, 3)), (3, KEPT), (40, KEPT), (41, dropped("text.max_tokens", 41, 40))],
)
def test_length_at_and_beyond_both_ends(tokens: int, expected: Verdict) -> None:
    assert judge(features=FEATURES._replace(tokens=tokens)) == expected


def test_each_granularity_has_its_own_length() -> None:
    features = FEATURES._replace(tokens=41)
    assert judge(features=features, granularity="detailed") == KEPT
    assert judge(features=features, granularity="more_detailed") == KEPT


def test_another_script() -> None:
    verdict = judge("собака бежит по the парку за ball")
    assert verdict.rule == "text.script"
    assert verdict.threshold == 0.9


@pytest.mark.parametrize(
    "text",
    [
        "un chien brun court dans le parc avec une balle",
        "ein brauner Hund jagt zwei kleine Baelle durch den Park",
        "un perro marron persigue dos pelotas en el parque",
    ],
)
def test_another_language(text: str) -> None:
    assert judge(text).rule == "text.language"
    assert judge(text, settings=TextSettings(language=None)) == KEPT


@pytest.mark.parametrize(
    "text",
    [
        "An old fashioned brown retro bus riding through town.",
        "Adult man displaying abilities using flying yellow disc.",
        "Double bed in medium sized blue carpeted room.",
    ],
)
def test_what_people_write_is_english_with_few_function_words_too(text: str) -> None:
    assert judge(text) == KEPT


@pytest.mark.parametrize(
    "text", ["ein Schmetterling sitzt auf einer gelben Blume im Garten", "en hund springer efter en gul ring i parken"]
)
def test_one_word_that_ends_like_english_is_not_enough(text: str) -> None:
    assert judge(text).rule == "text.language"


def test_short_texts_need_no_function_word() -> None:
    assert judge("two small brown dogs playing") == KEPT


@pytest.mark.parametrize(
    ("text", "repeats"),
    [
        ("", 0),
        ("a dog", 1),
        ("very very big", 2),
        ("a dog a dog a dog", 3),
        ("on the mat on the mat on the mat on", 3),
        ("a b c d a b c d", 2),
        ("a b a a b a", 2),
    ],
)
def test_repeats(text: str, repeats: int) -> None:
    assert most_repeats(text.split()) == repeats


def test_a_stuck_captioner() -> None:
    assert judge("a dog and a dog and a dog and a dog and a dog and") == dropped("text.repetition", 5, 3)


@given(st.lists(st.sampled_from("ab"), max_size=12))
def test_repeats_against_a_plain_search(words: list[str]) -> None:
    best = min(1, len(words))
    for length in range(1, 5):
        for start in range(len(words)):
            run, times = words[start : start + length], 0
            while len(run) == length and words[start + times * length : start + (times + 1) * length] == run:
                times += 1
            best = max(best, times)
    assert most_repeats(words) == best


def test_objects_at_and_above_the_limit() -> None:
    assert judge(features=FEATURES._replace(objects=10)) == KEPT
    assert judge(features=FEATURES._replace(objects=11)) == dropped("text.objects", 11, 10)
    assert judge(features=FEATURES._replace(objects=11), settings=TextSettings(max_objects={})) == KEPT


def test_object_complexity() -> None:
    settings = TextSettings(min_object_complexity=3)
    assert judge(settings=settings) == KEPT
    assert judge(features=FEATURES._replace(object_degrees=(2, 1)), settings=settings) == dropped(
        "text.object_complexity", 2, 3
    )
    assert judge(features=FEATURES._replace(object_degrees=())).rule == "text.object_complexity"


def test_action_complexity_is_off_unless_asked_for() -> None:
    without = FEATURES._replace(action_degrees=())
    assert judge(features=without) == KEPT
    assert judge(features=without, settings=TextSettings(min_action_complexity=1)) == dropped(
        "text.action_complexity", 0, 1
    )


def test_a_range_must_be_ordered() -> None:
    with pytest.raises(ValidationError, match="min_tokens must be at most max_tokens, got 9 > 3"):
        LengthRange(min_tokens=9, max_tokens=3)
