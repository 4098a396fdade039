"""Who said what, and what the rules dropped, with examples: from the index of a round.

Comes in: an open round. Goes out: a `FilterSummary`; of every type and rule how many findings, and three of them, taken
by the hash of their image's key, so that everybody sees the same three. One shard is in memory at a time.
"""

from collections import Counter
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from shards.lookup import key_hash
from shards.reader import Round
from shards.rounds import OF_IMAGES, read_index

EXAMPLES = 3
_COLUMNS = ["key", "type", "source", "fingerprint", "ref", "text", "score", "box", "kept", "rule", "value", "threshold"]
_GROUP = ["type", "source", "fingerprint", "kept"]


class AnnotatorSummary(msgspec.Struct, frozen=True):
    """How much of what an annotator said was kept. fingerprint: of its raw column."""

    source: str
    fingerprint: str
    type: str
    kept: int
    dropped: int


class RuleSummary(msgspec.Struct, frozen=True):
    """One rule of one type. examples: rows of the index, at most one per image."""

    type: str
    rule: str
    count: int
    examples: list[dict[str, Any]]


class FilterSummary(msgspec.Struct, frozen=True):
    """said: by annotator and type; drops: the most frequent first, images among them; incomplete: kept images on which
    an annotator failed."""

    said: list[AnnotatorSummary]
    drops: list[RuleSummary]
    incomplete: int = 0


def summarize_filters(round_: Round) -> FilterSummary:
    """The summary of a round."""
    said: Counter[tuple[str, str, str, bool]] = Counter()
    drops: Counter[tuple[str, str]] = Counter()
    nearest: dict[tuple[str, str], list[tuple[int, dict[str, Any]]]] = {}
    incomplete = 0
    for shard in round_.shards():
        index = read_index(round_.store, round_.number, shard, _COLUMNS)
        for row in index.group_by(_GROUP).aggregate([([], "count_all")]).to_pylist():
            if row["type"] not in OF_IMAGES:
                said[row["type"], row["source"], row["fingerprint"], row["kept"]] += row["count_all"]
        is_drop = pc.and_(pc.invert(index["kept"]), pc.not_equal(index["type"], "missing"))
        incomplete += pc.sum(pc.equal(index["type"], "missing")).as_py() or 0
        lost = index.filter(is_drop)
        for row in lost.group_by(["type", "rule"]).aggregate([([], "count_all")]).to_pylist():
            group = row["type"], row["rule"]
            drops[group] += row["count_all"]
            both = [*nearest.get(group, []), *_examples(lost, *group)]
            nearest[group] = sorted(both, key=lambda each: each[0])[:EXAMPLES]
    sources = sorted({key[:3] for key in said}, key=lambda key: (key[1], key[0], key[2]))
    return FilterSummary(
        [AnnotatorSummary(source, made, type_, said[type_, source, made, True], said[type_, source, made, False])
         for type_, source, made in sources],
        [RuleSummary(type_, rule, count, [row for _, row in nearest[type_, rule]])
         for (type_, rule), count in sorted(drops.items(), key=lambda each: (-each[1], each[0]))],
        incomplete,
    )  # fmt: skip


def _examples(lost: pa.Table, type_: str, rule: str) -> list[tuple[int, dict[str, Any]]]:
    """The first finding of each of the images that come first by their hash."""
    mine = lost.filter(pc.and_(pc.equal(lost["type"], type_), pc.equal(lost["rule"], rule)))
    first = sorted((key_hash(key), key) for key in pc.unique(mine["key"]).to_pylist())[:EXAMPLES]
    return [(order, mine.slice(pc.index(mine["key"], key).as_py(), 1).to_pylist()[0]) for order, key in first]
