"""What the sources list: one entry per key, on disk (`scratch.py`), in order of first appearance.

An entry is kept as the plan will hold it: under its key in the corpus, without secrets. A place that has some is held
in memory beside it, and two places are compared by keyed hashes.
"""

import secrets
from collections.abc import Iterable, Iterator

import msgspec

from stages.ingest.entry import Entry
from stages.ingest.scratch import Scratch, digest, pack_entry, unpack_entry
from stages.ingest.secrets import public
from stages.ingest.settings import IngestSettings


class Listing:
    """Fills the table `listed (place, digest, at, entry)` of `scratch`: number from 1, hash of the key, hash of the
    whole place, entry. settings: None keeps secrets where they are, for a corpus that is thrown away."""

    def __init__(self, scratch: Scratch, settings: IngestSettings | None) -> None:
        self.scratch = scratch
        self._settings = settings
        self._secret = secrets.token_bytes(32)
        self._whole = Scratch(in_memory=True)
        self._count = 0
        scratch.run("CREATE TABLE listed (place INTEGER PRIMARY KEY, digest BLOB UNIQUE, at BLOB, entry BLOB)")
        self._whole.run("CREATE TABLE whole (place INTEGER PRIMARY KEY, location TEXT)")

    def add(self, key: str, entry: Entry) -> bool:
        """Whether the key is new; else nothing is added."""
        kept = msgspec.structs.replace(entry, key=key, name="")
        kept = kept if self._settings is None else without_secrets(kept, self._settings)
        added = self.scratch.run(
            "INSERT INTO listed (digest, at, entry) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            digest(key), self.at(entry), pack_entry(kept),
        )  # fmt: skip
        if added.rowcount == 0:
            return False
        self._count += 1
        if kept.location != entry.location:
            self._whole.run("INSERT INTO whole VALUES (?, ?)", added.lastrowid, entry.location)
        return True

    def at(self, entry: Entry) -> bytes:
        """A hash of its place, secrets included."""
        location, offset = entry.place
        return digest(location, str(offset), secret=self._secret)

    def is_at(self, key: str, entry: Entry) -> bool | None:
        """Whether the image of the key is at the place of `entry`; None if no image has the key."""
        found = self.scratch.one("SELECT at FROM listed WHERE digest = ?", digest(key))
        return None if found is None else found[0] == self.at(entry)

    def merge(self, key: str, again: Entry) -> None:
        """Put the annotations of another line of the same image to those that it has."""
        if not again.given and not again.problem:
            return
        first = self[key]
        new = [finding for finding in again.given if finding not in first.given]
        merged = msgspec.structs.replace(first, given=first.given + new, problem=first.problem or again.problem)
        self.scratch.run("UPDATE listed SET entry = ? WHERE digest = ?", pack_entry(merged), digest(key))

    def placed(self, entry: Entry) -> Entry:
        """The entry with the secrets of its place, if it is listed and has some."""
        if self._whole.one("SELECT 1 FROM whole LIMIT 1") is None:
            return entry
        found = self.scratch.one("SELECT place FROM listed WHERE digest = ?", digest(entry.key))
        whole = found and self._whole.one("SELECT location FROM whole WHERE place = ?", *found)
        return msgspec.structs.replace(entry, location=whole[0]) if whole else entry

    def __getitem__(self, key: str) -> Entry:
        """Without secrets. Raises KeyError."""
        found = self.scratch.one("SELECT entry FROM listed WHERE digest = ?", digest(key))
        if found is None:
            raise KeyError(key)
        return unpack_entry(found[0])

    def nth(self, number: int) -> Entry:
        """By the order of first appearance, from 0; without secrets."""
        data = self.scratch.one("SELECT entry FROM listed WHERE place = ?", number + 1)[0]
        return unpack_entry(data)

    def __contains__(self, key: str) -> bool:
        return self.scratch.one("SELECT 1 FROM listed WHERE digest = ?", digest(key)) is not None

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Entry]:
        """Without secrets, `entry.key` is the key in the corpus."""
        return (unpack_entry(row[0]) for row in self.scratch.run("SELECT entry FROM listed ORDER BY place"))


def listed(scratch: Scratch, entries: Iterable[Entry]) -> Listing:
    """The listing of these entries, whose keys are those of the corpus, as they are."""
    listing = Listing(scratch, None)
    for entry in entries:
        listing.add(entry.key, entry)
    return listing


def written_place(entry: Entry, settings: IngestSettings) -> tuple[str, int]:
    """`Entry.place` as it is written down, without secrets."""
    return public(entry.location, frozenset(settings.fetch.keep_query)), entry.offset


def without_secrets(entry: Entry, settings: IngestSettings) -> Entry:
    """The entry as the plan holds it."""
    location, _ = written_place(entry, settings)
    return entry if location == entry.location else msgspec.structs.replace(entry, location=location)
