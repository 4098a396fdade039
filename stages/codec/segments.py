"""The two tasks whose answers are outlines: of a region, and of all that an expression refers to."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from shards.finding import Box, Polygons
from shards.record import GroundedBox, Record, Region
from specialists.florence2_format import Task, clean_label, locations, polygons_target, quantize
from stages.codec.lesson import AnswerPart, LessonSheet
from stages.codec.outlines import simple_outline
from stages.codec.wording import description, grounding_id

Outline = list[list[int]]

NO_POLYGONS = "not all of its places have polygons"
NO_OUTLINE = "a place has no outline with an area and so few corners"


def region_masks(record: Record, sheet: LessonSheet) -> None:
    """<REGION_TO_SEGMENTATION>: a question per object that has polygons."""
    task: Task = "<REGION_TO_SEGMENTATION>"
    parts = []
    for region in record.regions:
        if region.kind != "object":
            continue
        outline = _outline(region.polygons, record, sheet)
        if outline:
            parts.append(AnswerPart((region.id,), region.score, locations(_bins(region.box, record)), [outline]))
        else:
            sheet.refuse(task, [region.id], NO_OUTLINE if region.polygons else NO_POLYGONS)
    for part in sheet.best(task, parts):
        sheet.teach(task, [part], _written, given=part.label)


@dataclass(eq=False)
class _Expression:
    """What one expression refers to: the places by region or, without one, by box."""

    words: str
    refs: list[str] = field(default_factory=list)
    places: dict[str | Box, tuple[Box, Polygons | None]] = field(default_factory=dict)
    score: float = 0.0

    def add(self, ref: str, key: str | Box, box: Box, polygons: Polygons | None, score: float | None) -> None:
        self.refs.append(ref)
        self.score = max(self.score, 1.0 if score is None else score)
        if polygons or key not in self.places:
            self.places[key] = (box, polygons)


def referred_masks(record: Record, sheet: LessonSheet) -> None:
    """<REFERRING_EXPRESSION_SEGMENTATION>: a question per different expression, answered with all its places, from
    left to right; where one has no polygons or the answer is too long, the whole expression is refused."""
    task: Task = "<REFERRING_EXPRESSION_SEGMENTATION>"
    parts = []
    for expression in _expressions(record, sheet):
        refs = tuple(dict.fromkeys(expression.refs))
        places = sorted(expression.places.values(), key=lambda place: place[0][0] + place[0][2])
        outlines = [_outline(polygons, record, sheet) for _, polygons in places]
        if all(outlines):
            parts.append(AnswerPart(refs, expression.score, expression.words, outlines))
        else:
            sheet.refuse(task, refs, NO_OUTLINE if all(polygons for _, polygons in places) else NO_POLYGONS)
    for part in sheet.best(task, parts):
        sheet.teach(task, [part], _written, given=part.label)


def _expressions(record: Record, sheet: LessonSheet) -> list[_Expression]:
    """Phrases in the order of the groundings, then descriptions of objects; "A dog" and "a dog" are one."""
    task: Task = "<REFERRING_EXPRESSION_SEGMENTATION>"
    polygons = {region.id: region.polygons for region in record.regions}
    expressions: dict[str, _Expression] = {}

    def mention(text: str, ref: str, places: Sequence[GroundedBox | Region]) -> None:
        label = clean_label(text)
        if not label or not places:
            sheet.refuse(task, [ref], "it has no place" if label else "nothing left of the text after cleaning")
            return
        for place in places:
            key = place.id if isinstance(place, Region) else place.region_id
            outline = place.polygons or (polygons.get(key) if key else None)
            expressions.setdefault(label.lower(), _Expression(label)).add(
                ref, key or place.box, place.box, outline, place.score
            )

    for index, grounding in enumerate(record.groundings):
        mention(grounding.phrase, grounding_id(index), grounding.boxes)
    for region in record.regions:
        if region.kind == "object":
            mention(description(region), region.id, [region])
    return list(expressions.values())


def _outline(polygons: Polygons | None, record: Record, sheet: LessonSheet) -> Outline:
    return simple_outline(polygons or [], record.width, record.height, sheet.settings.max_polygon_points)


def _bins(box: Box, record: Record) -> list[int]:
    return quantize(box, record.width, record.height)


def _written(parts: Sequence[AnswerPart[list[Outline]]]) -> str:
    """The outlines are in bins already, whose frame is 1000 x 1000."""
    instances: list[Polygons] = [
        [[float(b) for b in ring] for ring in outline] for part in parts for outline in part.place
    ]
    return polygons_target(instances, 1000, 1000)
