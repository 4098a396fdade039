"""The user's own filters, applied to what all other rules kept.

Comes in: the records of a shard and their index rows. Goes out: the same, without what `filters.custom` drops. What
hangs on a dropped annotation goes with it, and its rows say so:

    text t0          its phrases (fuse.text_dropped)
    region r1        its texts and masks (fuse.target_dropped); phrases on it stay, tied to no region
    phrase g2        its masks, and its late vote for a region
    image            everything

Groundings have no id but their place, so those behind a dropped one move up, in the rows too.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from filters.custom import Case, CustomFilter, judge_cases, judged_in
from filters.verdict import KEPT, Verdict, dropped
from shards.record import Record
from shards.rounds import IndexRow

_TEXT_DROPPED = dropped("fuse.text_dropped")
_TARGET_DROPPED = dropped("fuse.target_dropped")


class JudgedRecord(NamedTuple):
    """A record and the rows of its findings; verdict: on the image."""

    record: Record
    rows: list[IndexRow]
    verdict: Verdict = KEPT


def apply_custom(judged: Sequence[JudgedRecord], custom: Sequence[CustomFilter]) -> list[JudgedRecord]:
    """One after the other, each on all images at once; same order. Raises CustomError."""
    results = list(judged)
    for settings in custom:
        named = [judged_in(result.record, settings.on) if result.verdict.kept else [] for result in results]
        cases = [
            Case(result.record, annotation)
            for result, some in zip(results, named, strict=True)
            for _, annotation in some
        ]
        verdicts = iter(judge_cases(settings, cases))
        for place, some in enumerate(named):
            gone = {id: verdict for (id, _), verdict in zip(some, verdicts, strict=False) if not verdict.kept}
            if gone:
                results[place] = _REMOVE[settings.on](results[place], gone)
    return results


def _without_image(judged: JudgedRecord, gone: Mapping[str, Verdict]) -> JudgedRecord:
    verdict = gone[""]
    return JudgedRecord(judged.record, [_drop(row, verdict) if row.kept else row for row in judged.rows], verdict)


def _without_texts(judged: JudgedRecord, gone: Mapping[str, Verdict]) -> JudgedRecord:
    record = judged.record
    phrases = {
        f"g{place}": _TEXT_DROPPED for place, grounding in enumerate(record.groundings) if grounding.text_id in gone
    }
    left = _without_phrases(judged, phrases)
    texts = [text for text in record.texts if text.id not in gone]
    return JudgedRecord(replace(left.record, texts=texts), _rows(left.rows, gone, "text"))


def _without_regions(judged: JudgedRecord, gone: Mapping[str, Verdict]) -> JudgedRecord:
    record = judged.record
    groundings = [
        replace(
            grounding, boxes=[replace(box, region_id=None) if box.region_id in gone else box for box in grounding.boxes]
        )
        for grounding in record.groundings
    ]
    regions = [region for region in record.regions if region.id not in gone]
    return JudgedRecord(replace(record, regions=regions, groundings=groundings), _rows(judged.rows, gone, "region"))


def _without_phrases(judged: JudgedRecord, gone: Mapping[str, Verdict]) -> JudgedRecord:
    record = judged.record
    voters = {row.ref for row in judged.rows if row.id in gone and row.type == "phrase"}
    regions = [
        replace(region, votes=[vote for vote in region.votes if vote.source.ref not in voters])
        for region in record.regions
    ]
    left = [place for place in range(len(record.groundings)) if f"g{place}" not in gone]
    moved = {f"g{old}": f"g{new}" for new, old in enumerate(left)}
    rows = [replace(row, id=moved[row.id]) if row.id in moved else row for row in _rows(judged.rows, gone, "phrase")]
    groundings = [record.groundings[place] for place in left]
    return JudgedRecord(replace(record, regions=regions, groundings=groundings), rows)


_REMOVE: Mapping[str, Callable[[JudgedRecord, Mapping[str, Verdict]], JudgedRecord]] = {
    "image": _without_image,
    "text": _without_texts,
    "region": _without_regions,
    "ocr": _without_regions,
    "phrase": _without_phrases,
}


def _rows(rows: Sequence[IndexRow], gone: Mapping[str, Verdict], type_: str) -> list[IndexRow]:
    """Rows of type `type_` get the verdict on the annotation that they are in, others go with it."""
    return [
        _drop(row, gone[row.id] if row.type == type_ else _TARGET_DROPPED) if row.kept and row.id in gone else row
        for row in rows
    ]


def _drop(row: IndexRow, verdict: Verdict) -> IndexRow:
    return replace(row, id="", kept=False, rule=verdict.rule, value=verdict.value, threshold=verdict.threshold)
