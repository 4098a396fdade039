"""What is asked about one image: the record's lessons as token ids, and a choice among them.

Comes in: a record. Goes out: `TokenizedLesson` per lesson; what does not fit into the model is left out by the codec
and counted.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from shards.record import Record
from specialists.florence2_format import Task
from stages.codec.encode import lessons
from stages.codec.settings import CodecSettings
from stages.retrain.settings import RetrainSettings

_LENGTH = re.compile(r"of \d+ tokens ")
"""In a reason: of this one question, where reasons are counted."""
_ENDS = 2
"""`<s>` and `</s>` around every question and answer."""


@dataclass(frozen=True, eq=False)
class TokenizedLesson:
    """One lesson in token ids, `<s>` and `</s>` included."""

    task: Task
    prompt: list[int]
    target: list[int]


class LessonMaker:
    """Makes lessons of records with one tokenizer. prompt_room, target_room: tokens that fit, ends included."""

    def __init__(self, tokenizer: Any, settings: RetrainSettings, prompt_room: int, target_room: int) -> None:
        self._tokenizer = tokenizer
        self._refused: dict[str, Counter[str]] = {}
        self._weights = settings.recipe.weights
        self._codec = CodecSettings(
            tasks=list(self._weights),
            max_prompt_tokens=prompt_room - _ENDS,
            max_target_tokens=min(target_room - _ENDS, settings.max_target_tokens),
        )

    def asked(self, record: Record) -> list[TokenizedLesson]:
        """All lessons of a record, in the codec's order."""
        encoded = lessons(record, self._codec, self._count)
        self._refused[record.key] = Counter(
            f"{refused.task}: {_LENGTH.sub('', refused.reason)}" for refused in encoded.refused
        )
        taught = encoded.lessons
        if not taught:
            return []
        ids = self._ids([item.prompt for item in taught] + [item.target for item in taught])
        return [
            TokenizedLesson(item.task, prompt, target)
            for item, prompt, target in zip(taught, ids[: len(taught)], ids[len(taught) :], strict=True)
        ]

    def refused(self) -> dict[str, int]:
        """Task and reason -> how many labels of the records seen so far are not taught, the most frequent first. Each
        record counts once, however often it was asked about."""
        return dict(sum(self._refused.values(), Counter[str]()).most_common())

    def _count(self, text: str) -> int:
        return len(self._ids([text])[0]) - _ENDS

    def _ids(self, texts: list[str]) -> list[list[int]]:
        marked = [f"<s>{text}</s>" for text in texts]
        ids: list[list[int]] = self._tokenizer(marked, add_special_tokens=False)["input_ids"]
        return ids

    def draw(self, asked: Sequence[TokenizedLesson], count: int, rng: np.random.Generator) -> list[TokenizedLesson]:
        """Up to `count` different lessons of an image. Tasks are drawn by weight, however many lessons each has."""
        per_task = Counter(item.task for item in asked)
        shares = np.array([self._weights[item.task] / per_task[item.task] for item in asked])
        chosen = rng.choice(len(asked), size=min(count, len(asked)), replace=False, p=shares / shares.sum())
        return [asked[int(i)] for i in chosen]
