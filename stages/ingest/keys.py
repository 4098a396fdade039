"""Which key an image gets, and what happens when two images want the same.

    name "2024/dog.v2.JPG":  path -> "2024/dog.v2"   stem -> "dog.v2"   uri_hash -> "3fa9c1..." (32 hex digits)

Keys are free text; how one becomes a tar member name is `shards.tar.safe_key`'s business.
"""

import hashlib
from collections.abc import Iterable, Iterator
from itertools import chain, count, groupby, islice

import msgspec

from shards.errors import InputError
from shards.finding import text_of
from stages.ingest.entry import Entry, SourceError
from stages.ingest.listing import Listing, written_place
from stages.ingest.locations import IMAGE_SUFFIXES
from stages.ingest.plan import SHOWN, IngestPlan
from stages.ingest.scratch import Scratch, digest, unpack_entry
from stages.ingest.secrets import public
from stages.ingest.settings import IngestSettings

KEPT = 100
"""Offenders that an error knows by name, and uris of each."""


class DuplicateKeyError(InputError):
    """Several images under one key. `offenders`: key -> their uris, in the order of the list; the first `KEPT`."""

    def __init__(self, offenders: dict[str, list[str]], count: int, advice: str) -> None:
        shown = [f"  {key}: {', '.join(uris)}" for key, uris in islice(offenders.items(), SHOWN)]
        more = f"\n  and {count - SHOWN} more" if count > SHOWN else ""
        super().__init__(f"{count} keys are wanted by more than one image:\n" + "\n".join(shown) + f"{more}\n{advice}")
        self.offenders = offenders


def own_key(entry: Entry, settings: IngestSettings) -> str:
    """The key by the policy alone."""
    if settings.key == "column" or (settings.key == "auto" and entry.key):
        return entry.key
    if settings.key == "uri_hash":
        return hashlib.sha256(entry.uri.encode()).hexdigest()[:32]
    stem, dot, suffix = entry.name.rpartition(".")
    path = stem if dot and f".{suffix.lower()}" in IMAGE_SUFFIXES and not stem.endswith("/") and stem else entry.name
    return path.rpartition("/")[2] if settings.key == "stem" else path


def assign_keys(entries: Iterable[Entry], settings: IngestSettings, plan: IngestPlan) -> tuple[Listing, int]:
    """Entries by key in order of first appearance, and how many entries repeated an image.

    An image that the list names several times under one key (a line per caption, overlapping folders) is one image:
    its given annotations are put together. plan: of the corpus, with the keys that it has given.
    Raises DuplicateKeyError when different images want one key and the policy is `refuse`, or their numbers could not
    be told apart in the next run; SourceError when the policy is `column` and the list has no keys."""
    listing = Listing(plan.scratch, settings)
    offenders = _Offenders(plan.scratch)
    numbers = _Numbers(listing, plan, settings) if settings.duplicate_keys == "number" else None
    repeated, keyless = 0, 0
    for entry in (storable(entry, settings) for entry in entries):
        if settings.key == "column" and not entry.key:
            keyless += 1
            entry = msgspec.structs.replace(entry, key=entry.name, problem=entry.problem or "key: its key is empty")
        key = own_key(entry, settings)
        if numbers is not None:
            key = numbers.numbered(key, entry)
        if listing.add(key, entry):
            continue
        if listing.is_at(key, entry):
            repeated += 1
            listing.merge(key, entry)
        else:
            offenders.add(key, listing[key].uri, entry.uri)
    if keyless and keyless == len(listing) + repeated:
        raise SourceError("no image has a key of its own: name a column with columns.key, or use ingest.key=path")
    offenders.check(settings)
    return listing, repeated


class _Numbers:
    """Gives `key`, or `key~2`, `key~3`, ...: the first that is free, or already this very image's."""

    def __init__(self, listing: Listing, plan: IngestPlan, settings: IngestSettings) -> None:
        self._listing, self._plan, self._settings, self._scratch = listing, plan, settings, plan.scratch
        self._scratch.run("CREATE TABLE given (wish BLOB PRIMARY KEY, key TEXT) WITHOUT ROWID")  # key and place -> key
        self._scratch.run("CREATE TABLE taken (digest BLOB PRIMARY KEY, number INTEGER) WITHOUT ROWID")
        self._scratch.run("CREATE INDEX listed_at ON listed (at)")
        for _, planned in plan.shards():
            for entry in planned:
                if "~" in entry.key:
                    self._give(entry.key.rpartition("~")[0], entry.place, entry.key)

    def numbered(self, key: str, entry: Entry) -> str:
        """Two URLs that only their secrets tell apart get one key, and are refused as doubles: the next run could not
        know which is which."""
        place = written_place(entry, self._settings)
        given = self._scratch.one("SELECT key FROM given WHERE wish = ?", _wish(key, place))
        if given is not None:
            return str(given[0])
        taken = self._scratch.one("SELECT number FROM taken WHERE digest = ?", digest(key))
        first = taken[0] if taken else 1  # all numbers below are those of other images, but for these:
        own = sorted({1, *(number for number in self._own_numbers(key, entry) if number < first)})
        candidates = ((number, key if number == 1 else f"{key}~{number}") for number in chain(own, count(first)))
        number, candidate = next(found for found in candidates if self._is_free(found[1], entry, place))
        self._give(key, place, candidate)
        self._scratch.run("INSERT OR REPLACE INTO taken VALUES (?, ?)", digest(key), max(first, number + 1))
        return candidate

    def _own_numbers(self, key: str, entry: Entry) -> Iterator[int]:
        """Of keys that the same image has by another name."""
        for (data,) in self._scratch.run("SELECT entry FROM listed WHERE at = ?", self._listing.at(entry)):
            stem, _, number = unpack_entry(data).key.rpartition("~")
            if stem == key and number.isdecimal():
                yield int(number)

    def _give(self, key: str, place: tuple[str, int], candidate: str) -> None:
        self._scratch.run("INSERT OR REPLACE INTO given VALUES (?, ?)", _wish(key, place), candidate)

    def _is_free(self, candidate: str, entry: Entry, place: tuple[str, int]) -> bool:
        planned = self._plan.find(candidate)
        return self._listing.is_at(candidate, entry) is not False and (planned is None or planned.entry.place == place)


