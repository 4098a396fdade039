"""A record becomes lessons: one question with its answer per task of Florence-2 (Table 13), as text.

    lessons(record, CodecSettings(), count_tokens)
      Lesson("<OD>", "Locate the objects with category name in the image.", "dog<loc_18><loc_63>...", ("r0", "r1"))
      Lesson("<REGION_TO_CATEGORY>", "What is the region <loc_18>...?", "dog", ("r0",))
      Refused("r2", "<OD>", "no candidate of kind phrase")

Order inside an answer: boxes from left to right by their middle, boxes of one label together where the label comes
first; text in the picture from top to bottom; phrases as in their text. What is used:

    <OD>, <OPEN_VOCABULARY_DETECTION>, <REGION_TO_CATEGORY>   the first candidate of kind phrase
    <DENSE_REGION_CAPTION>, <REGION_TO_DESCRIPTION>           the first of kind brief, else the selected text
    <REFERRING_EXPRESSION_SEGMENTATION>                       phrases of texts, and the descriptions of regions
    <OCR>, <OCR_WITH_REGION>, <REGION_TO_OCR>                 regions of kind text; <OCR> joins them without a space

Text is cleaned of what would break parsing (`florence2_format.clean_label`, `clean_text`); what has nothing left is
refused. So is what has no polygons where a task needs them, and what is over a budget (`lesson`). A task whose answer
says that there is nothing else is not asked about an image on which somebody failed who could have found more.
"""

from collections.abc import Mapping, Sequence

from shards.finding import Box, Quad
from shards.geometry import box_quad
from shards.record import Record, Region
from specialists.florence2_format import (
    CAPTION_TASKS,
    Task,
    clean_label,
    clean_text,
    locations,
    phrases_target,
    proposals_target,
    quantize,
    regions_target,
    words_target,
)
from stages.codec.lesson import AnswerPart, CountTokens, Encoded, LessonSheet
from stages.codec.segments import referred_masks, region_masks
from stages.codec.settings import CodecSettings
from stages.codec.wording import category, description, grounding_id
from stages.incomplete import Unknown, unknown

_WHOLE: Mapping[Task, tuple[Unknown, ...]] = {
    "<OD>": ("objects",),
    "<DENSE_REGION_CAPTION>": ("objects",),
    "<REGION_PROPOSAL>": ("objects",),
    "<OPEN_VOCABULARY_DETECTION>": ("objects",),
    "<OCR>": ("words",),
    "<OCR_WITH_REGION>": ("words",),
    "<CAPTION_TO_PHRASE_GROUNDING>": ("phrases",),
    "<REFERRING_EXPRESSION_SEGMENTATION>": ("objects", "phrases"),
}
"""Tasks whose answers say that there is nothing else, and what there is nothing else of."""


def lessons(record: Record, settings: CodecSettings, count: CountTokens) -> Encoded:
    """All lessons of a record, by task in the order of the settings, and all that was refused."""
    sheet = LessonSheet(settings, count)
    holes = unknown(record)
    for task in settings.tasks:
        failed = next((holes[part] for part in _WHOLE.get(task, ()) if part in holes), None)
        if failed is None:
            _teach(task, record, sheet)
        else:
            sheet.refuse(task, _about(task, record), f"{failed} failed on the image: there may be more")
    return Encoded(sheet.lessons, sheet.refused)


def _about(task: Task, record: Record) -> list[str]:
    """The annotations that a task of `_WHOLE` is about."""
    kinds = {"words": "text", "objects": "object"}
    regions = [each.id for part in _WHOLE[task] for each in record.regions if each.kind == kinds.get(part)]
    phrases = [grounding_id(index) for index in range(len(record.groundings))]
    return regions + (phrases if "phrases" in _WHOLE[task] else [])


def _teach(task: Task, record: Record, sheet: LessonSheet) -> None:
    match task:
        case "<CAPTION>" | "<DETAILED_CAPTION>" | "<MORE_DETAILED_CAPTION>":
            _captions(task, record, sheet)
        case "<OCR>" | "<OCR_WITH_REGION>" | "<REGION_TO_OCR>":
            _words(task, record, sheet)
        case "<OD>" | "<DENSE_REGION_CAPTION>" | "<OPEN_VOCABULARY_DETECTION>" | "<REGION_PROPOSAL>":
            _objects(task, record, sheet)
        case "<REGION_TO_CATEGORY>" | "<REGION_TO_DESCRIPTION>":
            _named(task, record, sheet)
        case "<CAPTION_TO_PHRASE_GROUNDING>":
            _phrases(record, sheet)
        case "<REFERRING_EXPRESSION_SEGMENTATION>":
            referred_masks(record, sheet)
        case "<REGION_TO_SEGMENTATION>":
            region_masks(record, sheet)


def _captions(task: Task, record: Record, sheet: LessonSheet) -> None:
    """A lesson per text of the granularity: several captioners give several answers to one question."""
    for text in record.texts:
        if CAPTION_TASKS[text.granularity] != task:
            continue
        if clean := clean_text(text.text):
            sheet.teach(task, [AnswerPart((text.id,), 1.0, clean, None)], _label)
        else:
            sheet.refuse(task, [text.id], "nothing left of the text after cleaning")


