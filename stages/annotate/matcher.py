"""Matcher -> `Match`es: how close is each box's picture to each text it could have.

Comes in: items whose upstream annotators found boxes and captioned them. Goes out, per box that is worth the work
(`boxes.py`), one finding per candidate text: the detector's label, the text of its crop, and the noun chunks of that
text (Florence-2, section 4.2, "region-text"). All similarities are kept; fusion selects the highest.

    about="detector/0" slot="phrase" text="dog"                      score=0.61
    about="detector/0" slot="brief"  text="a brown dog with a ball"  score=0.84
    about="detector/0" slot="chunk"  text="a brown dog"              score=0.79
    about="detector/0" slot="chunk"  text="a ball"                   score=0.55
"""

from typing import Annotated, Literal, cast

from pydantic import Field

from filters.parser import Parser, ParserSettings
from shards.finding import Caption, Finding, Match
from shards.settings import Settings
from specialists.clip_matcher import ClipMatcher, ClipSettings
from specialists.custom import CustomSettings, build_custom
from specialists.roles import Fingerprint, Image, Matcher, Scores
from stages.annotate.boxes import BoxInput, BoxInputs, choose_boxes, crop
from stages.annotate.resources import Resources
from stages.stage import Item

ComparedKind = Literal["phrase", "brief", "chunk"]
Candidates = list[tuple[ComparedKind, str]]
MatcherSettings = Annotated[ClipSettings | CustomSettings, Field(discriminator="backend")]


class MatchesSettings(Settings):
    """An annotator that compares crops with texts."""

    role: Literal["matcher"] = Field("matcher", description="says how close each box's picture is to its texts")
    specialist: MatcherSettings = Field(ClipSettings(), description="the model")
    boxes: BoxInputs = Field(BoxInputs(), description="which upstream boxes are matched")
    parser: ParserSettings = Field(ParserSettings(), description="the spaCy pipeline that finds noun chunks")
    max_chunks: int = Field(8, ge=0, description="most noun chunks per crop text, in order of appearance; 0: none")
    needs: list[str] | None = Field(
        None, description="annotators whose boxes and crop texts are compared; null: all that find or caption boxes"
    )
    resources: Resources = Field(Resources(), description="what one actor needs")


def build_matcher(settings: MatcherSettings) -> Matcher:
    """The specialist of these settings; cheap, nothing is loaded."""
    match settings:
        case ClipSettings():
            return ClipMatcher(settings)
        case CustomSettings():
            return cast(Matcher, build_custom(settings, "similarity"))


class MatchesStage:
    """See `stages.stage.Stage`."""

    def __init__(self, settings: MatchesSettings, matcher: Matcher | None = None) -> None:
        self._settings = settings
        self._matcher = matcher or build_matcher(settings.specialist)
        self._parser = Parser(settings.parser)

    def load(self) -> None:
        """Load the parser, if chunks are asked for, and the matcher."""
        if self._settings.max_chunks:
            self._parser.load()
        self._matcher.load()

    def run(self, items: list[Item]) -> list[list[Finding]]:
        """Matches per item. All crops of the batch go to the matcher together."""
        chunks = self._chunks([text for item in items for texts in _texts_of_boxes(item).values() for text in texts])
        crops: list[Image] = []
        candidates: list[Candidates] = []
        chosen: list[list[str]] = []
        for item in items:
            boxes, texts = self._boxes(item), _texts_of_boxes(item)
            crops += [crop(item.image, box.box, self._settings.boxes.padding) for box in boxes]
            candidates += [_candidates(box, texts.get(box.ref, []), chunks) for box in boxes]
            chosen.append([box.ref for box in boxes])
        scores = self._matcher.similarity(crops, [[text for _, text in texts] for texts in candidates])
        scored = iter(zip(candidates, scores, strict=True))
        return [[match for ref in refs for match in _matches(ref, *next(scored))] for refs in chosen]

    def fingerprint(self) -> Fingerprint:
        """The matcher's facts, the choice of boxes and what reads the chunks."""
        of = self._settings
        facts: Fingerprint = {"boxes": of.boxes.model_dump_json(), "max_chunks": of.max_chunks}
        if of.max_chunks:
            facts["parser"] = [f"{name} {value}" for name, value in sorted(self._parser.fingerprint().items())]
        return facts | self._matcher.fingerprint()

    def close(self) -> None:
        """Close the matcher."""
        self._matcher.close()

    def _boxes(self, item: Item) -> list[BoxInput]:
        height, width = item.image.shape[:2]
        return choose_boxes(item.findings, width, height, self._settings.boxes)

    def _chunks(self, texts: list[str]) -> dict[str, list[str]]:
        """Text -> its noun chunks, each once, `max_chunks` at most."""
        different = list(dict.fromkeys(texts))
        if not different or not self._settings.max_chunks:
            return {}
        most = self._settings.max_chunks
        return {
            text: list(dict.fromkeys(text[start:end] for start, end in parsed.noun_chunks))[:most]
            for text, parsed in zip(different, self._parser.parse(different), strict=True)
        }


def _texts_of_boxes(item: Item) -> dict[str, list[str]]:
    """Reference of a box -> the texts of its crop, by annotator name."""
    found: dict[str, list[str]] = {}
    for name in sorted(item.findings):
        for finding in item.findings[name]:
            if isinstance(finding, Caption) and finding.about and finding.text.strip():
                found.setdefault(finding.about, []).append(finding.text)
    return found


def _candidates(box: BoxInput, texts: list[str], chunks: dict[str, list[str]]) -> Candidates:
    """Label, crop texts, their chunks; each once."""
    labels: Candidates = [("phrase", box.label)] if box.label.strip() else []
    briefs: Candidates = [("brief", text) for text in texts]
    parts: Candidates = [("chunk", chunk) for text in texts for chunk in chunks.get(text, [])]
    return list(dict.fromkeys([*labels, *briefs, *parts]))


def _matches(ref: str, candidates: Candidates, scores: Scores) -> list[Finding]:
    return [
        Match(text, float(score), about=ref, slot=slot) for (slot, text), score in zip(candidates, scores, strict=True)
    ]
