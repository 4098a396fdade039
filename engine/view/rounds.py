"""The rounds of a corpus as the viewer holds them open; a round that was written again meanwhile is opened anew.

looker = Looker(store)
looker.numbers                [0, 1]
looker.board(1)               engine/view/board.py
looker.round(1)               shards.reader.Round
"""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from threading import RLock
from types import MappingProxyType

from engine.view.board import Board
from engine.view.changes import change_facet
from engine.view.effects import Effects
from engine.view.worst import Worst
from shards.commit import Manifest
from shards.errors import CorpusError
from shards.overview import find_overview
from shards.overview_table import Lists, OverviewTable, open_overview
from shards.reader import Corpus, Round
from shards.review_log import ReviewLog
from shards.reviews import Review, waiting_reviews
from shards.store import Store

_CHECKED_EVERY_S = 2.0


@dataclass
class _Open:
    """A round that is open: its overview, and the manifest that it had when it was opened."""

    images: OverviewTable
    board: Board
    round: Round
    effects: Effects
    worst: Worst
    manifest: Manifest | None
    checked_s: float


class Looker:
    """Opens rounds when they are asked for. Safe to use from several threads. roles: of annotators, by name."""

    def __init__(
        self, store: Store, roles: Mapping[str, str] = MappingProxyType({}), check_every_s: float = _CHECKED_EVERY_S
    ) -> None:
        self.store = store
        self.log = ReviewLog(store)
        self._roles = roles
        self._check_every_s = check_every_s
        self._lock = RLock()
        self._open: dict[int, _Open] = {}
        self._numbers: list[int] = []
        self._waiting: dict[int, tuple[float, int]] = {}
        self._counted_s = -check_every_s

    @property
    def numbers(self) -> list[int]:
        """The rounds there are."""
        if time.monotonic() - self._counted_s >= self._check_every_s:
            self._numbers, self._counted_s = Corpus(self.store).rounds(), time.monotonic()
        return self._numbers

    def waiting(self, number: int, at_once: bool = False) -> int:
        """How many corrections the next `fld filter` of a round would take in; asked anew every few seconds, or
        at once."""
        counted_s, count = self._waiting.get(number, (-_CHECKED_EVERY_S, 0))
        if at_once or time.monotonic() - counted_s >= _CHECKED_EVERY_S:
            count = waiting_reviews(self.store, number, self.log.counts())
            self._waiting[number] = time.monotonic(), count
        return count

    @property
    def readers(self) -> frozenset[str]:
        """The annotators that read words."""
        return frozenset(name for name, role in self._roles.items() if role == "reader")

    def reviews(self, shard: str) -> list[Review]:
        """The corrections of the images of a shard, in their order, those of this moment too."""
        return self.log.of({shard}).get(shard, [])

    def marks(self, shards: Collection[str]) -> dict[str, str]:
        """Key -> what people did last to an image of these shards: "rejected", "looked at" or "corrected"."""
        found: dict[str, str] = {}
        for each in (review for reviews in self.log.of(shards).values() for review in reviews):
            if each.on == "image":
                found[each.key] = "rejected" if each.action == "reject" else "looked at"
            else:
                found.setdefault(each.key, "corrected")
        return found

    def board(self, number: int) -> Board:
        """Raises CorpusError if there is no such round."""
        return self._opened(number).board

    def images(self, number: int) -> OverviewTable:
        """Raises CorpusError if there is no such round."""
        return self._opened(number).images

    def round(self, number: int) -> Round:
        """Raises CorpusError if there is no such round."""
        return self._opened(number).round

    def effects(self, number: int) -> Effects:
        """Raises CorpusError if there is no such round."""
        return self._opened(number).effects

    def worst(self, number: int) -> Worst:
        """Raises CorpusError if there is no such round."""
        return self._opened(number).worst

    def before(self, number: int) -> int | None:
        """The round before, None for the first."""
        return max((other for other in self.numbers if other < number), default=None)

    def _opened(self, number: int) -> _Open:
        with self._lock:
            known = self._open.get(number)
            now_s = time.monotonic()
            if known is not None and now_s - known.checked_s < self._check_every_s:
                return known
            if known is not None and find_overview(self.store, number) in (None, known.manifest):
                known.checked_s = now_s  # unchanged, or just being written: then it is shown as it was
                return known
            self._open = {other: each for other, each in self._open.items() if other < number}
            self._open[number] = self._fresh(number, now_s)
            return self._open[number]

    def _fresh(self, number: int, now_s: float) -> _Open:
        if number not in self.numbers:
            raise CorpusError(f"{self.store.url} has no round {number}: it has {self.numbers or 'none'}")
        manifest = find_overview(self.store, number)
        images, round_ = open_overview(self.store, number), Round(self.store, number)
        worst = Worst(round_, images)
        board = Board(images, lambda: self._change(number), worst)
        return _Open(images, board, round_, Effects(round_, self._roles), worst, manifest, now_s)

    def _change(self, number: int) -> Lists | None:
        before = self.before(number)
        return None if before is None else change_facet(self.images(before), self.images(number))
