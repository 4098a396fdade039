"""Captions for a text-conditioned detector, and the way back from its tokens to the text as it was given.

Comes in: any text. Goes out: one or more captions as Grounding DINO wants them (lower case, ending in a full stop, at
most so many tokens), each knowing where every token lies in the original text:

    "A Dog, İda"   ->   TokenizedCaption("a dog, i̇da.", spans=[None, (0, 1), (2, 5), (5, 6), (7, 10), None, None])

Lower-casing can change the length of a text ("İ"), a stop is added, blanks go, long texts are cut in pieces: a span
never shows any of it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from shards.finding import Span

Offsets = Callable[[str], list[Span]]
"""Tokenizer: text -> (start, end) of each of its tokens, those that it adds itself ([CLS], [SEP]) as (0, 0)."""

SEPARATORS = ".?"
"""Words on different sides of these do not see each other in Grounding DINO's text encoder, so a text can be cut there
(groundingdino/models/GroundingDINO/groundingdino.py, specical_tokens)."""
ADDED_TOKENS = 3
"""[CLS], [SEP] and the full stop."""


@dataclass(frozen=True)
class TokenizedCaption:
    """A caption and, per token of it, the part of the original text that it stands for; None: no part of it, or a
    separator."""

    text: str
    spans: list[Span | None]


def captions_for(text: str, offsets: Offsets, max_tokens: int) -> list[TokenizedCaption]:
    """The captions that say all of `text`; none if it holds no letter or digit. A text of more than `max_tokens` is
    cut behind the last separator that fits, else before the last word that fits."""
    found = []
    start = 0
    while start < len(text):
        end = _fitting_end(text, start, offsets, max_tokens - ADDED_TOKENS)
        if any(letter.isalnum() for letter in text[start:end]):
            found.append(_caption(text, start, end, offsets))
        start = end
    return found


def whole_words(text: str, span: Span) -> Span:
    """The span, grown to the words that it begins and ends in."""
    start, end = span
    while start > 0 and _inside_word(text, start):
        start -= 1
    while end < len(text) and _inside_word(text, end):
        end += 1
    return start, end


def _inside_word(text: str, at: int) -> bool:
    return text[at - 1].isalnum() and text[at].isalnum()


def _fitting_end(text: str, start: int, offsets: Offsets, room: int) -> int:
    lowered, origin = _lower(text, start, len(text))
    tokens = [span for span in offsets(lowered) if span[0] < span[1]]
    if len(tokens) <= room:
        return len(text)
    stops = [end for begin, end in tokens[:room] if lowered[begin:end] in SEPARATORS]
    if stops:
        return origin[stops[-1] - 1] + 1
    words = [begin for begin, _ in tokens[1 : room + 1] if lowered[begin - 1].isspace()]
    # max: a word longer than a caption is cut inside, and something is always taken
    return max(origin[words[-1] if words else tokens[room][0]], start + 1)


def _caption(text: str, start: int, end: int, offsets: Offsets) -> TokenizedCaption:
    lowered, origin = _lower(text, start, end)
    left = len(lowered) - len(lowered.lstrip())
    right = len(lowered.rstrip())
    lowered, origin = lowered[left:right], origin[left:right]
    caption = lowered if lowered.endswith(".") else lowered + "."
    spans: list[Span | None] = []
    for begin, stop in offsets(caption):
        inside = begin < stop <= len(origin) and caption[begin:stop] not in SEPARATORS
        spans.append((origin[begin], origin[stop - 1] + 1) if inside else None)
    return TokenizedCaption(caption, spans)


def _lower(text: str, start: int, end: int) -> tuple[str, list[int]]:
    """text[start:end] in lower case, and the index in `text` that each of its letters came from."""
    letters: list[str] = []
    origin: list[int] = []
    for index in range(start, end):
        lowered = text[index].lower()
        letters.append(lowered)
        origin += [index] * len(lowered)
    return "".join(letters), origin
