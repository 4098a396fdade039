"""The suspects of a round, the worst first: gathered in a thread of its own, image by image, while pages are shown.

    worst = Worst(round_, images)
    worst.start()
    worst.progress                       (1200, 30000): of the images that people labelled, so many are looked at
    worst.first("suspects", "", 0, 60)   [Found(row=17, id="r3", kind="swapped", score=0.91, doubt=0.91), ...]
    worst.of_images()                    float32 per image: its most suspicious label; NaN: none

Nothing is written: a round that is written again is gathered anew. Memory holds the first 200,000 of each order.
"""

from collections import Counter
from dataclasses import dataclass
from heapq import nlargest
from threading import Event, Lock, Thread
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from shards.overview_table import OverviewTable
from shards.reader import Round
from stages.review.suspected import labelled_rows, suspected_images
from stages.review.suspects import SuspicionKind, doubt

ORDERS = {"suspects": "Wrong labels of people first", "doubts": "Corrections that help the round most first"}
_KEPT = 200_000
_PATIENCE_S = 1.5
"""How long a first page waits for a small corpus to be looked at."""


class Found(NamedTuple):
    """One suspect: of which image (row of the overview), which region, why, and its place in each order."""

    row: int
    id: str
    kind: SuspicionKind
    score: float
    doubt: float


@dataclass(frozen=True)
class Chosen:
    """A part of one order. counts: kind -> how many there are."""

    found: list[Found]
    total: int
    counts: dict[str, int]


class Worst:
    """Safe to use from several threads."""

    def __init__(self, round_: Round, images: OverviewTable, kept: int = _KEPT) -> None:
        self._round, self._images, self._kept = round_, images, kept
        self._lock = Lock()
        self._found: list[Found] = []
        self._counts: Counter[str] = Counter()
        self._looked = self._labelled = 0
        self._done = Event()
        self._thread: Thread | None = None

    @property
    def progress(self) -> tuple[int, int]:
        """How many images of how many."""
        return self._looked, self._labelled

    def start(self, patience_s: float = _PATIENCE_S) -> bool:
        """Begin, if nobody has, and wait a moment. True if all images are looked at."""
        with self._lock:
            if self._thread is None:
                self._thread = Thread(target=self._gather, name="suspects", daemon=True)
                self._thread.start()
        return self._done.wait(patience_s)

    def first(self, order: str, kind: str, start: int, count: int) -> Chosen:
        """The next ones of an order from `start` on, of one kind or ("") of all."""
        with self._lock:
            found, counts = self._found, dict(self._counts)
            mine = [suspect for suspect in found if kind in ("", suspect.kind)]
        if order == "suspects":
            mine.sort(key=lambda suspect: (-suspect.score, suspect.row, suspect.id))
        else:
            mine.sort(key=lambda suspect: (-suspect.doubt, suspect.row, suspect.id))
        return Chosen(mine[start : start + count], len(mine), counts)

    def of_images(self) -> NDArray[np.float32]:
        """The highest score among the suspects of each image, NaN without any; of what was looked at so far."""
        with self._lock:
            rows = np.array([suspect.row for suspect in self._found], np.int64)
            scores = np.array([suspect.score for suspect in self._found], np.float32)
        highest = np.full(len(self._images), np.nan, np.float32)
        np.fmax.at(highest, rows, scores)
        return highest

    def _gather(self) -> None:
        rows = labelled_rows(self._images)
        self._labelled = len(rows)
        for row, _, suspected in suspected_images(self._round, self._images, rows):
            with self._lock:
                self._found += [
                    Found(row, suspect.id, suspect.kind, suspect.score, doubt(suspect)) for suspect in suspected
                ]
                self._counts.update(suspect.kind for suspect in suspected)
                if len(self._found) > 3 * self._kept:
                    self._found = self._best()
            self._looked += 1
        self._done.set()

    def _best(self) -> list[Found]:
        """The first of both orders."""
        both = {
            *nlargest(self._kept, self._found, key=lambda suspect: suspect.score),
            *nlargest(self._kept, self._found, key=lambda suspect: suspect.doubt),
        }
        return sorted(both)