def storable(entry: Entry, settings: IngestSettings) -> Entry:
    """The entry as it may be written down: its uri and key without secrets, and without bytes that are no text, which
    neither JSON nor parquet can hold, or NUL, which no file name and no command line can; those are its problem."""
    keep = frozenset(settings.fetch.keep_query)
    key, uri = (public(text, keep, entry.location) for text in (entry.key, entry.uri))
    name = public(entry.name, frozenset(), entry.location)
    if name != entry.name:
        entry = msgspec.structs.replace(entry, name=name)
    if key != entry.key or uri != entry.uri:
        entry = msgspec.structs.replace(entry, key=key, uri=uri)
    texts = [text_of(finding) for finding in entry.given]
    if all(map(_is_text, (entry.uri, entry.location, entry.name, entry.key, entry.problem, *texts))):
        return entry
    return msgspec.structs.replace(
        entry,
        uri=_escaped(entry.uri),
        location=_escaped(entry.location),
        name=_escaped(entry.name),
        key=_escaped(entry.key),
        given=[finding for finding in entry.given if _is_text(text_of(finding))],
        problem=_escaped(entry.problem)
        or "encoding: its name or text must be valid UTF-8 without NUL: rename the file or convert",
    )


def _is_text(value: str) -> bool:
    try:
        return "\0" not in value and (value.isascii() or bool(value.encode()))
    except UnicodeEncodeError:
        return False


def _escaped(value: str) -> str:
    return value.encode(errors="backslashreplace").decode().replace("\0", "\\x00")


def _wish(key: str, place: tuple[str, int]) -> bytes:
    location, offset = place
    return digest(key, location, str(offset))


class _Offenders:
    """Images that want a key which another one has."""

    def __init__(self, scratch: Scratch) -> None:
        self._scratch = scratch
        scratch.run("CREATE TABLE wanted (number INTEGER PRIMARY KEY, digest BLOB UNIQUE, key TEXT, owner TEXT)")
        scratch.run("CREATE TABLE offender (number INTEGER, uri TEXT)")

    def add(self, key: str, owner: str, uri: str) -> None:
        """owner: uri of the image that has the key."""
        run = self._scratch.run
        name = digest(key)
        if run("INSERT INTO wanted VALUES (NULL, ?, ?, ?) ON CONFLICT DO NOTHING", name, key, owner).rowcount:
            run("INSERT INTO offender SELECT number, owner FROM wanted WHERE digest = ?", name)
        run("INSERT INTO offender SELECT number, ? FROM wanted WHERE digest = ?", uri, name)

    def check(self, settings: IngestSettings) -> None:
        """Raise DuplicateKeyError if there are any."""
        count = self._scratch.one("SELECT COUNT(*) FROM wanted")[0]
        if not count:
            return
        first = self._scratch.run(
            "SELECT key, uri FROM wanted JOIN offender USING (number) WHERE number <= ?"
            " ORDER BY number, offender.rowid",
            KEPT,
        )
        offenders = {
            key: [uri for _, uri in islice(rows, KEPT)] for key, rows in groupby(first, key=lambda row: row[0])
        }
        raise DuplicateKeyError(offenders, count, self._advice(settings))

    def _advice(self, settings: IngestSettings) -> str:
        """What helps: only rules that are not in force and that tell these images apart."""
        twice, of_urls = self._scratch.one(
            "SELECT COUNT(*), SUM(instr(owner, '://') > 0) FROM"
            " (SELECT owner FROM wanted JOIN offender USING (number) GROUP BY number, uri HAVING COUNT(*) > 1)"
        )
        if of_urls:
            return "name the parameters that tell these URLs apart in ingest.fetch.keep_query"
        rules = [] if settings.key in ("path", "auto") else ["ingest.key=path"]
        rules += ["ingest.key=uri_hash"] if settings.key != "uri_hash" and not twice else []
        return " or ".join([*(f"use {rule}" for rule in rules), "number them with ingest.duplicate_keys=number"])
