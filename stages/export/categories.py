"""One number per label, the same in every export of a corpus.

    categories.json    {"version": 1, "names": ["cat", "dog"]}    a label's place is its number, from 0

Labels are added at the end and never removed: another round, query or threshold moves no number.
"""

from collections.abc import Iterable

import msgspec

from shards.errors import CorpusError
from shards.store import Store

PATH = "categories.json"


class _Table(msgspec.Struct, frozen=True):
    version: int
    names: list[str]


class Categories:
    """The table of a corpus, read when it is opened."""

    def __init__(self, store: Store) -> None:
        self._store = store
        try:
            table = msgspec.json.decode(store.read(PATH), type=_Table)
        except FileNotFoundError:
            table = _Table(1, [])
        except msgspec.DecodeError as error:
            raise CorpusError(f"{PATH} is no table of categories: {error}; delete it to number labels anew") from error
        self._numbers = {name: number for number, name in enumerate(table.names)}
        self._written = len(table.names)

    @property
    def names(self) -> list[str]:
        """All labels, by number."""
        return list(self._numbers)

    def learn(self, labels: Iterable[str]) -> None:
        """Give the new ones numbers, in alphabetical order, and keep them."""
        new = sorted(set(labels) - self._numbers.keys())
        for name in new:
            self._numbers[name] = len(self._numbers)
        if len(self._numbers) > self._written:
            self._store.write(PATH, [msgspec.json.encode(_Table(1, self.names))])
            self._written = len(self._numbers)

    def number(self, label: str) -> int:
        """The number of a label that was learned, from 0."""
        return self._numbers[label]
