import numpy as np
import pytest
from pydantic import ValidationError

from shards.finding import OcrLine
from specialists.roles import Fingerprint, Image, Words
from stages.annotate.reader import WordsSettings, WordsStage
from stages.stage import Item


class ScriptedReader:
    """Reads what the test says, whatever the picture."""

    def __init__(self, answers: list[Words]) -> None:
        self.answers = answers
        self.loaded = False

    def load(self) -> None:
        self.loaded = True

    def read(self, images: list[Image]) -> list[Words]:
        return self.answers[: len(images)]

    def fingerprint(self) -> Fingerprint:
        return {"backend": "scripted"}

    def close(self) -> None:
        self.loaded = False


def an_item() -> Item:
    return Item("a", np.zeros((20, 40, 3), np.uint8))


def test_a_line_becomes_a_finding_with_its_quad_and_its_bounds() -> None:
    quad = np.array([[10, 12, 30, 8, 31, 14, 11, 18]], np.float32)
    stage = WordsStage(WordsSettings(), ScriptedReader([Words(quad, np.array([0.75], np.float32), ["EXIT"])]))
    assert stage.run([an_item()]) == [
        [OcrLine("EXIT", 0.75, box=(10, 8, 31, 18), quad=(10, 12, 30, 8, 31, 14, 11, 18))]
    ]


def test_an_image_without_text_has_no_findings() -> None:
    nothing = Words(np.zeros((0, 8), np.float32), np.zeros(0, np.float32), [])
    assert WordsStage(WordsSettings(), ScriptedReader([nothing, nothing])).run([an_item(), an_item()]) == [[], []]


def test_the_stage_loads_closes_and_names_its_reader() -> None:
    reader = ScriptedReader([])
    stage = WordsStage(WordsSettings(), reader)
    stage.load()
    assert reader.loaded
    assert stage.fingerprint() == {"backend": "scripted"}
    stage.close()
    assert not reader.loaded


def test_an_unknown_setting_of_the_backend_is_refused() -> None:
    with pytest.raises(ValidationError, match="langauges"):
        WordsSettings.model_validate({"role": "reader", "specialist": {"backend": "rapidocr", "langauges": ["en"]}})
