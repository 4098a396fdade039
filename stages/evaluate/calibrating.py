"""What annotators said of many images becomes a calibration: by agreement, or from gold.

    calibrated_by_agreement(images, settings, voices)     a `Consensus` of kind "object", or the reason for none
    calibrated_by_gold(images, settings, kind)            one of kind "object", "ocr", "phrase" or "mask", likewise

Both make the clusters that a round makes of the same statements (`stages/fuse`), so that a sighting here is what a
round will ask the probability of. From gold, doubles that the round's NMS will drop are left out: counted as mistakes,
they made all that a detector with many doubles says look improbable (blood cells, `nms_iou` 0.5: boxes that were given
0.05 to 0.1 were right in half of the cases; F1 of the round 0.805, without them 0.861). Phrases and masks are in
calibrating_remarks.py.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np

from filters.nms import suppress
from shards.finding import GIVEN, Box, Detection, OcrLine
from shards.folding import normalised
from shards.geometry import iou_matrix
from shards.record import Region
from stages.calibrate.agreement import agreed
from stages.calibrate.consensus import Consensus, Sighting
from stages.calibrate.learned import LabelledSighting, Stated, learned, voices_of
from stages.calibrate.voice import Voice
from stages.evaluate.calibrating_remarks import Spoken, judged_masks, judged_phrases
from stages.evaluate.match import MATCH_IOU, compared_label, is_counted, shares_inside
from stages.fuse.boxes import Cluster, compared
from stages.fuse.ledger import Boxed, of_type
from stages.fuse.settings import FuseSettings
from stages.fuse.sightings import is_sound, seen, sightings
from stages.fuse.words import fuse_words

BoxedKind = Literal["object", "ocr"]
CalibratedKind = Literal["object", "ocr", "phrase", "mask"]
KINDS: tuple[CalibratedKind, ...] = ("object", "ocr", "phrase", "mask")


_NOBODY = "nobody said anything of an image with gold"


class Overlaps(NamedTuple):
    """The IoU with a stronger box of the same label, and of any, above which a round drops a box; None: it does not."""

    same_label: float | None
    any_label: float | None


ANY_OVERLAP = Overlaps(None, None)


class _Place(NamedTuple):
    """What is compared with gold."""

    box: Box
    label: str
    rank: float


def calibrated_by_agreement(images: Sequence[Spoken], settings: FuseSettings, voices: Sequence[str]) -> Consensus | str:
    """The consensus of the annotators `voices`. Boxes are fused by their scores first, and again by what these were
    found to be worth."""
    humans = frozenset({GIVEN} & set(voices))
    consensus: Consensus | str = ""
    known: Consensus | None = None
    for _ in range(2):
        observed = [sighting for image in images for sighting in _sightings(image, settings, "object", known)]
        consensus = agreed(observed, voices, humans)
        if isinstance(consensus, str):
            return consensus
        known = consensus
    return consensus


def calibrated_by_gold(
    images: Sequence[Spoken], settings: FuseSettings, kind: CalibratedKind, overlaps: Overlaps = ANY_OVERLAP
) -> Consensus | str:
    """The consensus of all that said something of this kind in images with gold. overlaps: boxes that a stronger one
    will suppress are left out, since nobody will ask what they are worth."""
    if kind in ("object", "ocr"):
        return _of_boxes(images, settings, kind, overlaps)
    stated, judged = judged_phrases(images, settings) if kind == "phrase" else judged_masks(images)
    return learned(judged, voices_of(stated)) if stated else _NOBODY


def _of_boxes(images: Sequence[Spoken], settings: FuseSettings, kind: BoxedKind, overlaps: Overlaps) -> Consensus | str:
    stated: dict[str, list[Stated]] = {}
    for image in images:
        for name, statements in _by_annotator(image, kind).items():
            stated.setdefault(name, []).extend(_judged_statements(statements, image, settings, kind, overlaps))
    if settings.given == "keep":
        stated.pop(GIVEN, None)  # nobody judges them
    voices = voices_of(stated)
    if not voices:
        return _NOBODY
    known = Consensus("learned", voices)
    judged = [sighting for image in images for sighting in _judged_clusters(image, settings, kind, known, overlaps)]
    return learned(judged, voices)


def _by_annotator(image: Spoken, kind: BoxedKind) -> dict[str, list[Boxed]]:
    by_annotator: dict[str, list[Boxed]] = {}
    statements: list[Boxed] = (
        [*of_type(image.stated, Detection)] if kind == "object" else [*of_type(image.stated, OcrLine)]
    )
    for statement in statements:
        if is_sound(statement):
            by_annotator.setdefault(statement.source.annotator, []).append(statement)
    return by_annotator


def _judged_statements(
    statements: Sequence[Boxed], image: Spoken, settings: FuseSettings, kind: BoxedKind, overlaps: Overlaps
) -> list[Stated]:
    places = [
        _Place(statement.box, _label(statement.finding.text, settings, kind), _rank(statement))
        for statement in statements
        if statement.box
    ]
    label = "" if kind == "ocr" else None
    return [
        Stated(place.label if label is None else label, statement.finding.score, iou > 0, image.fold, iou)
        for statement, place, iou, alone in zip(
            statements, places, _outcomes(places, image, settings, kind), _stays(places, overlaps), strict=True
        )
        if iou is not None and alone
    ]


def _judged_clusters(
    image: Spoken, settings: FuseSettings, kind: BoxedKind, known: Consensus, overlaps: Overlaps
) -> list[LabelledSighting]:
    clusters = [cluster for cluster in _clusters(image, settings, kind, known) if not cluster.human]
    seen_things = sightings(clusters, settings, known.voices)
    ranks = [_strongest(sighting, known.voices) for sighting in seen_things]
    places = [
        _Place(cluster.box, _label(cluster.label, settings, kind), rank)
        for cluster, rank in zip(clusters, ranks, strict=True)
    ]
    ious = _outcomes(places, image, settings, kind)
    return [
        LabelledSighting(sighting, iou > 0, image.fold)
        for sighting, iou, alone in zip(seen_things, ious, _stays(places, overlaps), strict=True)
        if iou is not None and alone
    ]


def _stays(places: Sequence[_Place], overlaps: Overlaps) -> list[bool]:
    """Whether no stronger place suppresses it, as the filters of a round will."""
    boxes = np.array([place.box for place in places], dtype=np.float64).reshape(-1, 4)
    ranks = np.array([place.rank for place in places], dtype=np.float64)
    labels = [place.label for place in places]
    return [shadow is None for shadow in suppress(boxes, ranks, labels, *overlaps)]


def _sightings(image: Spoken, settings: FuseSettings, kind: BoxedKind, known: Consensus | None) -> list[Sighting]:
    return sightings(_clusters(image, settings, kind, known), settings, {})


def _clusters(image: Spoken, settings: FuseSettings, kind: BoxedKind, known: Consensus | None) -> list[Cluster]:
    if kind == "object":
        return seen(image.stated, settings, known)
    return fuse_words([line for line in of_type(image.stated, OcrLine) if is_sound(line)], settings, [], known)


def _outcomes(places: Sequence[_Place], image: Spoken, settings: FuseSettings, kind: BoxedKind) -> list[float | None]:
    """Of each, the IoU with the gold region that it is, 0 where it is none. The strongest chooses first, and takes the
    gold region of its label that it overlaps most. None: it lies in a don't-care area (for
    objects: of its label) and counts neither way."""
    gold = [] if image.gold is None else [region for region in image.gold.regions if _is_of(region, kind)]
    counted, areas = (
        [region for region in gold if is_counted(region)],
        [region for region in gold if not is_counted(region)],
    )
    ious: list[float | None] = [*_matched(places, counted, settings, kind)]
    if not areas:
        return ious
    inside = shares_inside([thing.box for thing in places], [thing.box for thing in areas]) >= MATCH_IOU
    if kind == "object":
        labels = [_label(compared_label(area), settings, kind) for area in areas]
        same = [[place.label == label for label in labels] for place in places]
        inside &= np.array(same, dtype=bool).reshape(inside.shape)
    return [None if iou == 0 and is_in.any() else iou for iou, is_in in zip(ious, inside, strict=True)]


def _matched(places: Sequence[_Place], gold: Sequence[Region], settings: FuseSettings, kind: BoxedKind) -> list[float]:
    ious = [0.0] * len(places)
    if not gold:
        return ious
    labels = [_label(compared_label(region), settings, kind) for region in gold]
    overlaps = iou_matrix([thing.box for thing in places], [thing.box for thing in gold])
    for row in sorted(range(len(places)), key=lambda row: -places[row].rank):
        for column, label in enumerate(labels):
            if label != places[row].label:
                overlaps[row, column] = 0.0
        best = int(overlaps[row].argmax())
        if overlaps[row, best] >= MATCH_IOU:
            ious[row] = float(overlaps[row, best])
            overlaps[:, best] = 0.0
    return ious


def _is_of(region: Region, kind: BoxedKind) -> bool:
    return region.kind == ("object" if kind == "object" else "text")


def _label(text: str, settings: FuseSettings, kind: BoxedKind) -> str:
    return compared(text, settings) if kind == "object" else normalised(text)


def _rank(statement: Boxed) -> float:
    return 1.0 if statement.finding.score is None else statement.finding.score


def _strongest(sighting: Sighting, voices: Mapping[str, Voice]) -> float:
    known = [(voices[name], score) for name, score in sighting.scores.items() if name in voices]
    return max((voice.probability(sighting.label, score) for voice, score in known), default=0.0)
