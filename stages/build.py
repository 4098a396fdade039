"""From an annotator's settings to its stage: the one place that knows all roles.

words:                          build_stage("words", settings)
  role: reader             ->   ReadWords(RapidOcrReader(...))
  specialist: {backend: rapidocr}
"""

from typing import Annotated

from pydantic import Field

from stages.annotate.words import ReaderSettings, ReadWords, build_reader
from stages.stage import Stage

Annotator = Annotated[ReaderSettings, Field(description="an annotator; `role` decides which settings it takes")]


def build_stage(annotator: Annotator) -> Stage:
    """The stage of an annotator, not loaded."""
    return ReadWords(build_reader(annotator.specialist))


def gives(annotator: Annotator) -> set[str]:
    """What others can work on: kinds of findings (text, object, ocr, phrase)."""
    return {"ocr"}


def wants(annotator: Annotator) -> set[str]:
    """What an annotator works on, apart from the image and what came with it."""
    return set()
