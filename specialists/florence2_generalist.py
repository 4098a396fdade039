"""Florence-2 as one annotator for everything: the model that a corpus trains, and that annotates it again.

Comes in: images, each with any number of questions of any task. Goes out: an `Answer` for each. An image goes through
the vision tower once while its array lives, for all questions of all calls (see `florence2_model`).
"""

from typing import Protocol

from specialists.florence2 import Florence2Grounder, Florence2Settings
from specialists.florence2_format import PROMPTS
from specialists.florence2_model import Answer
from specialists.roles import Fingerprint, Image, Phrase, check_images


class Florence2GeneralistSettings(Florence2Settings):
    """Florence-2 answering whatever it is asked."""


class Generalist(Protocol):
    """Answers to questions (`florence2_format.prompt`) about whole images, and the phrases of texts of any length."""

    def load(self) -> None: ...
    def answer(self, images: list[Image], questions: list[list[str]]) -> list[list[Answer]]: ...
    def ground(self, images: list[Image], texts: list[str]) -> list[list[Phrase]]: ...
    def fingerprint(self) -> Fingerprint: ...
    def close(self) -> None: ...


class Florence2Generalist(Florence2Grounder):
    """A grounder that can be asked anything else, too."""

    def answer(self, images: list[Image], questions: list[list[str]]) -> list[list[Answer]]:
        """One answer per question of each image. Raises ValueError for a question longer than the model can read."""
        check_images(images)
        return self._model.answer(images, questions, self._search)

    def fingerprint(self) -> Fingerprint:
        """Needs no `load`."""
        return self._facts(list(PROMPTS.values()))
