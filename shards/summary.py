"""One row per image of a round's shard: what a person looks for and sorts by, and where the image is.

    rounds/00/summary/000000.parquet     rows in the order of the shard, for every image, whatever became of it:

    key, shard string        the image                     first_row, last_row int32   its rows of the index, inclusive
    shuffle uint32           of the key: an order that     texts, objects, words, phrases, masks int32
                             is random, equal for all                             how many the record holds
    status string            kept | dropped | failed       dropped_texts, dropped_regions, dropped_phrases,
    rule, reason string      why not kept, else ""         dropped_candidates, dropped_masks int32
    uri string                                                                    findings that a rule dropped
    width, height int32      px of the oriented image      score_min, score_mean float32   of its regions
    ext string, offset, size, record_offset,               fewest_votes int32     annotators behind the region that
    record_size int64, record_crc32 uint32                                        has the fewest; null: no region
                             its place in the tar          caption string         its first brief text, else its first
    labels list<string>      of its objects                read string            what is written in it, line by line
    annotators list<string>  whose findings were kept      brief_words, detailed_words, more_detailed_words int32
    rules list<string>       that dropped a finding                               of the longest text of each size

Columns about the record are null for an image that has none. Everything follows from the index and the records, so that
a round of an older release gets the same table later (`shards/summaries.py`).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shards import table
from shards.commit import RuleCounts
from shards.lookup import key_hash
from shards.record import Record, Region

VERSION = 1
LONGEST = 500
"""Characters of a caption or of all words that are kept: for search and for a line under a picture."""
_DROPPED = {
    "text": "dropped_texts",
    "region": "dropped_regions",
    "phrase": "dropped_phrases",
    "candidate": "dropped_candidates",
    "mask": "dropped_masks",
}
_PLACE = ("ext", "offset", "size", "record_offset", "record_size", "record_crc32")
SCHEMA = table.versioned(
    "summary",
    VERSION,
    [
        ("key", pa.string()),
        ("shard", pa.string()),
        ("shuffle", pa.uint32()),
        ("status", pa.string()),
        ("rule", pa.string()),
        ("reason", pa.string()),
        ("uri", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("ext", pa.string()),
        *((name, pa.int64()) for name in _PLACE[1:-1]),
        ("record_crc32", pa.uint32()),
        ("first_row", pa.int32()),
        ("last_row", pa.int32()),
        *((name, pa.int32()) for name in ("texts", "objects", "words", "phrases", "masks")),
        *((name, pa.int32()) for name in _DROPPED.values()),
        ("score_min", pa.float32()),
        ("score_mean", pa.float32()),
        ("fewest_votes", pa.int32()),
        ("caption", pa.string()),
        ("read", pa.string()),
        *((f"{size}_words", pa.int32()) for size in ("brief", "detailed", "more_detailed")),
        ("labels", pa.list_(pa.string())),
        ("annotators", pa.list_(pa.string())),
        ("rules", pa.list_(pa.string())),
    ],
)


class RecordFacts(msgspec.Struct, frozen=True):
    """What the summary keeps of one record, field by field a column."""

    uri: str
    width: int
    height: int
    texts: int
    objects: int
    words: int
    phrases: int
    masks: int
    score_min: float | None
    score_mean: float | None
    fewest_votes: int | None
    caption: str
    read: str
    brief_words: int
    detailed_words: int
    more_detailed_words: int
    labels: list[str]
    annotators: list[str]


def facts_of(record: Record) -> RecordFacts:
    """The facts of one record."""
    objects = [region for region in record.regions if region.kind == "object"]
    written = [region.text for region in record.regions if region.kind == "text"]
    scores = [region.score for region in record.regions]
    caption = next((text.text for text in record.texts if text.granularity == "brief"), None)
    first = record.texts[0].text if record.texts else ""
    behind = [voters(region) for region in record.regions]
    return RecordFacts(
        uri=record.uri,
        width=record.width,
        height=record.height,
        texts=len(record.texts),
        objects=len(objects),
        words=len(written),
        phrases=len(record.groundings),
        masks=sum(bool(region.polygons) for region in record.regions),
        score_min=min(scores, default=None),
        score_mean=sum(scores) / len(scores) if scores else None,
        fewest_votes=min(map(len, behind), default=None),
        caption=(first if caption is None else caption)[:LONGEST],
        read="\n".join(written)[:LONGEST],
        brief_words=_longest(record, "brief"),
        detailed_words=_longest(record, "detailed"),
        more_detailed_words=_longest(record, "more_detailed"),
        labels=sorted({label_of(region) for region in objects}),
        annotators=sorted(_annotators(record).union(*behind)),
    )


def label_of(region: Region) -> str:
    """What an object is called: its phrase, the label that the annotators gave, else its selected text."""
    for candidate in region.candidates:
        if candidate.kind == "phrase":
            return candidate.text
    return region.text


def voters(region: Region) -> set[str]:
    """The annotators that saw it."""
    return {vote.source.annotator for vote in region.votes}


def summary_table(index: pa.Table, facts: Mapping[str, RecordFacts]) -> pa.Table:
    """The summary of one shard. index: its rows with all columns of `shards/rounds.py`; facts: of every kept image."""
    images = index.filter(pc.equal(index["type"], "image"))
    keys = images["key"].to_pylist()
    kept = images["kept"].to_pylist()
    owner = index["key"].combine_chunks().dictionary_encode()
    position = {key: place for place, key in enumerate(keys)}
    owners = np.array([position[key] for key in owner.dictionary.to_pylist()], np.int64)[_codes(owner)]
    columns: dict[str, pa.Array] = {name: images[name].combine_chunks() for name in ("key", "shard", "rule", *_PLACE)}
    columns["reason"] = images["text"].combine_chunks()
    columns["shuffle"] = pa.array([key_hash(key) >> 32 for key in keys], pa.uint32())
    columns["status"] = pa.array(
        ["kept" if good else "failed" if rule == "image.failed" else "dropped"
         for good, rule in zip(kept, images["rule"].to_pylist(), strict=True)],
        pa.string(),
    )  # fmt: skip
    columns |= _rows_of(owners, len(keys)) | _drops(index, owners, len(keys))
    kept_facts = [facts.get(key) if good else None for key, good in zip(keys, kept, strict=True)]
    for name in RecordFacts.__struct_fields__:
        values = [None if fact is None else getattr(fact, name) for fact in kept_facts]
        columns[name] = pa.array(values, SCHEMA.field(name).type)
    return pa.Table.from_arrays([columns[name] for name in SCHEMA.names], schema=SCHEMA)


def encode(index: pa.Table, facts: Mapping[str, RecordFacts]) -> bytes:
    """`summary_table` as parquet bytes."""
    return table.encode(summary_table(index, facts))


def tally_of(types: Iterable[str], rules: Iterable[str]) -> RuleCounts:
    """Type -> outcome -> how many rows of an index; the outcome is the rule, "" of what was kept."""
    counts: RuleCounts = {}
    for (type_, rule), count in sorted(Counter(zip(types, rules, strict=True)).items()):
        counts.setdefault(type_, {})[rule] = count
    return counts


def tally_index(index: pa.Table) -> RuleCounts:
    """`tally_of` the rows of an index with columns `type` and `rule`, without a Python object per row."""
    counted = index.group_by(["type", "rule"]).aggregate([([], "count_all")]).to_pydict()
    counts: RuleCounts = {}
    for type_, rule, count in sorted(zip(counted["type"], counted["rule"], counted["count_all"], strict=True)):
        counts.setdefault(type_, {})[rule] = count
    return counts


def _longest(record: Record, granularity: str) -> int:
    return max((len(text.text.split()) for text in record.texts if text.granularity == granularity), default=0)


def _annotators(record: Record) -> set[str]:
    """Whose texts, candidates and phrases are in the record."""
    names = {text.source.annotator for text in record.texts}
    names |= {candidate.source.annotator for region in record.regions for candidate in region.candidates}
    return names | {box.source.annotator for grounding in record.groundings for box in grounding.boxes}


def _codes(column: pa.DictionaryArray) -> "np.ndarray[Any, np.dtype[np.int64]]":
    codes: np.ndarray[Any, np.dtype[np.int64]] = column.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return codes


def _rows_of(owners: "np.ndarray[Any, np.dtype[np.int64]]", images: int) -> dict[str, pa.Array]:
    """First and last row of each image; every image has at least its own."""
    numbers = np.arange(len(owners), dtype=np.int32)
    first, last = np.zeros(images, np.int32), np.zeros(images, np.int32)
    first[owners[::-1]], last[owners] = numbers[::-1], numbers  # of several the last assignment stays
    return {"first_row": pa.array(first), "last_row": pa.array(last)}


def _drops(index: pa.Table, owners: "np.ndarray[Any, np.dtype[np.int64]]", images: int) -> dict[str, pa.Array]:
    """How many findings of each type were dropped per image, and by which rules."""
    types, rules = (index[name].combine_chunks().dictionary_encode() for name in ("type", "rule"))
    names = types.dictionary.to_pylist()
    lost = ~index["kept"].to_numpy() & (_codes(types) != (names.index("image") if "image" in names else -1))
    columns = {}
    for type_, column in _DROPPED.items():
        mine = owners[lost & (_codes(types) == names.index(type_))] if type_ in names else owners[:0]
        columns[column] = pa.array(np.bincount(mine, minlength=images).astype(np.int32))
    sorted_rules = sorted(rules.dictionary.to_pylist())
    rank = np.array([sorted_rules.index(rule) for rule in rules.dictionary.to_pylist()], np.int64)
    pairs = np.unique(owners[lost] * max(len(sorted_rules), 1) + rank[_codes(rules)][lost])
    columns["rules"] = _lists(pairs // max(len(sorted_rules), 1), pairs % max(len(sorted_rules), 1),
                              sorted_rules, images)  # fmt: skip
    return columns


def _lists(
    owners: "np.ndarray[Any, np.dtype[np.int64]]",
    values: "np.ndarray[Any, np.dtype[np.int64]]",
    names: Sequence[str],
    images: int,
) -> pa.Array:
    ends = np.concatenate([[0], np.bincount(owners, minlength=images).cumsum()]).astype(np.int32)
    flat = pa.array(names, pa.string()).take(pa.array(values)) if len(values) else pa.array([], pa.string())
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), flat)
