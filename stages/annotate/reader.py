"""Reader -> `OcrLine`s: the text in the picture, one per quad.

Comes in: items with an image; no upstream annotator. Goes out, per word or line:

    OcrLine("SPEED LIMIT", 0.993, box=(31, 278, 133, 294), quad=(31, 279, 133, 278, ...))
"""

from typing import Annotated, Literal, cast

from pydantic import Field

from shards.finding import Finding
from shards.settings import Settings
from specialists.custom import CustomSettings, build_custom
from specialists.easyocr_reader import EasyOcrReader, EasyOcrSettings
from specialists.rapidocr_reader import RapidOcrReader, RapidOcrSettings
from specialists.roles import Fingerprint, Reader
from stages.annotate.resources import Resources
from stages.findings import word_findings
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
        return [word_findings(words) for words in self.reader.read([item.image for item in items])]

    def fingerprint(self) -> Fingerprint:
        return self.reader.fingerprint()

    def close(self) -> None:
        self.reader.close()
