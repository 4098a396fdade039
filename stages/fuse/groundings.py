"""Grounded phrases of the kept texts.

Comes in: `phrase` statements. First `keep_phrases` judges each alone (is its text kept, do its span and box hold, the
phrase filters), so that the survivors can vote for regions. Then `build_groundings` gathers those of one span and
ties their boxes to regions:

    grounder/0  "a dog" (0, 5)  box on region r0   ->  Grounding t0 (0, 5) "a dog", boxes: r0
    grounder/1  "it"                               ->  dropped by the black-list

A phrase in several places is one grounding with several boxes; two grounders' boxes of the same place are one box,
the better one.
"""

from dataclasses import dataclass, field

from filters.phrase import PhraseSettings, judge_phrase

from filters.verdict import KEPT, Verdict, dropped
from shards.finding import Box, Span
from shards.record import GroundedBox, Grounding, Region, Text
from stages.fuse.candidates import choose_mask
from stages.fuse.geometry import iou
from stages.fuse.ledger import Ledger, Statement
from stages.fuse.settings import FuseSettings

_NO_TEXT = dropped("fuse.no_target")
_TEXT_DROPPED = dropped("fuse.text_dropped")
_SPAN = dropped("fuse.span_mismatch")
_NOWHERE = dropped("fuse.not_found")
_NO_AREA = dropped("fuse.no_area")
_DUPLICATE_BOX = dropped("fuse.duplicate_box")


@dataclass(eq=False)
class _Places:
    """What was said about one span of one text."""

    text: Text
    statements: list[Statement] = field(default_factory=list)


def keep_phrases(
    stated: list[Statement],
    texts: dict[str, Text],
    size_wh: tuple[int, int],
    fuse: FuseSettings,
    filters: PhraseSettings,
    ledger: Ledger,
) -> list[Statement]:
    """The statements that hold and pass the filters; the ledger hears of the others. `texts`: kept, by reference."""
    kept = []
    for each in stated:
        verdict = _judged(each, texts, size_wh, fuse, filters, ledger)
        if verdict.kept:
            kept.append(each)
        else:
            ledger.drop(each, verdict)
    return kept


def build_groundings(
    phrases: list[Statement],
    texts: dict[str, Text],
    regions: list[Region],
    about: dict[str, list[Statement]],
    fuse: FuseSettings,
    ledger: Ledger,
) -> tuple[list[Grounding], dict[str, list[Statement]]]:
    """Groundings in the order of texts and spans, and the late votes: region id -> statements that lie on it."""
    places: dict[tuple[str, Span], _Places] = {}
    for each in phrases:
        text = texts[each.finding.about]
        places.setdefault((text.id, _span(each)), _Places(text)).statements.append(each)
    order = {text.id: index for index, text in enumerate(texts.values())}
    groundings: list[Grounding] = []
    votes: dict[str, list[Statement]] = {}
    for (text_id, span), place in sorted(places.items(), key=lambda entry: (order[entry[0][0]], entry[0][1])):
        boxes = []
        for each in _distinct(place.statements, fuse, ledger):
            box = _grounded(each, regions, about, fuse, ledger, f"g{len(groundings)}")
            boxes.append(box)
            if box.region_id is not None:
                votes.setdefault(box.region_id, []).append(each)
        scores = [each.finding.phrase_score for each in place.statements if each.finding.phrase_score is not None]
        phrase = place.text.text[span[0] : span[1]]
        groundings.append(Grounding(text_id, span, phrase, max(scores, default=None), boxes))
    return groundings, votes


def _judged(
    each: Statement,
    texts: dict[str, Text],
    size_wh: tuple[int, int],
    fuse: FuseSettings,
    filters: PhraseSettings,
    ledger: Ledger,
) -> Verdict:
    finding = each.finding
    text = texts.get(finding.about)
    if text is None:
        return _TEXT_DROPPED if ledger.knows(finding.about) else _NO_TEXT
    start, end = _span(each)
    if not finding.text or text.text[start:end] != finding.text:
        return _SPAN
    if finding.box is None:
        return _NOWHERE
    if each.box is None:
        return _NO_AREA
    if each.given and fuse.given == "keep":
        return KEPT
    return judge_phrase(finding.text, finding.phrase_score, each.box, finding.score, *size_wh, filters)


def _distinct(stated: list[Statement], fuse: FuseSettings, ledger: Ledger) -> list[Statement]:
    """The best of every place: a human's box first, then the highest score."""
    chosen: list[Statement] = []
    for each in sorted(stated, key=lambda each: (not each.given, -(each.finding.score or 0.0))):
        if any(iou(_box(each), _box(other)) >= fuse.phrase_box_iou for other in chosen):
            ledger.drop(each, _DUPLICATE_BOX)
        else:
            chosen.append(each)
    return chosen


def _grounded(
    each: Statement,
    regions: list[Region],
    about: dict[str, list[Statement]],
    fuse: FuseSettings,
    ledger: Ledger,
    id: str,
) -> GroundedBox:
    overlaps = [(iou(_box(each), region.box), region.id) for region in regions if region.kind == "object"]
    best, region_id = max(overlaps, key=lambda entry: entry[0], default=(0.0, ""))
    unused: list[tuple[Statement, Verdict]] = []
    mask = choose_mask([other for other in about.get(each.source.ref, []) if other.finding.kind == "mask"], unused)
    for other, verdict in unused:
        ledger.drop(other, verdict)
    if mask is not None:
        ledger.keep(mask, id)
    ledger.keep(each, id)
    polygons = each.finding.polygons if mask is None else mask.finding.polygons
    linked = region_id if best >= fuse.link_iou else None
    return GroundedBox(_box(each), each.finding.score, each.source, linked, polygons)


def _box(statement: Statement) -> Box:
    if statement.box is None:
        raise ValueError(f"{statement.source.ref} has no box: keep_phrases lets none without pass")
    return statement.box


def _span(statement: Statement) -> Span:
    return statement.finding.span or (0, 0)
