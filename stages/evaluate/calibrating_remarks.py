"""What is said about texts and boxes, beside gold: which phrases point right, which masks fill the thing.

Comes in: what annotators said of images with gold. Goes out: every statement with whether it was right, by voice, and
every sighting likewise; from both a calibration is learned (stages/calibrate/learned.py).

    phrase   right: an object that it names lies there (IoU 0.5); one that names nothing gold has a label for, anywhere,
             is not judged: gold of 80 labels says nothing about "the grass"
    mask     right: IoU 0.5 with the mask of the gold object on which its box lies; on none it is not judged, since that
             is the box's mistake
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from filters.nouns import names
from shards.finding import Detection, Finding, Mask, PhraseGrounding
from shards.geometry import iou_matrix
from shards.record import Record, Region
from stages.calibrate.consensus import Sighting
from stages.calibrate.learned import LabelledSighting, Stated
from stages.evaluate.boxes import objects
from stages.evaluate.masks import polygon_iou
from stages.evaluate.match import MATCH_IOU, compared_label, is_counted, shares_inside
from stages.fuse.ledger import Statement, of_type
from stages.fuse.phrases import PhraseStatement, phrase_sightings
from stages.fuse.settings import FuseSettings


class Spoken(NamedTuple):
    """One image: what was said of it, its gold (None: none), and its half, 0 or 1."""

    stated: Sequence[Statement[Finding]]
    gold: Record | None = None
    fold: int = 0


class JudgedRemarks(NamedTuple):
    """stated: voice -> its statements; sightings: of the same things, all voices together."""

    stated: dict[str, list[Stated]]
    sightings: list[LabelledSighting]

    def add(self, sighting: Sighting, right: bool, fold: int) -> None:
        """One thing that was judged."""
        self.sightings.append(LabelledSighting(sighting, right, fold))
        for voice, score in sighting.scores.items():
            self.stated.setdefault(voice, []).append(Stated(sighting.label, score, right, fold))


def judged_phrases(images: Sequence[Spoken], settings: FuseSettings) -> JudgedRemarks:
    """The phrases with a box, except those of people whom the settings protect."""
    found = JudgedRemarks({}, [])
    golden = [region for image in images if image.gold is not None for region in objects(image.gold)]
    known = sorted({compared_label(region) for region in golden})
    for image in images:
        phrases = [
            phrase
            for phrase in of_type(image.stated, PhraseGrounding)
            if phrase.box is not None and _is_scored(phrase) and not (phrase.given and settings.given == "keep")
        ]
        witnesses = [each for each in of_type(image.stated, Detection) if _is_scored(each)]
        seen = phrase_sightings(phrases, witnesses, settings)
        for phrase, sighting in zip(phrases, seen, strict=True):
            right = None if image.gold is None else _is_pointing_right(phrase, image.gold, known)
            if right is not None:
                found.add(sighting, right, image.fold)
    return found


def judged_masks(images: Sequence[Spoken]) -> JudgedRemarks:
    """The masks that are not empty, of boxes that lie on a gold object with a mask."""
    found = JudgedRemarks({}, [])
    for image in images:
        if image.gold is None:
            continue
        filled = [region for region in objects(image.gold) if region.polygons and is_counted(region)]
        by_ref = {statement.source.ref: statement for statement in image.stated}
        for mask in of_type(image.stated, Mask):
            thing = _below(mask, by_ref, filled)
            if thing is not None and _is_scored(mask):
                overlap = polygon_iou(mask.finding.polygons, thing.polygons or [], image.gold.width, image.gold.height)
                sighting = Sighting("", {mask.source.annotator: mask.finding.score})
                found.add(sighting, overlap >= MATCH_IOU, image.fold)
    return found


def _is_pointing_right(phrase: PhraseStatement, gold: Record, known: Sequence[str]) -> bool | None:
    """None: it cannot be said."""
    if phrase.box is None or not any(names(phrase.finding.text, label) for label in known):
        return None
    named = [region for region in objects(gold) if names(phrase.finding.text, compared_label(region))]
    things = [region.box for region in named if is_counted(region)]
    if things and iou_matrix([phrase.box], things).max() >= MATCH_IOU:
        return True
    areas = [region.box for region in named if not is_counted(region)]
    if areas and shares_inside([phrase.box], areas).max() >= MATCH_IOU:
        return None
    return False


def _below(mask: Statement[Mask], by_ref: Mapping[str, Statement[Finding]], things: Sequence[Region]) -> Region | None:
    """The gold object on which the box of a mask lies."""
    target = by_ref.get(mask.finding.about)
    if target is None or target.box is None or not mask.finding.polygons or not things:
        return None
    overlaps = iou_matrix([target.box], [thing.box for thing in things])[0]
    best = int(overlaps.argmax())
    return things[best] if overlaps[best] >= MATCH_IOU else None


def _is_scored(statement: Statement[Finding]) -> bool:
    score = statement.finding.score
    return score is None or 0.0 <= score <= 1.0
