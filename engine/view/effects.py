"""What another threshold would change, counted in the index: nothing is fused again.

    effects.sliders("000003")                         the score rules at work in a shard, with their thresholds
    effects.effect("region.score", "yolo", 0.2)       Effect(back=1200, gone=0, sampled=16, shards=3907)

Lowering a threshold lets findings pass that rule, though a later one may still drop them; raising it drops findings
that are kept. The dry run of `fld filter` gives the exact numbers. A large corpus is counted in a sample of whole
shards, evenly spread, and scaled up; the answer says so.

Most thresholds are about the scores of one annotator. Two are about "all objects" or "all words": the score of a box
that nobody else saw (`fuse.lone_box_score`), and, where scores are calibrated, the probability of a fused box.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from threading import RLock
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from shards import rounds
from shards.finding import GIVEN, REVIEWER
from shards.reader import Round
from shards.record import Record

LONE = "fuse.lone_box_score"
SCORE_RULES = {"region.score": "region", LONE: "region", "phrase.box_score": "phrase", "phrase.score": "phrase"}
"""Rule -> type of the findings that it judges by a score."""
OBJECTS, WORDS = "all objects", "all words"
"""In place of an annotator, whose name has no blank: a threshold for all of them."""
_WHOLE = (OBJECTS, WORDS)
_SAMPLED_ROWS = 1_500_000
_COLUMNS = ["type", "source", "kept", "rule", "value", "threshold", "score"]
_PLACE = ["key", "shard", "record_offset", "record_size", "record_crc32"]
_ROUNDED = 1e-4
"""How far the value that a rule saw may be off the score that the annotator gave."""
_PEOPLE = pa.array([GIVEN, REVIEWER])


@dataclass(frozen=True)
class Slider:
    """One threshold: of a rule, for one annotator, or for "all objects" or "all words"; where it stands, and how the
    setting is called."""

    rule: str
    source: str
    threshold: float
    setting: str


@dataclass(frozen=True)
class Effect:
    """back: findings that would pass the rule; gone: what is kept and would not; in the whole corpus, exact if
    `sampled == shards`. is_most: no more than `gone`, as phrases may hold some up."""

    back: int
    gone: int
    sampled: int
    shards: int
    is_most: bool = False


class Effects:
    """Counts of one round. Safe to use from several threads. roles: of annotators, by name; a reader's boxes are
    words."""

    def __init__(self, round_: Round, roles: Mapping[str, str]) -> None:
        self._round = round_
        self._readers = pa.array(sorted(name for name, role in roles.items() if role == "reader"), pa.string())
        self._lock = RLock()
        self._sample: tuple[pa.Table, list[str]] | None = None
        self._lone: dict[str, NDArray[Any]] | None = None
        self._recorded: dict[tuple[str, str], NDArray[Any]] | None = None

    def sliders(self, shard: str) -> list[Slider]:
        """The thresholds that dropped something in a shard, by annotator; that of lone boxes also where it is off."""
        index = rounds.read_index(self._round.store, self._round.number, shard, _COLUMNS)
        mine = index.filter(pc.is_in(index["rule"], pa.array(list(SCORE_RULES))))
        mine = mine.set_column(mine.schema.get_field_index("source"), "source", self._judged(mine))
        rules = mine.group_by(["rule", "source"]).aggregate([("threshold", "max")]).to_pylist()
        thresholds = {(row["rule"], row["source"]): float(row["threshold_max"]) for row in rules}
        for kind in self._kinds_of_several(index):
            thresholds.setdefault((LONE, kind), 0.0)
        sliders = [self._slider(rule, source, limit) for (rule, source), limit in thresholds.items()]
        order = list(SCORE_RULES)
        return sorted(
            sliders, key=lambda slider: (order.index(slider.rule), slider.source not in _WHOLE, slider.source)
        )

    def effect(self, rule: str, source: str, threshold: float) -> Effect:
        """What moving a threshold to `threshold` changes in the corpus."""
        sample, shards = self._sampled()
        all_shards = len(self._round.manifests)
        scale = all_shards / max(len(shards), 1)
        dropped = sample.filter(pc.equal(sample["rule"], rule))
        back = _values(dropped.filter(pc.equal(self._judged(dropped), source)), "value")
        gone = round(float((self._kept(rule, source) < threshold).sum()) * scale)
        return Effect(round(float((back >= threshold).sum()) * scale), gone, len(shards), all_shards, rule == LONE)

    def _kept(self, rule: str, source: str) -> NDArray[Any]:
        """The scores of what is kept and judged by this threshold. Probabilities and the scores of phrases are in the
        records only: the index has the scores of votes, and of a kept phrase that of its box."""
        if rule == LONE:
            return self._lone_scores()[source] if source in _WHOLE else np.empty(0)
        if rule == "phrase.score" or source in _WHOLE:
            return self._recorded_scores().get((rule, source), np.empty(0))
        sample, _ = self._sampled()
        is_kept = pc.and_(sample["kept"], pc.equal(sample["type"], SCORE_RULES.get(rule, "")))
        return _values(sample.filter(pc.and_(is_kept, pc.equal(sample["source"], source))), "score")

    def _judged(self, dropped: pa.Table) -> pa.ChunkedArray:
        """Whose threshold dropped each row: its annotator's, or that of all objects or words. A value that is not the
        annotator's score is a probability."""
        is_lone = pc.equal(dropped["rule"], LONE)
        far = pc.greater(pc.abs(pc.subtract(dropped["value"], dropped["score"])), _ROUNDED)
        is_probability = pc.and_(pc.equal(dropped["rule"], "region.score"), far)
        of_all = pc.fill_null(pc.or_(is_lone, is_probability), False)
        return pc.if_else(of_all, self._kind(dropped["source"]), dropped["source"])

    def _kind(self, sources: pa.ChunkedArray) -> pa.ChunkedArray:
        return pc.if_else(pc.is_in(sources, self._readers), WORDS, OBJECTS)

    def _kinds_of_several(self, index: pa.Table) -> list[str]:
        """Of objects and words those that several annotators have kept boxes of: else every box is a lone one."""
        kept = index.filter(pc.and_(index["kept"], pc.equal(index["type"], "region")))
        sources = pa.chunked_array([pc.unique(kept["source"])])
        models = sources.filter(pc.invert(pc.is_in(sources, _PEOPLE)))
        kinds = self._kind(models).to_pylist()
        return [kind for kind in _WHOLE if kinds.count(kind) > 1]

    def _slider(self, rule: str, source: str, threshold: float) -> Slider:
        words = source == WORDS or source in self._readers.to_pylist()
        match rule:
            case "region.score":
                part = f"filters.{'ocr' if words else 'region'}"
                setting = f"{part}.min_score" if source in _WHOLE else f"{part}.annotators.{source}.min_score"
            case "phrase.score":
                setting = "filters.phrase.min_score"
            case "phrase.box_score":
                setting = "filters.phrase.min_box_score"
            case _:
                setting = f"fuse.{'word_consensus' if words else 'consensus'}.lone_box_score"
        return Slider(rule, source, threshold, setting)

    def _sampled(self) -> tuple[pa.Table, list[str]]:
        """Rows of evenly spread shards, and of which. Read once."""
        with self._lock:
            if self._sample is None:
                read, names = self._round, self._round.shards()
                first = rounds.read_index(read.store, read.number, names[0], _COLUMNS)
                count = max(1, min(len(names), _SAMPLED_ROWS // max(1, first.num_rows)))
                chosen = dict.fromkeys(names[int(at)] for at in np.linspace(0, len(names) - 1, count))
                parts = [rounds.read_index(read.store, read.number, name, _COLUMNS) for name in chosen]
                self._sample = pa.concat_tables(parts), list(chosen)
            return self._sample

    def _lone_scores(self) -> dict[str, NDArray[Any]]:
        """Of every kept region that one model alone saw, and no person, its best score; one without a score passes.
        Read once."""
        _, shards = self._sampled()
        with self._lock:
            if self._lone is None:
                parts = [self._lone_of(shard) for shard in shards]
                self._lone = {kind: np.concatenate([part[kind] for part in parts]) for kind in _WHOLE}
            return self._lone

    def _recorded_scores(self) -> dict[tuple[str, str], NDArray[Any]]:
        """By rule and whose threshold: the probability of every kept region that no person speaks for, and the score of
        the phrase of every kept place of one. Read once."""
        _, shards = self._sampled()
        with self._lock:
            if self._recorded is None:
                scores: dict[tuple[str, str], list[float]] = {}
                for shard in shards:
                    for made in self._records_of(shard):
                        _note(made, scores)
                self._recorded = {judged: np.array(values) for judged, values in scores.items()}
            return self._recorded

    def _records_of(self, shard: str) -> Iterator[Record]:
        summary = self._round.summary(shard)
        if summary is not None:
            kept = summary.filter(pc.equal(summary["status"], "kept"))
            yield from map(self._round.record_of, kept.select(_PLACE).to_pylist())

    def _lone_of(self, shard: str) -> dict[str, NDArray[Any]]:
        columns = ["key", "id", "type", "source", "kept", "score"]
        index = rounds.read_index(self._round.store, self._round.number, shard, columns)
        kept = index.filter(pc.and_(index["kept"], pc.equal(index["type"], "region")))
        sums = [("source", "count_distinct"), ("source", "min"), ("score", "max")]
        regions = kept.group_by(["key", "id"]).aggregate(sums)
        is_lone = pc.equal(regions["source_count_distinct"], 1)
        lone = regions.filter(pc.and_(is_lone, pc.invert(pc.is_in(regions["source_min"], _PEOPLE))))
        kinds = self._kind(lone["source_min"])
        return {kind: _values(lone.filter(pc.equal(kinds, kind)), "score_max") for kind in _WHOLE}


def _note(made: Record, scores: dict[tuple[str, str], list[float]]) -> None:
    """Add the scores of one record."""
    for region in made.regions:
        if not {vote.source.annotator for vote in region.votes} & {GIVEN, REVIEWER}:
            kind = OBJECTS if region.kind == "object" else WORDS
            scores.setdefault(("region.score", kind), []).append(region.score)
    for grounding in made.groundings:
        if grounding.score is not None:
            for box in grounding.boxes:
                scores.setdefault(("phrase.score", box.source.annotator), []).append(grounding.score)


def _values(rows: pa.Table, column: str) -> NDArray[Any]:
    values: NDArray[Any] = rows[column].drop_null().to_numpy()
    return values
