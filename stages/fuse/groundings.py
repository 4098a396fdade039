"""Grounded phrases of the kept texts.

Comes in: statements of phrase groundings. First `keep_phrases` judges them (is the text kept, do span and box hold,
the phrase filters), so that the survivors can vote for regions. Then `build_groundings` gathers those of one span and
ties their boxes to regions:

    grounder/0  "a dog" (0, 5)  box on region r0   ->  Grounding t0 (0, 5) "a dog", boxes: r0
    grounder/1  "it"                               ->  dropped by the black-list

A phrase in several places is one grounding with several boxes; two grounders' boxes of one place are one box, the
better one (rule phrase.box_nms).
"""

from filters.phrase import PhraseSettings, judge_phrase, judge_phrase_boxes
from filters.verdict import KEPT, Verdict, dropped
from shards.finding import Box, Mask, PhraseGrounding, Span
from shards.geometry import iou
from shards.grid import BoxGrid
from shards.record import GroundedBox, Grounding, Region, Text
from stages.fuse.candidates import choose_mask
from stages.fuse.ledger import Ledger, Remark, Statement, of_type
from stages.fuse.merge import Merge
from stages.fuse.settings import FuseSettings

_Phrase = Statement[PhraseGrounding]
_NO_TEXT = dropped("fuse.no_target")
_TEXT_DROPPED = dropped("fuse.text_dropped")
_SPAN = dropped("fuse.span_mismatch")
_NOWHERE = dropped("fuse.not_found")
_NO_AREA = dropped("fuse.no_area")


def keep_phrases(
    stated: list[_Phrase],
    texts: dict[str, Text],
    size_wh: tuple[int, int],
    fuse: FuseSettings,
    filters: PhraseSettings,
    merge: Merge,
    ledger: Ledger,
) -> list[_Phrase]:
    """The statements that hold and pass the filters, merged; the ledger hears of the others. `texts`: kept, by
    reference."""
    sound = []
    for statement in stated:
        verdict = _judged(statement, texts, fuse, filters, merge, ledger)
        if verdict.kept:
            sound.append(statement)
        else:
            ledger.drop(statement, verdict)
    kept: set[str] = set()
    sound = merge.merged(sound, "phrases")
    for rivals in _by_phrase(sound).values():
        places = merge.picked(rivals, "phrases")
        for statement, verdict in zip(places, _judge_places(places, size_wh, filters), strict=True):
            if verdict.kept or _is_safe(statement, fuse, merge):
                kept.add(statement.source.ref)
            else:
                ledger.drop(statement, verdict)
    return [statement for statement in sound if statement.source.ref in kept]


def build_groundings(
    phrases: list[_Phrase],
    texts: dict[str, Text],
    regions: list[Region],
    about: dict[str, list[Remark]],
    fuse: FuseSettings,
    merge: Merge,
    ledger: Ledger,
) -> tuple[list[Grounding], dict[str, list[_Phrase]]]:
    """Groundings g0, g1, ... in the order of texts and spans, and the late votes: region id -> statements on it."""
    order = {ref: index for index, ref in enumerate(texts)}
    places_of = _Regions(regions, fuse)
    groundings: list[Grounding] = []
    votes: dict[str, list[_Phrase]] = {}
    places = sorted(_by_phrase(phrases).items(), key=lambda entry: (order[entry[0][0]], entry[0][1]))
    for (ref, span), stated in places:
        boxes = [_grounded(statement, places_of, about, ledger, f"g{len(groundings)}") for statement in _ranked(stated)]
        for statement, box in zip(_ranked(stated), boxes, strict=True):
            if box.region_id is not None:
                votes.setdefault(box.region_id, []).append(statement)
        scores = [statement.finding.phrase_score for statement in stated if statement.finding.phrase_score is not None]
        phrase = stated[0].finding.text
        best = max(scores, default=None)
        groundings.append(Grounding(texts[ref].id, span, phrase, best, boxes, merge.recorded("phrases")))
    return groundings, votes


def _judged(
    statement: _Phrase,
    texts: dict[str, Text],
    fuse: FuseSettings,
    filters: PhraseSettings,
    merge: Merge,
    ledger: Ledger,
) -> Verdict:
    finding = statement.finding
    text = texts.get(finding.about)
    if text is None:
        return _TEXT_DROPPED if ledger.knows(finding.about) else _NO_TEXT
    start, end = statement.finding.span
    if not finding.text or text.text[start:end] != finding.text:
        return _SPAN
    if statement.box is None:
        return _NO_AREA if finding.box else _NOWHERE
    return KEPT if _is_safe(statement, fuse, merge) else judge_phrase(finding.text, finding.phrase_score, filters)


def _judge_places(places: list[_Phrase], size_wh: tuple[int, int], filters: PhraseSettings) -> list[Verdict]:
    return judge_phrase_boxes(
        [_box(place) for place in places], [place.finding.score for place in places], *size_wh, filters
    )


def _is_safe(statement: _Phrase, fuse: FuseSettings, merge: Merge) -> bool:
    """A human's, which the settings let pass, or accepted by a person."""
    return merge.is_sure(statement) or (statement.given and fuse.given == "keep")


def _by_phrase(stated: list[_Phrase]) -> dict[tuple[str, Span], list[_Phrase]]:
    phrases: dict[tuple[str, Span], list[_Phrase]] = {}
    for statement in stated:
        phrases.setdefault((statement.finding.about, statement.finding.span), []).append(statement)
    return phrases


def _ranked(stated: list[_Phrase]) -> list[_Phrase]:
    """A human's first, then by falling box score."""
    return sorted(stated, key=lambda statement: (not statement.given, -(statement.finding.score or 0.0)))


def _grounded(
    statement: _Phrase,
    regions: "_Regions",
    about: dict[str, list[Remark]],
    ledger: Ledger,
    id: str,
) -> GroundedBox:
    region = regions.below(_box(statement))
    unused: list[tuple[Remark, Verdict]] = []
    mask = choose_mask(of_type(about.get(statement.source.ref, []), Mask), unused)
    for other, verdict in unused:
        ledger.drop(other, verdict)
    if mask is not None:
        ledger.keep(mask, id)
    ledger.keep(statement, id)
    polygons = None if mask is None else mask.finding.polygons
    if polygons is None and region is not None:
        polygons = region.polygons  # the segmenter draws only one of two boxes that are nearly equal
    return GroundedBox(
        _box(statement), statement.finding.score, statement.source, None if region is None else region.id, polygons
    )


class _Regions:
    """The object regions of an image, by place."""

    def __init__(self, regions: list[Region], fuse: FuseSettings) -> None:
        self._regions = [region for region in regions if region.kind == "object"]
        self._least = fuse.link_iou
        self._grid = BoxGrid(self._least)
        for number, region in enumerate(self._regions):
            self._grid.add(number, region.box)

    def below(self, box: Box) -> Region | None:
        """The region on which a box lies; of several the one it overlaps most."""
        near = [self._regions[number] for number in self._grid.near(box)]
        best, region = max(((iou(box, each.box), each) for each in near), key=lambda entry: entry[0], default=(0, None))
        return region if best >= self._least else None


def _box(statement: _Phrase) -> Box:
    if statement.box is None:
        raise ValueError(f"{statement.source.ref} has no box: keep_phrases lets none without pass")
    return statement.box
