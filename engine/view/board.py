"""One round, open for questions: which images match a query, in which order, and how many have which value.

    board.select(query)                   int32 positions of all images that match, in the order asked for
    board.counts(query, "label")          [("dog", 812), ("cat", 300), ...] under the other filters of the query
    board.histogram(query, "score")       20 bars

Everything is arithmetic on whole columns of the overview. On a million images a facet takes some 50 ms of CPU and a
sorted page 20; DuckDB, over the same file, 180 and 190 ms (docs/benchmarks.md), and it is 66 MB more to install.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import RLock
from typing import Any

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from engine.view.query import Query
from engine.view.worst import Worst
from shards.overview_table import Lists, OverviewTable

_REMEMBERED = 8
"""Selections: 4 bytes per image each."""
BARS = 20
RowMask = NDArray[np.bool_]
Numbers = NDArray[np.float32]
DROPPED = tuple(f"dropped_{type_}" for type_ in ("texts", "regions", "phrases", "candidates", "masks"))
"""Columns of the overview that count what rules dropped."""


@dataclass(frozen=True)
class Bar:
    """One bar of a histogram: from `low` to `high`, both included; `share` of the longest bar."""

    low: float
    high: float
    count: int
    share: float


class Board:
    """The columns of one round, and what was worked out from them. Safe to use from several threads.

    change: category of each image against the round before (`engine/view/changes.py`). worst: its suspects."""

    def __init__(self, images: OverviewTable, change: Callable[[], Lists | None], worst: Worst) -> None:
        self.images = images
        self._change = change
        self._worst = worst
        self._looked = 0
        self._lock = RLock()
        self._facets: dict[str, Lists] = {}
        self._orders: dict[str, NDArray[np.int32]] = {}
        self._selected: OrderedDict[tuple[object, ...], NDArray[np.int32]] = OrderedDict()

    def select(self, query: Query) -> NDArray[np.int32]:
        """Positions of the images that match, in the order of the query."""
        with self._lock:
            if query.sort == "suspects":
                self._follow_suspects()
            if query.identity not in self._selected:
                order = self._order(query.sort)
                rows = order[self.mask(query)[order]] if query.narrowed else order
                self._selected[query.identity] = rows
                if len(self._selected) > _REMEMBERED:
                    self._selected.popitem(last=False)
            self._selected.move_to_end(query.identity)
            return self._selected[query.identity]

    def counts(self, query: Query, facet: str) -> list[tuple[str, int]]:
        """How many images have each value of a facet, most frequent first, were only the other filters set."""
        lists = self.facet(facet)
        mask = self.mask(query, without=facet)
        totals = np.bincount(lists.codes[mask[lists.rows]], minlength=len(lists.names))
        named = [(lists.names[code], int(totals[code])) for code in np.argsort(-totals, kind="stable")]
        chosen = query.chosen.get(facet, ())
        return [(name, count) for name, count in named if count or name in chosen]

    def histogram(self, query: Query, name: str) -> list[Bar]:
        """Bars of equal width over the values of the images that match, were this range not set."""
        values = self.values(name)
        whole = values[~np.isnan(values)]
        if not len(whole):
            return []
        edges = np.linspace(0, 1, BARS + 1) if name == "score" else _edges(float(np.percentile(whole, 99.5)))
        mine = values[self.mask(query, without=name)]
        inside = np.clip(mine[~np.isnan(mine)], edges[0], edges[-1] - 1e-6)
        sizes = np.histogram(inside, edges)[0].tolist()
        step = 0.0 if name == "score" else 1.0
        highest = float(whole.max())
        return [
            Bar(low, (high - step) if place < len(sizes) - 1 else max(high - step, highest), count, count / max(sizes))
            for place, (low, high, count) in enumerate(zip(edges[:-1].tolist(), edges[1:].tolist(), sizes, strict=True))
        ] if max(sizes) else []  # fmt: skip

    def mask(self, query: Query, without: str = "") -> RowMask:
        """bool per image: matches all of the query but the facet or range `without`."""
        mask = np.ones(len(self.images), bool)
        for facet, chosen in query.chosen.items():
            if facet != without:
                mask &= self._having(facet, chosen)
        for name, (low, high) in query.ranges.items():
            if name != without:
                values = self.values(name)
                mask &= (values >= np.float32(low)) & (values <= np.float32(high))
        return mask & self._matching(query.text) if query.text else mask

    def values(self, name: str) -> Numbers:
        """The numbers of a range, one per image; NaN where there is none."""
        if name == "score":
            return self.images.numbers("score_min").astype(np.float32, copy=False)
        if name == "drops":
            return sum_of([self.images.numbers(column) for column in DROPPED])
        return self.images.numbers("objects").astype(np.float32, copy=False)

    def facet(self, name: str) -> Lists:
        """The values of a facet, of every image."""
        with self._lock:
            if name not in self._facets:
                self._facets[name] = self._worked_out(name)
            return self._facets[name]

    def _worked_out(self, name: str) -> Lists:
        match name:
            case "label" | "annotator" | "rule":
                return self.images.lists(f"{name}s")
            case "status":
                return self.images.words("status")
            case "votes":
                return _binned(self.images.numbers("fewest_votes"), ["no region", "1", "2", "3 or more"])
            case "words":
                return _binned(self.images.numbers("words"), ["none", "1", "2", "3 or more"])
            case "texts":
                sizes = ("brief", "detailed", "more_detailed")
                given = [np.flatnonzero(self.images.numbers(f"{size}_words") > 0) for size in sizes]
                rows = np.concatenate(given).astype(np.int32)
                codes = np.repeat(np.arange(3, dtype=np.int32), [len(findings) for findings in given])
                return Lists(["brief", "detailed", "more detailed"], rows, codes)
            case _:
                empty = np.empty(0, np.int32)
                return self._change() or Lists([], empty, empty)

    def _having(self, facet: str, chosen: tuple[str, ...]) -> RowMask:
        lists = self.facet(facet)
        is_chosen = np.isin(np.array(lists.names, dtype=object), np.array(chosen, dtype=object))
        mask = np.zeros(len(self.images), bool)
        if len(lists.names):
            mask[lists.rows[is_chosen[lists.codes]]] = True
        return mask

    def _matching(self, text: str) -> RowMask:
        """The text stands in the key, the caption or the words of the picture, whatever its case."""
        mask = np.zeros(len(self.images), bool)
        for name in ("key", "caption", "read"):
            hits = pc.match_substring(self.images.text(name), text, ignore_case=True)
            mask |= hits.fill_null(False).to_numpy()
        return mask

    def _order(self, sort: str) -> NDArray[np.int32]:
        with self._lock:
            if sort not in self._orders:
                self._orders[sort] = self._sorted(sort)
            return self._orders[sort]

    def _follow_suspects(self) -> None:
        """While images are looked at, the order by suspicion changes: forget what fewer of them gave."""
        self._worst.start()
        looked = self._worst.progress[0]
        if looked != self._looked:
            self._looked = looked
            self._orders.pop("suspects", None)
            for identity in [identity for identity in self._selected if identity[-1] == "suspects"]:
                del self._selected[identity]

    def _sorted(self, sort: str) -> NDArray[np.int32]:
        match sort:
            case "score":
                values: NDArray[Any] = self.values("score")
            case "votes":
                values = self.images.numbers("fewest_votes")
            case "drops" | "objects":
                values = -self.values(sort)
            case "suspects":
                values = -self._worst.of_images()
            case "random":
                values = self.images.numbers("shuffle")
            case _:
                return np.arange(len(self.images), dtype=np.int32)
        return np.argsort(values, kind="stable").astype(np.int32)  # NaN comes last


def sum_of(columns: list[NDArray[Any]]) -> Numbers:
    """The sum of columns of equal length."""
    total = np.zeros(len(columns[0]), np.float32)
    for column in columns:
        total += column.astype(np.float32)
    return total


def _edges(highest: float) -> NDArray[np.float64]:
    """Edges of bars for whole numbers up to about `highest`: each bar holds equally many of them."""
    width = max(1, int(np.ceil((highest + 1) / BARS)))
    return np.arange(0, width * BARS + 1, width).astype(float)


def _binned(values: NDArray[Any], names: list[str]) -> Lists:
    """0, 1, 2, 3 and more as a facet; images without a number are in none but the first."""
    codes = np.clip(np.nan_to_num(values.astype(np.float32)), 0, len(names) - 1).astype(np.int32)
    return Lists(names, np.arange(len(codes), dtype=np.int32), codes)
