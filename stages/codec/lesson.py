"""Questions with answers, what could not be taught, and the budget that decides between the two.

Comes in: the parts of an answer in reading order, each with its score. Goes out: one `Lesson` with the parts that fit,
and one `Refused` per annotation that does not. An answer that is too long loses its lowest scores first, of equal
scores the one that is read last: as many parts stay as fit, in reading order.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from specialists.florence2_format import Task, prompt
from stages.codec.settings import CodecSettings

Place_co = TypeVar("Place_co", covariant=True)
PlaceT = TypeVar("PlaceT")

CountTokens = Callable[[str], int]
"""How many tokens a text has for the model that is to learn it, without `<s>` and `</s>`."""


class Lesson(NamedTuple):
    """One question and its answer, both as text. refs: the ids of what it was made of in its record; a grounding's is
    its position, "g0", as in a round's index."""

    task: Task
    prompt: str
    target: str
    refs: tuple[str, ...]


class Refused(NamedTuple):
    """An annotation that a task could have taught, and why it does not."""

    ref: str
    task: Task
    reason: str


class Encoded(NamedTuple):
    """All lessons of a record. Every annotation that a task is about is in `refs` of one of its lessons, or refused."""

    lessons: list[Lesson]
    refused: list[Refused]


@dataclass(frozen=True, eq=False)
class AnswerPart(Generic[Place_co]):
    """What one annotation (or several that say the same) adds to an answer."""

    refs: tuple[str, ...]
    score: float
    label: str
    place: Place_co


@dataclass(eq=False)
class LessonSheet:
    """Where the lessons of one record are collected."""

    settings: CodecSettings
    count: CountTokens
    lessons: list[Lesson] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)

    def refuse(self, task: Task, refs: Sequence[str], reason: str) -> None:
        """These annotations are not taught by this task."""
        self.refused += [Refused(ref, task, reason) for ref in refs]

    def teach(
        self,
        task: Task,
        parts: Sequence[AnswerPart[PlaceT]],
        write: Callable[[Sequence[AnswerPart[PlaceT]]], str],
        given: str = "",
        about: tuple[str, ...] = (),
    ) -> None:
        """One lesson from `parts`, in reading order. given: the question's own text or region; about: the annotations
        that it comes from. No parts: no lesson."""
        if not parts:
            return
        question = prompt(task, given)
        if (length := self.count(question)) > self.settings.max_prompt_tokens:
            reason = f"question of {length} tokens is longer than max_prompt_tokens = {self.settings.max_prompt_tokens}"
            self.refuse(task, _refs(parts), reason)
            return
        kept = self._fitting(parts, write)
        out = [part for part in parts if part not in kept]
        most = self.settings.max_target_tokens
        self.refuse(task, _refs(out), f"answer is longer than max_target_tokens = {most}: the lowest scores go first")
        if kept:
            self.lessons.append(Lesson(task, question, write(kept), about + _refs(kept)))

    def best(self, task: Task, parts: Sequence[AnswerPart[PlaceT]]) -> list[AnswerPart[PlaceT]]:
        """The max_per_task parts of the best scores, for a question each; the others are refused."""
        most = self.settings.max_per_task
        ranked = sorted(parts, key=lambda part: -part.score)
        self.refuse(task, _refs(ranked[most:]), f"more than max_per_task = {most} questions")
        return ranked[:most]

    def _fitting(
        self, parts: Sequence[AnswerPart[PlaceT]], write: Callable[[Sequence[AnswerPart[PlaceT]]], str]
    ) -> Sequence[AnswerPart[PlaceT]]:
        most = self.settings.max_target_tokens
        if self.count(write(parts)) <= most:
            return parts
        ranked = sorted(range(len(parts)), key=lambda i: -parts[i].score)

        def first(count: int) -> list[AnswerPart[PlaceT]]:
            return [parts[i] for i in sorted(ranked[:count])]

        fits = bisect_right(range(1, len(parts)), most, key=lambda count: self.count(write(first(count))))
        return first(fits)


def _refs(parts: Sequence[AnswerPart[object]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(ref for part in parts for ref in part.refs))
