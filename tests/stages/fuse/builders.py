"""Small inputs of fusion, and a parser that counts words in place of spaCy."""

from collections.abc import Mapping, Sequence

from filters.features import TextFeatures
from filters.parser import ParsedText
from filters.settings import FilterSettings
from shards.finding import GIVEN, Box, Caption, Detection, Finding, Match, OcrLine, PhraseGrounding
from shards.images import ImageRow
from shards.record import Record
from shards.rounds import IndexRow
from stages.calibrate.consensus import AnnotatorCalibration
from stages.fuse.image import Rules, build_image
from stages.fuse.ledger import Statement, Voter, statements
from stages.fuse.settings import FuseSettings

SIZE_WH = (640, 480)
ROLES = {
    GIVEN: "given",
    "detector": "detector",
    "yolo": "detector",
    "reader": "reader",
    "easy": "reader",
    "generalist": "generalist",
}
DOG: Box = (10.0, 10.0, 110.0, 110.0)
NEAR_DOG: Box = (12.0, 10.0, 112.0, 110.0)  # IoU 0.96 with DOG
FAR: Box = (300.0, 300.0, 400.0, 400.0)


class WordCounter:
    """Stands for `filters.parser.Parser`: every word is an object with two relations."""

    def parse(self, texts: list[str]) -> list[ParsedText]:
        return [parsed(text) for text in texts]

    def fingerprint(self) -> dict[str, str]:
        return {"pipeline": "words"}


def parsed(text: str) -> ParsedText:
    words = len(text.split())
    return ParsedText(TextFeatures(words, words, 0, 0, 0, (2,) * words), [])


def annotator(name: str) -> Voter:
    return Voter(name, ROLES.get(name, name), f"{name}-fp", round=int(name == "generalist"))


def stated(findings: Mapping[str, Sequence[Finding]]) -> list[Statement[Finding]]:
    """The findings of several annotators, in their order."""
    return [each for name, said in findings.items() for each in statements(annotator(name), said, SIZE_WH)]


def found(text: str, score: float | None, box: Box) -> Finding:
    return Detection(text, score, box=box)


def word(text: str, score: float, box: Box) -> Finding:
    x0, y0, x1, y1 = box
    return OcrLine(text, score, box=box, quad=(x0, y0, x1, y0, x1, y1, x0, y1))


def caption(text: str, about: str = "") -> Finding:
    return Caption(text, 0.8, about=about, granularity="brief")


def phrase(text: str, span: tuple[int, int], box: Box | None, score: float = 0.8, about: str = "caption/0") -> Finding:
    return PhraseGrounding(text, score, about=about, box=box, span=span, phrase_score=0.9)


def match(about: str, slot: str, text: str, score: float) -> Finding:
    return Match(text, score, about=about, slot=slot)  # type: ignore[arg-type]


def build(
    findings: Mapping[str, Sequence[Finding]],
    fuse: FuseSettings | None = None,
    filters: FilterSettings | None = None,
    calibration: AnnotatorCalibration | None = None,
) -> tuple[Record, list[IndexRow]]:
    """The record and the index rows of one image about which `findings` were said."""
    names = [GIVEN, *(name for name in findings if name != GIVEN)]
    annotators = tuple(annotator(name) for name in names)
    rules = Rules(fuse or FuseSettings(), filters or FilterSettings(), annotators, calibration)
    row = ImageRow("image", "image.jpg", sha256="00", width=SIZE_WH[0], height=SIZE_WH[1], ext="jpg", offset=0, size=1)
    texts = {each.text: parsed(each.text) for said in findings.values() for each in said if isinstance(each, Caption)}
    return build_image(row, findings, rules, texts, round=0)


def verdicts(rows: list[IndexRow]) -> dict[str, str]:
    """Reference -> the id it went into, or the rule that dropped it."""
    return {row.ref: row.id if row.kept else row.rule for row in rows}
