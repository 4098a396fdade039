"""Reader -> `ocr` findings: the text in the picture, one finding per quad.

Comes in: items with an image; no upstream annotator. Goes out, per word or line:

    Finding(kind="ocr", text="SPEED LIMIT", score=0.993, quad=(31, 279, 133, 278, ...), box=(31, 278, 133, 294))
"""

from typing import Annotated, Literal, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from shards.finding import Box, Finding, Quad
from shards.settings import Settings
from specialists.custom import CustomSettings, build_custom
from specialists.easyocr_reader import EasyOcrReader, EasyOcrSettings
from specialists.rapidocr_reader import RapidOcrReader, RapidOcrSettings
from specialists.roles import Fingerprint, Reader
from stages.resources import Resources
from stages.stage import Item

ReaderSettings = Annotated[RapidOcrSettings | EasyOcrSettings | CustomSettings, Field(discriminator="backend")]


class WordsSettings(Settings):
    """An annotator that reads the text in the picture."""

    role: Literal["reader"] = Field("reader", description="reads the text in the picture")
    specialist: ReaderSettings = Field(RapidOcrSettings(), description="the OCR library")
    needs: list[str] | None = Field(None, description="annotators to wait for; a reader uses none")
    resources: Resources = Field(Resources(), description="what one actor needs")


def build_reader(settings: ReaderSettings) -> Reader:
    """The specialist of these settings; cheap, nothing is loaded."""
    match settings:
        case RapidOcrSettings():
            return RapidOcrReader(settings)
        case EasyOcrSettings():
            return EasyOcrReader(settings)
        case CustomSettings():
            return cast(Reader, build_custom(settings, "read"))


class WordsStage:
    """See `stages.stage.Stage`."""

    def __init__(self, settings: WordsSettings, reader: Reader | None = None) -> None:
        self.reader = reader or build_reader(settings.specialist)

    def load(self) -> None:
        self.reader.load()

    def run(self, items: list[Item]) -> list[list[Finding]]:
        found = self.reader.read([item.image for item in items])
        return [
            [
                _finding(quad, float(score), text)
                for quad, score, text in zip(words.quads, words.scores, words.texts, strict=True)
            ]
            for words in found
        ]

    def fingerprint(self) -> Fingerprint:
        return self.reader.fingerprint()

    def close(self) -> None:
        self.reader.close()


def _finding(quad: NDArray[np.float32], score: float, text: str) -> Finding:
    """quad: float32 [8]; the finding's box is its bounds."""
    x, y = quad[0::2], quad[1::2]
    box = tuple(float(value) for value in (x.min(), y.min(), x.max(), y.max()))
    corners = tuple(float(value) for value in quad)
    return Finding("ocr", text=text, score=score, quad=cast(Quad, corners), box=cast(Box, box))
