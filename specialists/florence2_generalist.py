"""Florence-2 as one annotator for everything: the model that a corpus trains, and that annotates it again.

Comes in: images, each with any number of questions of any task. Goes out: an `Answer` for each, the model's own or,
with the model's probabilities, the one that a question brings along:

    Question("<CAPTION>")                       Answer("a dog with a ball", ...)   .score() 0.71
    Question("<CAPTION>", answer="two cats")    Answer("two cats", ...)            .score() 0.04

An image goes through the vision tower once while its array lives, for all questions of all calls (see
`florence2_model`).
"""

from itertools import chain, islice
from typing import Protocol

from specialists.florence2 import Florence2Grounder, Florence2Settings
from specialists.florence2_format import PROMPTS, Question
from specialists.florence2_model import Answer, joined
from specialists.roles import Fingerprint, Image, check_images


class Florence2GeneralistSettings(Florence2Settings):
    """Florence-2 answering whatever it is asked."""


class Generalist(Protocol):
    """One answer per question of each image; texts to ground may have any length."""

    def load(self) -> None: ...
    def answer(self, images: list[Image], questions: list[list[Question]]) -> list[list[Answer]]: ...
    def fingerprint(self) -> Fingerprint: ...
    def close(self) -> None: ...


class Florence2Generalist(Florence2Grounder):
    """A grounder that can be asked anything else, too."""

    def answer(self, images: list[Image], questions: list[list[Question]]) -> list[list[Answer]]:
        """One answer per question of each image. Raises ValueError for a question longer than the model can read,
        unless it is about the phrases of a text: that is asked in parts, and the answers are joined."""
        check_images(images)
        prompts = [[self._prompts(question) for question in some] for some in questions]
        pairs = [
            [(question.prompt, question.answer) for question in some if question.answer is not None]
            for some in questions
        ]
        own = chain.from_iterable(self._model.answer(images, [[*chain(*parts)] for parts in prompts], self._search))
        others = chain.from_iterable(self._model.score(images, pairs, self._search.batch_size))
        return [
            [
                joined([*islice(own, len(parts))]) if question.answer is None else next(others)
                for question, parts in zip(some, cut, strict=True)
            ]
            for some, cut in zip(questions, prompts, strict=True)
        ]

    def fingerprint(self) -> Fingerprint:
        """Needs no `load`."""
        return self._facts(list(PROMPTS.values()))

    def _prompts(self, question: Question) -> list[str]:
        """What the model is to answer: mostly one prompt, of a text to ground one per part that says anything."""
        if question.answer is not None:
            return []
        if question.task != "<CAPTION_TO_PHRASE_GROUNDING>":
            return [question.prompt]
        return [Question(question.task, part).prompt for _, part in self._parts(question.subject)]
