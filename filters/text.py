"""One text and its features in, one verdict out.

    judge_text("A dog chases a ball.", features, "brief", TextSettings())     -> Verdict(kept=True)
    judge_text("a dog a dog a dog a dog", features, "brief", TextSettings())  -> dropped "text.repetition", 4.0, 3.0

The rules in the order in which they are tried; the first that fails is named:

    text.empty              no word at all
    text.min_tokens, text.max_tokens
    text.script             share of ASCII among the letters
    text.language           share of English function words
    text.repetition         times one word or short run of words stands in a row: a captioner that is stuck
    text.objects            too many objects are noise (Florence-2, section 4.2)
    text.object_complexity  objects without relations say too little (section 4.2)
    text.action_complexity  the same of actions (section 4.2)
"""

import re
from typing import Annotated, Literal

from pydantic import Field, model_validator

from filters.features import TextFeatures
from filters.verdict import KEPT, Verdict, dropped
from shards.finding import Granularity
from shards.settings import Off, Settings

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_LONGEST_REPEAT = 4
"""A run of up to this many words is looked for when repetitions are counted."""
_FEWEST_FOR_LANGUAGE = 6
"""Texts of fewer words may well have no function word at all: "two brown dogs playing"."""
_ENGLISH = frozenset(
    {"a", "the", "this", "that", "these", "those", "some", "several", "each", "other", "one", "two", "three"}
    | {
        "and",
        "or",
        "of",
        "at",
        "to",
        "from",
        "with",
        "by",
        "for",
        "into",
        "over",
        "under",
        "near",
        "next",
        "up",
        "through",
        "down",
        "around",
    }
    | {"is", "are", "were", "be", "being", "has", "have", "while", "as", "front", "on", "wearing", "holding"}
    | {"it", "its", "his", "her", "their", "there", "who", "which"}
)
"""Frequent words of English captions, without those that are frequent in another language too (in, an, was)."""


_ENGLISH_ENDINGS = ("ing", "ed")
_SHORTEST_INFLECTED = 5
_INFLECTED = 0.5
"""How much a word counts that ends as English verbs do: other languages have such words, too, though few."""


UNLIMITED = 10**6
"""More words, and more repetitions, than any text has."""


class LengthRange(Settings):
    """Words and numbers of a text; punctuation does not count."""

    min_tokens: Annotated[int, Off(1)] = Field(ge=1, description="fewest words of a text that is kept")
    max_tokens: Annotated[int, Off(UNLIMITED)] = Field(ge=1, description="most words of a text that is kept")

    @model_validator(mode="after")
    def _ordered(self) -> "LengthRange":
        if self.min_tokens > self.max_tokens:
            raise ValueError(f"min_tokens must be at most max_tokens, got {self.min_tokens} > {self.max_tokens}")
        return self


class TextSettings(Settings):
    """Rules for texts about the whole image."""

    brief: LengthRange = Field(LengthRange(min_tokens=3, max_tokens=40), description="length of brief texts")
    detailed: LengthRange = Field(LengthRange(min_tokens=8, max_tokens=150), description="length of detailed texts")
    more_detailed: LengthRange = Field(
        LengthRange(min_tokens=15, max_tokens=400), description="length of more detailed texts"
    )
    language: Annotated[Literal["en"] | None, Off(None)] = Field(
        "en", description="drop texts that do not look like this language; null: off"
    )
    min_ascii_share: Annotated[float, Off(0.0)] = Field(
        0.9, ge=0, le=1, description="language: least share of a-z among the letters"
    )
    min_function_words: Annotated[float, Off(0.0)] = Field(
        0.1,
        ge=0,
        le=1,
        description="language: least share of English function words, in texts of 6 words or more;"
        " a word in -ing or -ed counts half",
    )
    max_repeats: Annotated[int, Off(UNLIMITED)] = Field(
        3, ge=1, description="most times that a run of 1 to 4 words may stand in a row"
    )
    max_objects: Annotated[dict[Granularity, Annotated[int, Field(ge=1)]], Off({})] = Field(
        {"brief": 10, "detailed": 40, "more_detailed": 100},
        description="most objects in a text of each granularity; one left out has no limit (Florence-2, section 4.2)",
    )
    min_object_complexity: Annotated[int, Off(0)] = Field(
        1,
        ge=0,
        description="least degree of the best connected object in the dependency tree (Florence-2, section 4.2);"
        " 1 or more drops texts without objects, 0: off",
    )
    min_action_complexity: Annotated[int, Off(0)] = Field(
        0,
        ge=0,
        description="least degree of the best connected action (Florence-2, section 4.2); 1 or more drops texts"
        " without actions, 0: off",
    )

    def length(self, granularity: Granularity) -> LengthRange:
        """The range for texts of `granularity`."""
        return {"brief": self.brief, "detailed": self.detailed, "more_detailed": self.more_detailed}[granularity]


