"""The corrections of a corpus for who asks often, as the viewer does: a unit never changes, so that each is read once.

    log = ReviewLog(store)
    log.of({"000003"})       {"000003": [Review(...), ...]}, up to this moment
    log.counts()             {"000003": 12}, from manifests alone

A click at the viewer then costs a listing and the one unit that is new, however many there are.
"""

from collections.abc import Collection
from threading import RLock

from shards.commit import Manifest
from shards.reviews import Review, Reviews, manifests, over, read_unit, shard_of, unit_names
from shards.store import Store

_ATTEMPTS = 3


class ReviewLog:
    """Safe to use from several threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = RLock()
        self._manifests: dict[str, Manifest] = {}
        self._rows: dict[str, list[Review]] = {}

    def of(self, shards: Collection[str]) -> Reviews:
        """Those of the images of these shards, in their order. Raises like `read_reviews`."""
        with self._lock:
            for attempt in range(_ATTEMPTS):
                names = [name for name in self._current() if shard_of(name) in shards]
                try:
                    for name in names:
                        if name not in self._rows:
                            self._rows[name] = read_unit(self._store, name)
                    break
                except FileNotFoundError:  # merged meanwhile
                    if attempt == _ATTEMPTS - 1:
                        raise
            reviews: Reviews = {}
            for name in names:
                reviews.setdefault(shard_of(name), []).extend(self._rows[name])
            return reviews

    def counts(self) -> dict[str, int]:
        """Like `count_reviews`."""
        with self._lock:
            counts: dict[str, int] = {}
            for name in self._current():
                counts[shard_of(name)] = counts.get(shard_of(name), 0) + self._manifests[name].counts.read
            return counts

    def _current(self) -> list[str]:
        """The units that count, in their order; manifests of new ones are read."""
        names = unit_names(self._store)
        there = {*names}
        self._manifests = {name: manifest for name, manifest in self._manifests.items() if name in there}
        self._rows = {name: rows for name, rows in self._rows.items() if name in there}
        new = [name for name in names if name not in self._manifests]
        self._manifests |= manifests(self._store, names=new) if new else {}
        gone = over(self._manifests)
        return [name for name in names if name in self._manifests and name not in gone]
