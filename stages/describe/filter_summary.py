"""Who said what, and what the rules dropped, with examples: from the index of a round.

Comes in: an open round. Goes out: a `FilterSummary`; of every type and rule how many findings, and three of them, taken
by the hash of their image's key, so that everybody sees the same three. One shard is in memory at a time.

How many findings each rule dropped stands in the manifests. Who said them, and the examples, are in the index alone: of
a round with more than `INDEX_ROWS` rows some shards are read, evenly spread, and the numbers of annotators scaled up.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from shards.commit import RuleCounts
from shards.lookup import key_hash
from shards.reader import Round
from shards.rounds import OF_IMAGES, read_index
from shards.summaries import read_tally

EXAMPLES = 3
INDEX_ROWS = 5_000_000
"""Rows of the index that are read: some ten seconds of CPU."""
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
    an annotator failed. shards_read: of `shards`, those whose index was read for `said` and for the examples."""

    said: list[AnnotatorSummary]
    drops: list[RuleSummary]
    incomplete: int = 0
    shards_read: int = 0
    shards: int = 0


def summarize_filters(round_: Round, most: int = INDEX_ROWS) -> FilterSummary:
    """The summary of a round. most: rows of the index that are read, in whole shards; one shard is always read."""
    tallies = {name: read_tally(round_.store, round_.number, each) for name, each in round_.manifests.items()}
    totals = _totals(tallies.values())
    names = _sampled(tallies, most)
    said: Counter[tuple[str, str, str, bool]] = Counter()
    nearest: dict[tuple[str, str], list[tuple[int, dict[str, Any]]]] = {}
    for shard in names:
        index = read_index(round_.store, round_.number, shard, _COLUMNS)
        for row in index.group_by(_GROUP).aggregate([([], "count_all")]).to_pylist():
            if row["type"] not in OF_IMAGES:
                said[row["type"], row["source"], row["fingerprint"], row["kept"]] += row["count_all"]
        lost = index.filter(pc.and_(pc.invert(index["kept"]), pc.not_equal(index["type"], "missing")))
        for row in lost.group_by(["type", "rule"]).aggregate([([], "count_all")]).to_pylist():
            group = row["type"], row["rule"]
            both = [*nearest.get(group, []), *_examples(lost, *group)]
            nearest[group] = sorted(both, key=lambda each: each[0])[:EXAMPLES]
    drops = {group: count for group, count in totals.items() if group[1] and group[0] != "missing"}
    return FilterSummary(
        _said(said, _totals(tallies[name] for name in names), totals),
        [RuleSummary(type_, rule, count, [row for _, row in nearest.get((type_, rule), [])])
         for (type_, rule), count in sorted(drops.items(), key=lambda each: (-each[1], each[0]))],
        sum(count for (type_, _), count in totals.items() if type_ == "missing"),
        len(names),
        len(tallies),
    )  # fmt: skip


def _totals(tallies: Iterable[RuleCounts]) -> Counter[tuple[str, str]]:
    """(type, rule, "" of what was kept) -> how many rows."""
    found: Counter[tuple[str, str]] = Counter()
    for tally in tallies:
        found.update({(type_, rule): count for type_, rules in tally.items() for rule, count in rules.items()})
    return found


def _sampled(tallies: Mapping[str, RuleCounts], most: int) -> list[str]:
    """All shards, or as many as hold `most` rows, evenly spread."""
    names = list(tallies)
    rows = sum(_totals(tallies.values()).values())
    count = len(names) if rows <= most else max(1, int(len(names) * most / rows))
    return [names[place * len(names) // count] for place in range(count)]


def _said(
    said: Mapping[tuple[str, str, str, bool], int],
    read: Mapping[tuple[str, str], int],
    totals: Mapping[tuple[str, str], int],
) -> list[AnnotatorSummary]:
    """By annotator and type. The numbers of a sample are scaled to what is known of all: kept and dropped by type."""

    def of(counts: Mapping[tuple[str, str], int], type_: str, is_kept: bool) -> int:
        return sum(count for (other, rule), count in counts.items() if other == type_ and (not rule) == is_kept)

    def scaled(type_: str, source: str, made: str, is_kept: bool) -> int:
        count = said.get((type_, source, made, is_kept), 0)
        return round(count * of(totals, type_, is_kept) / max(1, of(read, type_, is_kept)))

    sources = sorted({key[:3] for key in said}, key=lambda key: (key[1], key[0], key[2]))
    return [
        AnnotatorSummary(source, made, type_, scaled(type_, source, made, True), scaled(type_, source, made, False))
        for type_, source, made in sources
    ]


def _examples(lost: pa.Table, type_: str, rule: str) -> list[tuple[int, dict[str, Any]]]:
    """The first finding of each of the images that come first by their hash."""
    mine = lost.filter(pc.and_(pc.equal(lost["type"], type_), pc.equal(lost["rule"], rule)))
    first = sorted((key_hash(key), key) for key in pc.unique(mine["key"]).to_pylist())[:EXAMPLES]
    return [(order, mine.slice(pc.index(mine["key"], key).as_py(), 1).to_pylist()[0]) for order, key in first]