def judge_text(text: str, features: TextFeatures, granularity: Granularity, settings: TextSettings) -> Verdict:
    """Whether a text about the image is kept; `features` are those of the same text."""
    words = _words(text)
    verdict = _judge_length(features, settings.length(granularity))
    if verdict.kept:
        verdict = _judge_language(text, words, settings)
    if verdict.kept:
        verdict = _judge_repetition(words, settings)
    return _judge_content(features, granularity, settings) if verdict.kept else verdict


def _judge_length(features: TextFeatures, length: LengthRange) -> Verdict:
    if features.tokens == 0:
        return dropped("text.empty")
    if features.tokens < length.min_tokens:
        return dropped("text.min_tokens", features.tokens, length.min_tokens)
    if features.tokens > length.max_tokens:
        return dropped("text.max_tokens", features.tokens, length.max_tokens)
    return KEPT


def _judge_language(text: str, words: list[str], settings: TextSettings) -> Verdict:
    if settings.language is None:
        return KEPT
    if not text.isascii():
        letters = [character for character in text if character.isalpha()]
        ascii_share = sum(character.isascii() for character in letters) / max(1, len(letters))
        if letters and ascii_share < settings.min_ascii_share:
            return dropped("text.script", ascii_share, settings.min_ascii_share)
    if len(words) >= _FEWEST_FOR_LANGUAGE:
        share = sum(map(_english, words)) / len(words)
        if share < settings.min_function_words:
            return dropped("text.language", share, settings.min_function_words)
    return KEPT


def _english(word: str) -> float:
    """1 for a function word, less for one that only looks English: "An old fashioned brown retro bus riding through
    town." has no more."""
    if word in _ENGLISH:
        return 1.0
    is_inflected = len(word) >= _SHORTEST_INFLECTED and word.endswith(_ENGLISH_ENDINGS)
    return _INFLECTED if is_inflected else 0.0


def _judge_repetition(words: list[str], settings: TextSettings) -> Verdict:
    repeats = most_repeats(words)
    if repeats > settings.max_repeats:
        return dropped("text.repetition", repeats, settings.max_repeats)
    return KEPT


def _judge_content(features: TextFeatures, granularity: Granularity, settings: TextSettings) -> Verdict:
    most = settings.max_objects.get(granularity)
    if most is not None and features.objects > most:
        return dropped("text.objects", features.objects, most)
    if features.object_complexity < settings.min_object_complexity:
        return dropped("text.object_complexity", features.object_complexity, settings.min_object_complexity)
    if features.action_complexity < settings.min_action_complexity:
        return dropped("text.action_complexity", features.action_complexity, settings.min_action_complexity)
    return KEPT


def most_repeats(words: list[str]) -> int:
    """The most times that one run of 1 to 4 words stands in a row: 3 for "a dog and a dog and a dog and"."""
    best = 1 if words else 0
    for length in range(1, _LONGEST_REPEAT + 1):
        same = 0  # words in a row that equal the word `length` places before
        for place in range(length, len(words)):
            same = same + 1 if words[place] == words[place - length] else 0
            best = max(best, 1 + same // length)
    return best


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())
