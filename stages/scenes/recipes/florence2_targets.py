"""Questions and answers about a scene, as florence2-nano is taught them: gold record -> (prompt, target) per task."""

from typing import NamedTuple

from shards.record import Record
from specialists.florence2_format import (
    CAPTION_TASKS,
    Task,
    phrases_target,
    prompt,
    proposals_target,
    regions_target,
)


class Lesson(NamedTuple):
    """One question and its answer, both as text."""

    task: Task
    prompt: str
    target: str


def lessons(record: Record) -> list[Lesson]:
    """All that can be asked about a scene. A scene without objects teaches captions only."""
    found = [Lesson(task, prompt(task), _text(record, granularity)) for granularity, task in CAPTION_TASKS.items()]
    things = sorted((r for r in record.regions if r.kind == "object"), key=lambda r: r.box[0] + r.box[2])
    if not things:
        return found
    frame = (record.width, record.height)
    labels = [(region.candidates[0].text, region.box) for region in things]
    phrases = [(region.candidates[1].text, region.box) for region in things]
    found += [
        Lesson("<OD>", prompt("<OD>"), regions_target(labels, *frame)),
        Lesson("<DENSE_REGION_CAPTION>", prompt("<DENSE_REGION_CAPTION>"), regions_target(phrases, *frame)),
        Lesson("<REGION_PROPOSAL>", prompt("<REGION_PROPOSAL>"), proposals_target([r.box for r in things], *frame)),
    ]
    return found + [_grounding(record, text_id, text) for text_id, text in ((t.id, t.text) for t in record.texts)]


def _text(record: Record, granularity: str) -> str:
    return next(text.text for text in record.texts if text.granularity == granularity)


def _grounding(record: Record, text_id: str, text: str) -> Lesson:
    """Phrases in the order of the text; the boxes of one phrase from left to right."""
    phrases = [
        (grounding.phrase, sorted((place.box for place in grounding.boxes), key=lambda box: box[0] + box[2]))
        for grounding in record.groundings
        if grounding.text_id == text_id
    ]
    target = phrases_target(phrases, record.width, record.height)
    return Lesson("<CAPTION_TO_PHRASE_GROUNDING>", prompt("<CAPTION_TO_PHRASE_GROUNDING>", text), target)