def _words(task: Task, record: Record, sheet: LessonSheet) -> None:
    frame = (record.width, record.height)
    parts = []
    for region in sorted(_of_kind(record, "text"), key=_from_top):
        if clean := clean_text(region.text):
            parts.append(AnswerPart((region.id,), region.score, clean, region))
        else:
            sheet.refuse(task, [region.id], "nothing left of the text after cleaning")
    if task == "<OCR>":
        sheet.teach(task, parts, _label)
    elif task == "<OCR_WITH_REGION>":
        sheet.teach(task, parts, lambda some: words_target([(p.label, _quad(p.place)) for p in some], *frame))
    else:
        _one_by_one(task, parts, record, sheet)


def _objects(task: Task, record: Record, sheet: LessonSheet) -> None:
    frame = (record.width, record.height)
    if task == "<REGION_PROPOSAL>":
        parts = [AnswerPart((region.id,), region.score, "", region) for region in _objects_of(record)]
        sheet.teach(task, parts, lambda some: proposals_target([p.place.box for p in some], *frame))
        return
    parts = _labelled(task, record, sheet)
    if task != "<OPEN_VOCABULARY_DETECTION>":
        sheet.teach(task, parts, lambda some: regions_target([(p.label, p.place.box) for p in some], *frame))
        return
    by_label: dict[str, list[AnswerPart[Region]]] = {}
    for part in parts:
        by_label.setdefault(part.label, []).append(part)
    groups = [
        AnswerPart(tuple(ref for p in some for ref in p.refs), max(p.score for p in some), label, some)
        for label, some in by_label.items()
    ]
    for group in sheet.best(task, groups):
        # Unlike <OD>, the released checkpoints repeat the label in front of every box here.
        sheet.teach(
            task,
            group.place,
            lambda some: "".join(regions_target([(p.label, p.place.box)], *frame) for p in some),
            given=group.label,
        )


def _named(task: Task, record: Record, sheet: LessonSheet) -> None:
    _one_by_one(task, _labelled(task, record, sheet), record, sheet)


def _phrases(record: Record, sheet: LessonSheet) -> None:
    """A lesson per text that has phrases with boxes; the boxes of one phrase from left to right."""
    task: Task = "<CAPTION_TO_PHRASE_GROUNDING>"
    frame = (record.width, record.height)
    texts = {text.id: clean_text(text.text) for text in record.texts}
    by_text: dict[str, list[tuple[int, AnswerPart[list[Box]]]]] = {text_id: [] for text_id in texts}
    for index, grounding in enumerate(record.groundings):
        ref, label = grounding_id(index), clean_label(grounding.phrase)
        boxes = sorted((place.box for place in grounding.boxes), key=_middle)
        if not label or not texts[grounding.text_id]:
            sheet.refuse(task, [ref], "nothing left of the phrase or its text after cleaning")
            continue
        if not boxes:
            sheet.refuse(task, [ref], "the phrase has no box")
            continue
        score = 1.0 if grounding.score is None else grounding.score
        by_text[grounding.text_id].append((grounding.span[0], AnswerPart((ref,), score, label, boxes)))
    for text_id, phrases in by_text.items():
        parts = [part for _, part in sorted(phrases, key=lambda pair: pair[0])]
        sheet.teach(
            task,
            parts,
            lambda some: phrases_target([(p.label, p.place) for p in some], *frame),
            given=texts[text_id],
            about=(text_id,),
        )


def _one_by_one(task: Task, parts: Sequence[AnswerPart[Region]], record: Record, sheet: LessonSheet) -> None:
    """A question per region, whose answer is its label."""
    for part in sheet.best(task, parts):
        sheet.teach(task, [part], _label, given=locations(quantize(part.place.box, record.width, record.height)))


def _labelled(task: Task, record: Record, sheet: LessonSheet) -> list[AnswerPart[Region]]:
    """Objects from left to right, under the name that the task asks for."""
    by_category = task in ("<OD>", "<OPEN_VOCABULARY_DETECTION>", "<REGION_TO_CATEGORY>")
    parts = []
    for region in _objects_of(record):
        text = category(region) if by_category else description(region)
        if text is None:
            sheet.refuse(task, [region.id], "no candidate of kind phrase")
        elif label := clean_label(text):
            parts.append(AnswerPart((region.id,), region.score, label, region))
        else:
            sheet.refuse(task, [region.id], f"nothing left of the label {text!r} after cleaning")
    return parts


def _objects_of(record: Record) -> list[Region]:
    return sorted(_of_kind(record, "object"), key=lambda region: _middle(region.box))


def _of_kind(record: Record, kind: str) -> list[Region]:
    return [region for region in record.regions if region.kind == kind]


def _label(parts: Sequence[AnswerPart[object]]) -> str:
    return "".join(part.label for part in parts)


def _middle(box: Box) -> float:
    return box[0] + box[2]


def _from_top(region: Region) -> tuple[float, float]:
    return region.box[1] + region.box[3], region.box[0]


def _quad(region: Region) -> Quad:
    """Its corners clockwise from the top left; those of the box where it has no quad."""
    return region.quad or box_quad(region.box)
