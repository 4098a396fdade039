"""Grounder -> `PhraseGrounding`s: where the things are that upstream texts speak of.

Comes in: items with the texts of other annotators about the whole image (texts of crops are left alone). Goes out, per
phrase and place:

    PhraseGrounding("a dog", 0.77, about="captions/0", box=(...), span=(0, 5), phrase_score=0.81)

A phrase that was looked for and found nowhere is one finding without box.
"""

from typing import Annotated, Literal, cast

from pydantic import Field

from filters.parser import Parser, ParserSettings
from shards.finding import Finding, Granularity, Span
from shards.settings import Settings
from specialists.custom import CustomSettings, build_custom
from specialists.florence2 import Florence2Grounder, Florence2GrounderSettings
from specialists.groundingdino import GroundingDino, GroundingDinoSettings
from specialists.groundingdino_hf import GroundingDinoHf, GroundingDinoHfSettings
from specialists.roles import Fingerprint, Grounder
from stages.annotate.resources import Resources
from stages.findings import phrase_findings, texts_about_images
from stages.stage import Item

GrounderSettings = Annotated[
    Florence2GrounderSettings | GroundingDinoSettings | GroundingDinoHfSettings | CustomSettings,
    Field(discriminator="backend"),
]


class PhrasesSettings(Settings):
    """An annotator that finds the phrases of texts in the picture."""

    role: Literal["grounder"] = Field("grounder", description="finds the phrases of texts in the picture")
    specialist: GrounderSettings = Field(Florence2GrounderSettings(), description="the model")
    granularities: list[Granularity] = Field(
        ["brief", "detailed", "more_detailed"], min_length=1, description="ground texts of these granularities"
    )
    parser: ParserSettings = Field(
        ParserSettings(), description="finds the noun chunks, where the specialist says phrases: chunks"
    )
    needs: list[str] | None = Field(None, description="annotators whose texts are grounded; null: all that write texts")
    resources: Resources = Field(Resources(), description="what one actor needs")


class NounChunks:
    """The noun chunks of texts as spans: what a grounder looks for instead of phrases of its own."""

    def __init__(self, parser: Parser) -> None:
        self.parser = parser

    def __call__(self, texts: list[str]) -> list[list[Span]]:
        """Needs `parser.load()`."""
        return [parsed.noun_chunks for parsed in self.parser.parse(texts)]


def build_grounder(settings: GrounderSettings, chunks: NounChunks) -> Grounder:
    """The specialist of these settings; cheap, nothing is loaded. `chunks` is for those that ask for them."""
    match settings:
        case Florence2GrounderSettings():
            return Florence2Grounder(settings)
        case GroundingDinoSettings():
            return GroundingDino(settings, chunks if settings.phrases == "chunks" else None)
        case GroundingDinoHfSettings():
            return GroundingDinoHf(settings, chunks if settings.phrases == "chunks" else None)
        case CustomSettings():
            return cast(Grounder, build_custom(settings, "ground"))


class PhrasesStage:
    """See `stages.stage.Stage`."""

    def __init__(self, settings: PhrasesSettings, grounder: Grounder | None = None) -> None:
        self._granularities = settings.granularities
        self._parser = Parser(settings.parser)
        self._chunks = getattr(settings.specialist, "phrases", "model") == "chunks"
        self._grounder = grounder or build_grounder(settings.specialist, NounChunks(self._parser))

    def load(self) -> None:
        if self._chunks:
            self._parser.load()
        self._grounder.load()

    def run(self, items: list[Item]) -> list[list[Finding]]:
        asked = [texts_about_images(item.findings, self._granularities) for item in items]
        images = [item.image for item, texts in zip(items, asked, strict=True) for _ in texts]
        answers = iter(self._grounder.ground(images, [text for texts in asked for _, text in texts]))
        return [[one for ref, text in texts for one in phrase_findings(ref, text, next(answers))] for texts in asked]

    def fingerprint(self) -> Fingerprint:
        facts: Fingerprint = {**self._grounder.fingerprint(), "granularities": sorted(self._granularities)}
        if self._chunks:
            facts |= {f"parser_{name}": value for name, value in self._parser.fingerprint().items()}
        return facts

    def close(self) -> None:
        self._grounder.close()
