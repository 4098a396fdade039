"""What another threshold would change, counted in the index: nothing is fused again.

    effects.sliders("000003")                         the score rules at work in a shard, with their thresholds
    effects.effect("region.score", "yolo", 0.2)       Effect(back=1200, gone=0, sampled=16, shards=3907)

Lowering a threshold lets findings pass that rule, though a later one may still drop them; raising it drops findings
that are kept. The dry run of `fld filter` gives the exact numbers. A large corpus is counted in a sample of whole
shards, evenly spread, and scaled up; the answer says so.
"""

from dataclasses import dataclass
from threading import RLock
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from shards import rounds
from shards.reader import Round

SCORE_RULES = {"region.score": "region", "phrase.box_score": "phrase", "phrase.score": "phrase"}
"""Rule -> type of the findings that it judges by a score."""
_NOT_IN_INDEX = frozenset({"phrase.score"})
"""The index keeps the score of a kept phrase's box, not of the phrase."""
_SAMPLED_ROWS = 1_500_000
_COLUMNS = ["type", "source", "kept", "rule", "value", "threshold", "score"]


@dataclass(frozen=True)
class Slider:
    """One rule for one annotator, and where its threshold stands."""

    rule: str
    source: str
    threshold: float


@dataclass(frozen=True)
class Effect:
    """back: findings that would pass the rule; gone: kept ones that would not, None where the index cannot say; in the
    whole corpus, exact if `sampled == shards`."""

    back: int
    gone: int | None
    sampled: int
    shards: int


class Effects:
    """Counts of one round. Safe to use from several threads."""

    def __init__(self, round_: Round) -> None:
        self._round = round_
        self._lock = RLock()
        self._sample: tuple[pa.Table, int] | None = None

    def sliders(self, shard: str) -> list[Slider]:
        """The score rules that dropped something in a shard, by annotator."""
        index = rounds.read_index(self._round.store, self._round.number, shard, ["source", "rule", "threshold"])
        mine = index.filter(pc.is_in(index["rule"], pa.array(list(SCORE_RULES))))
        found = mine.group_by(["rule", "source"]).aggregate([("threshold", "max")]).to_pylist()
        sliders = [Slider(each["rule"], each["source"], each["threshold_max"]) for each in found]
        order = list(SCORE_RULES)
        return sorted(sliders, key=lambda each: (order.index(each.rule), each.source))

    def effect(self, rule: str, source: str, threshold: float) -> Effect:
        """What moving the threshold of a rule for one annotator to `threshold` changes in the corpus."""
        sample, shards = self._sampled()
        all_shards = len(self._round.manifests)
        mine = sample.filter(pc.equal(sample["source"], source))
        dropped = _values(mine.filter(pc.equal(mine["rule"], rule)), "value")
        kept = _values(mine.filter(pc.and_(mine["kept"], pc.equal(mine["type"], SCORE_RULES.get(rule, "")))), "score")
        scale = all_shards / max(shards, 1)
        gone = None if rule in _NOT_IN_INDEX else round(float((kept < threshold).sum()) * scale)
        return Effect(round(float((dropped >= threshold).sum()) * scale), gone, shards, all_shards)

    def _sampled(self) -> tuple[pa.Table, int]:
        """Rows of evenly spread shards, and of how many. Read once."""
        with self._lock:
            if self._sample is None:
                read, names = self._round, self._round.shards()
                first = rounds.read_index(read.store, read.number, names[0], _COLUMNS)
                wanted = max(1, min(len(names), _SAMPLED_ROWS // max(1, first.num_rows)))
                chosen = dict.fromkeys(names[int(at)] for at in np.linspace(0, len(names) - 1, wanted))
                parts = [rounds.read_index(read.store, read.number, name, _COLUMNS) for name in chosen]
                self._sample = pa.concat_tables(parts), len(parts)
            return self._sample


def _values(rows: pa.Table, column: str) -> NDArray[Any]:
    found: NDArray[Any] = rows[column].drop_null().to_numpy()
    return found
