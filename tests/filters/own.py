"""Filters as a user writes them, right and wrong."""

from typing import Any

from filters.custom import Case, Facts
from filters.verdict import KEPT, Verdict, dropped
from shards.record import Grounding, Region, Text


class NoWord:
    """Drops what says `word`; of images, the one of that key."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options

    def fingerprint(self) -> Facts:
        return {"version": self.options.get("version", 1)}

    def judge(self, cases: list[Case]) -> list[Verdict]:
        return [dropped("no_word", 1.0, 0.0) if self.options["word"] == _text(case) else KEPT for case in cases]


def _text(case: Case) -> str:
    match case.annotation:
        case Text(text=text) | Grounding(phrase=text):
            return text
        case Region():
            return case.annotation.text
        case _:
            return case.record.key


class Broken(NoWord):
    """Answers as `answer` says."""

    def fingerprint(self) -> Facts:
        if "facts" in self.options:
            return {"object": object()}  # type: ignore[dict-item]
        return {}

    def judge(self, cases: list[Case]) -> list[Verdict]:
        answers: dict[str, Any] = {
            "short": [],
            "none": None,
            "bool": [True] * len(cases),
            "ours": [dropped("region.score")] * len(cases),
            "unnamed": [Verdict(False)] * len(cases),
        }
        found: list[Verdict] = answers[self.options["answer"]]
        return found


class Raises(NoWord):
    """Fails as `when` says: built, asked for its facts, on the text `word`, or on more than one case."""

    def __init__(self, options: dict[str, Any]) -> None:
        super().__init__(options)
        if options["when"] == "built":
            raise KeyError("side")

    def fingerprint(self) -> Facts:
        if self.options["when"] == "facts":
            raise OSError("no such table")
        return {}

    def judge(self, cases: list[Case]) -> list[Verdict]:
        if self.options["when"] == "many" and len(cases) > 1:
            raise ValueError("one at a time")
        return [_divided(0) if _text(case) == self.options.get("word") else KEPT for case in cases]


def _divided(by: int) -> Verdict:
    return dropped("never", 1 / by, 0.0)
