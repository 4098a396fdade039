"""An answer of Florence-2 becomes findings: what `encode` writes, and what a model says, read back.

    findings(Inquiry("<OD>", 640, 480), answer)
      Detection("dog", 0.91, box=(11.84, 30.48, 200.0, 180.24)), ...

Which finding a task gives:

    <CAPTION>, ...                                   Caption, with its granularity
    <OD>, <DENSE_REGION_CAPTION>, <REGION_PROPOSAL>  Detection; text = what stands before the box
    <OPEN_VOCABULARY_DETECTION>                      Detection; with polygons if answered by outlines
    <REFERRING_EXPRESSION_SEGMENTATION>              Detection with polygons; text = the expression
    <CAPTION_TO_PHRASE_GROUNDING>                    PhraseGrounding, about the text that was asked for
    <OCR_WITH_REGION>                                OcrLine
    <OCR>                                            OcrLine; all that is known of its place is the image
    <REGION_TO_CATEGORY>, <REGION_TO_DESCRIPTION>    Caption, brief, about the box that was asked for
    <REGION_TO_OCR>                                  OcrLine, at the box that was asked for
    <REGION_TO_SEGMENTATION>                         Mask of the box that was asked for; empty if none came
"""

from dataclasses import dataclass

from msgspec.structs import replace

from shards.finding import Box, Caption, Detection, Finding, Granularity, Mask, OcrLine, PhraseGrounding
from shards.geometry import box_quad, polygons_box
from specialists.florence2_answers import read_boxes, read_caption, read_outlines, read_phrases, read_words
from specialists.florence2_format import CAPTION_TASKS, Question, Task, locations, quantize
from specialists.florence2_model import Answer
from stages.findings import object_findings, phrase_findings, word_findings

GRANULARITIES: dict[Task, Granularity] = {task: granularity for granularity, task in CAPTION_TASKS.items()}


@dataclass(frozen=True)
class Inquiry:
    """A question about an image of width x height px. text: the text or expression, region: the box in px that it is
    about, where the task takes one; about: the reference of the finding that the text or box is from."""

    task: Task
    width: int
    height: int
    text: str = ""
    region: Box | None = None
    about: str = ""

    def __post_init__(self) -> None:
        if self.task.startswith("<REGION_TO_") and self.region is None:
            raise ValueError(f"{self.task} is about a region, got none: give its box")

    @property
    def question(self) -> Question:
        """The question in the model's frame."""
        if self.region is None:
            return Question(self.task, self.text)
        return Question(self.task, locations(quantize(self.region, self.width, self.height)))

    @property
    def prompt(self) -> str:
        """The question as the model reads it. Raises ValueError where text and task do not go together."""
        return self.question.prompt


def findings(inquiry: Inquiry, answer: Answer | str) -> list[Finding]:
    """Everything that the answer says, in its order, nothing filtered. An answer that is only a text has no scores."""
    if isinstance(answer, str):
        return [_unscored(finding) for finding in _findings(inquiry, Answer(answer, [], []))]
    return _findings(inquiry, answer)


def _unscored(finding: Finding) -> Finding:
    if isinstance(finding, PhraseGrounding):
        return replace(finding, score=None, phrase_score=None)
    return replace(finding, score=None)


def _findings(inquiry: Inquiry, answer: Answer) -> list[Finding]:
    frame = (inquiry.width, inquiry.height)
    match inquiry.task:
        case "<CAPTION>" | "<DETAILED_CAPTION>" | "<MORE_DETAILED_CAPTION>":
            return [_text(inquiry, answer, GRANULARITIES[inquiry.task])]
        case "<REGION_TO_CATEGORY>" | "<REGION_TO_DESCRIPTION>":
            return [_text(inquiry, answer, "brief")]
        case "<OD>" | "<DENSE_REGION_CAPTION>" | "<REGION_PROPOSAL>":
            return object_findings(read_boxes(answer, *frame))
        case "<OPEN_VOCABULARY_DETECTION>":
            return (
                _outlined(inquiry, answer) if "<poly>" in answer.text else object_findings(read_boxes(answer, *frame))
            )
        case "<REFERRING_EXPRESSION_SEGMENTATION>":
            return _outlined(inquiry, answer)
        case "<CAPTION_TO_PHRASE_GROUNDING>":
            return phrase_findings(inquiry.about, inquiry.text, read_phrases(answer, *frame, inquiry.text))
        case "<OCR_WITH_REGION>":
            return word_findings(read_words(answer, *frame))
        case "<OCR>" | "<REGION_TO_OCR>":
            return [_read(inquiry, answer)]
        case "<REGION_TO_SEGMENTATION>":
            return [_mask(inquiry, answer)]


def _text(inquiry: Inquiry, answer: Answer, granularity: Granularity) -> Finding:
    caption = read_caption(answer)
    return Caption(caption.text, caption.score, inquiry.about, granularity)


def _read(inquiry: Inquiry, answer: Answer) -> Finding:
    caption = read_caption(answer)
    box = inquiry.region or (0.0, 0.0, float(inquiry.width), float(inquiry.height))
    return OcrLine(caption.text, caption.score, box=box, quad=box_quad(box))


def _mask(inquiry: Inquiry, answer: Answer) -> Finding:
    """All rings of all instances: the answer is about one region."""
    rings = [ring for _, polygons in read_outlines(answer, inquiry.width, inquiry.height) for ring in polygons]
    return Mask(score=answer.score(), about=inquiry.about, polygons=rings)


def _outlined(inquiry: Inquiry, answer: Answer) -> list[Finding]:
    return [
        Detection(label or inquiry.text, answer.score(), box=polygons_box(polygons), polygons=polygons)
        for label, polygons in read_outlines(answer, inquiry.width, inquiry.height)
    ]
