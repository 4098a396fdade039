"""Where the phrases that a model repeats stand in the text it was given.

Comes in: the text and phrases in the model's own spelling: cleaned, with other quotes, spaces or case. Goes out: a
span of the original text for each phrase, None for one that is not in it.

    "A dog, a Café and a dog"   ["a dog", "a cafe", "a dog", "cat"]   ->   (0, 5), (7, 13), (18, 23), None
"""

import unicodedata

from shards.finding import Span

_TYPOGRAPHY = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "-"})


def find_spans(text: str, phrases: list[str]) -> list[Span | None]:
    """Phrases come in the order of the text, as grounding models write them: each is looked for after the one before,
    then from the start. Whole words go before parts of words. Case, accents and spaces do not count."""
    folded, origin = fold(text)
    spans: list[Span | None] = []
    cursor = 0
    for phrase in phrases:
        wanted = fold(phrase)[0].strip()
        at = _find(folded, wanted, cursor) if wanted else -1
        if at < 0:
            spans.append(None)
            continue
        end = at + len(wanted)
        if at >= cursor:
            cursor = end
        spans.append((origin[at], _past_marks(text, origin[end - 1] + 1)))
    return spans


def fold(text: str) -> tuple[str, list[int]]:
    """Lower case without accents, single spaces; origin[i] is the index in `text` that letter i came from."""
    letters: list[str] = []
    origin: list[int] = []
    for index, letter in enumerate(text.translate(_TYPOGRAPHY)):
        for part in unicodedata.normalize("NFKD", letter).casefold():
            if unicodedata.combining(part) or (part.isspace() and letters and letters[-1] == " "):
                continue
            letters.append(" " if part.isspace() else part)
            origin.append(index)
    return "".join(letters), origin


def _find(text: str, phrase: str, cursor: int) -> int:
    """Index of the phrase or -1: as whole words from the cursor, from the start, then as part of words likewise."""
    for whole in (True, False):
        for start in (cursor, 0):
            at = text.find(phrase, start)
            while at >= 0 and whole and not _whole(text, at, at + len(phrase)):
                at = text.find(phrase, at + 1)
            if at >= 0:
                return at
    return -1


def _whole(text: str, start: int, end: int) -> bool:
    """No letter or digit touches a letter or digit at either end."""
    before = start > 0 and text[start - 1].isalnum() and text[start].isalnum()
    after = end < len(text) and text[end].isalnum() and text[end - 1].isalnum()
    return not before and not after


def _past_marks(text: str, end: int) -> int:
    """`end` moved behind the accents that belong to the last letter."""
    while end < len(text) and unicodedata.combining(text[end]):
        end += 1
    return end
