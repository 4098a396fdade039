"""A noun phrase and the boxes it is tied to in, verdicts out.

    judge_phrase("the background", 0.9, PhraseSettings())             -> dropped "phrase.abstract"
    judge_phrase_boxes([[0, 0, 640, 480]], [0.8], 640, 480, settings) -> [dropped "phrase.box_area", 1.0, 0.95]

Phrase rules, in order: phrase.empty, phrase.pronoun, phrase.abstract, phrase.denied, phrase.score. Box rules, in
order: phrase.box_score, phrase.box_area (whole-image boxes), phrase.box_side, phrase.box_nms. The scores and the
black-list of pronouns and abstract concepts are Florence-2's (section 4.2); the box rules are ours.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from filters.confidence import Share
from filters.nms import suppress
from filters.numbers import check_size, checked_boxes, comparable_score, comparable_scores
from filters.verdict import KEPT, Verdict, dropped
from shards.geometry import box_areas
from shards.settings import Off, Settings

BLACKLIST = Path(__file__).with_name("blacklist.txt")
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_OPENERS = frozenset(
    {"a", "an", "the", "this", "that", "these", "those", "my", "your", "his", "her", "its", "our", "their", "some"}
    | {"any", "all", "both", "each", "every"}
)
_DECIMALS = 4


class PhraseSettings(Settings):
    """Rules for phrases and the boxes they are tied to. A missing score is no reason to drop."""

    min_score: Annotated[Share, Off(0.0)] = Field(0.3, description="least score of a phrase (Florence-2, section 4.2)")
    min_box_score: Annotated[Share, Off(0.0)] = Field(
        0.3, description="least score of a phrase's box (Florence-2, section 4.2)"
    )
    pronouns: Annotated[bool, Off(False)] = Field(
        True, description='drop phrases that are a pronoun, "they" (Florence-2, section 4.2)'
    )
    abstract: Annotated[bool, Off(False)] = Field(
        True, description='drop phrases whose last word is an abstract concept, "the background" (section 4.2)'
    )
    deny: Annotated[list[str], Off([])] = Field([], description="more phrases, or last words of phrases, to drop")
    allow: Annotated[list[str], Off([])] = Field(
        [], description="phrases, or last words of phrases, to keep although they are listed"
    )
    max_box_area_share: Annotated[Share, Off(1.0)] = Field(
        0.95, description="largest area of a phrase's box, as share of the image: a larger one says nothing"
    )
    min_box_side: Annotated[float, Off(0.0)] = Field(
        4.0, ge=0, description="least length of the shorter side of a phrase's box, in px"
    )
    nms_iou: Annotated[Share | None, Off(None)] = Field(
        0.7, description="drop a phrase's box whose IoU with a stronger one of the same phrase is above this; null: off"
    )


def judge_phrase(phrase: str, score: float | None, settings: PhraseSettings) -> Verdict:
    """Whether a phrase may stand in the corpus, whatever its boxes. Raises ValueError on a score that is NaN or
    outside [0, 1]."""
    words = content_words(phrase)
    if not _WORD.search(phrase):
        return dropped("phrase.empty")
    if not _ends_in(words, _entries(tuple(settings.allow))):
        pronouns, abstract = blacklist()
        if settings.pronouns and " ".join(_WORD.findall(phrase.lower())) in pronouns:
            return dropped("phrase.pronoun")
        if settings.abstract and _ends_in(words, abstract):
            return dropped("phrase.abstract")
        if _ends_in(words, _entries(tuple(settings.deny))):
            return dropped("phrase.denied")
    if score is not None:
        value = comparable_score(score, f"phrase {phrase!r}")
        if value < settings.min_score:
            return dropped("phrase.score", value, settings.min_score)
    return KEPT


def judge_phrase_boxes(
    boxes: NDArray[np.float32] | Sequence[Sequence[float]],
    scores: Sequence[float | None] | NDArray[np.float32],
    width: int,
    height: int,
    settings: PhraseSettings,
) -> list[Verdict]:
    """One verdict per box of ONE phrase, same order. boxes: [n, 4] px, x0 y0 x1 y1, of an image of width x height
    px; scores [n] in [0, 1], None where there is none. Raises ValueError on unequal lengths, NaN, bad scores."""
    corners = checked_boxes(boxes, "phrase boxes")
    certain = comparable_scores(scores, "phrase boxes")
    if len(corners) != len(certain):
        raise ValueError(f"boxes and scores must have one length, got {len(corners)} boxes and {len(certain)} scores")
    check_size(width, height)
    shares = np.round(box_areas(corners) / (width * height), _DECIMALS).tolist()
    sides = np.clip(corners[:, 2:] - corners[:, :2], 0, None).min(axis=1, initial=np.inf).tolist()
    verdicts = [
        _judge_box(score, share, side, settings)
        for score, share, side in zip(certain.tolist(), shares, sides, strict=True)
    ]
    passed = np.array([place for place, verdict in enumerate(verdicts) if verdict.kept], dtype=np.intp)
    found = suppress(corners[passed], certain[passed], [""] * len(passed), settings.nms_iou, None)
    for place, suppressed in zip(passed.tolist(), found, strict=True):
        if suppressed is not None:
            verdicts[place] = dropped("phrase.box_nms", round(suppressed.iou, _DECIMALS), settings.nms_iou)
    return verdicts


def _judge_box(score: float, share: float, side: float, settings: PhraseSettings) -> Verdict:
    if score < settings.min_box_score:
        return dropped("phrase.box_score", score, settings.min_box_score)
    if share > settings.max_box_area_share:
        return dropped("phrase.box_area", share, settings.max_box_area_share)
    if side < settings.min_box_side:
        return dropped("phrase.box_side", side, settings.min_box_side)
    return KEPT


def content_words(phrase: str) -> list[str]:
    """The lower-cased words without leading determiners and possessives: ["red", "hat"] for "The red hat"."""
    words: list[str] = _WORD.findall(phrase.lower())
    start = 0
    while start < len(words) - 1 and words[start] in _OPENERS:
        start += 1
    return words[start:]


@lru_cache(maxsize=1)
def blacklist() -> tuple[frozenset[str], frozenset[str]]:
    """The pronouns and the abstract concepts of `blacklist.txt`."""
    sections: dict[str, list[str]] = {}
    section = ""
    for line in BLACKLIST.read_text(encoding="utf-8").splitlines():
        text = line.strip()
        if text.startswith("[") and text.endswith("]"):
            section = text[1:-1]
        elif text and not text.startswith("#"):
            sections.setdefault(section, []).extend(entry.strip() for entry in text.split(","))
    return frozenset(sections["pronouns"]), _entries(tuple(sections["abstract"]))


@lru_cache(maxsize=32)
def _entries(phrases: tuple[str, ...]) -> frozenset[str]:
    return frozenset(" ".join(content_words(phrase)) for phrase in phrases)


def _ends_in(words: list[str], entries: Iterable[str]) -> bool:
    """Whether the last words, in this number or in the singular, are an entry."""
    if not words:
        return False
    *before, last = words
    endings = {" ".join([*before[start:], form]) for start in range(len(words)) for form in _singulars(last)}
    return not endings.isdisjoint(entries)


def _singulars(word: str) -> list[str]:
    """The word and what it may be the plural of; a form that is no word matches no entry."""
    forms = [word]
    if word.endswith("s") and not word.endswith("ss"):
        forms.append(word[:-1])
    if word.endswith("es"):
        forms.append(word[:-2])
    if word.endswith("ies"):
        forms.append(word[:-3] + "y")
    return forms
