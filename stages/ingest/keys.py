"""Which key an image gets, and what happens when two images want the same.

    name "2024/dog.v2.JPG":  path -> "2024/dog.v2"   stem -> "dog.v2"   uri_hash -> "3fa9c1..." (32 hex digits)

Keys are free text; how one becomes a tar member name is `shards.tar.safe_key`'s business.
"""

import hashlib
from collections.abc import Iterable, Mapping

import msgspec

from shards.errors import InputError
from shards.finding import text_of
from stages.ingest.entry import Entry, SourceError
from stages.ingest.locations import IMAGE_SUFFIXES
from stages.ingest.secrets import public
from stages.ingest.settings import IngestSettings

SHOWN = 5
"""Offenders listed in an error."""


class DuplicateKeyError(InputError):
    """Several images under one key. `offenders`: key -> their uris, in the order of the list."""

    def __init__(self, offenders: dict[str, list[str]], advice: str) -> None:
        shown = [f"  {key}: {', '.join(uris)}" for key, uris in list(offenders.items())[:SHOWN]]
        more = f"\n  and {len(offenders) - SHOWN} more" if len(offenders) > SHOWN else ""
        super().__init__(
            f"{len(offenders)} keys are wanted by more than one image:\n" + "\n".join(shown) + f"{more}\n{advice}"
        )
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


def assign_keys(
    entries: Iterable[Entry], settings: IngestSettings, taken: Mapping[str, tuple[str, int]]
) -> tuple[dict[str, Entry], int]:
    """key -> entry in order of first appearance, and how many entries repeated an image.

    An image that the list names several times under one key (a line per caption, overlapping folders) is one image:
    its given annotations are put together. taken: keys of the corpus -> place of their image (`written_place`).
    Raises DuplicateKeyError when different images want one key and the policy is `refuse`, or their numbers could not
    be told apart in the next run; SourceError when the policy is `column` and the list has no keys."""
    by_key: dict[str, Entry] = {}
    offenders: dict[str, list[str]] = {}
    numbers = _Numbers(by_key, taken) if settings.duplicate_keys == "number" else None
    repeated, keyless = 0, 0
    for entry in (storable(entry, settings) for entry in entries):
        if settings.key == "column" and not entry.key:
            keyless += 1
            entry = msgspec.structs.replace(entry, key=entry.name, problem=entry.problem or "key: its key is empty")
        key = own_key(entry, settings)
        if numbers is not None:
            key = numbers.numbered(key, entry, written_place(entry, settings))
        known = by_key.get(key)
        if known is None:
            by_key[key] = entry
        elif known.place == entry.place:
            repeated += 1
            by_key[key] = _merged(known, entry)
        else:
            offenders.setdefault(key, [known.uri]).append(entry.uri)
    if keyless and keyless == len(by_key) + repeated:
        raise SourceError("no image has a key of its own: name a column with columns.key, or use ingest.key=path")
    if offenders:
        raise DuplicateKeyError(offenders, _advice(offenders, settings))
    return by_key, repeated


def written_place(entry: Entry, settings: IngestSettings) -> tuple[str, int]:
    """`Entry.place` as it is written down, without secrets."""
    return public(entry.location, frozenset(settings.fetch.keep_query)), entry.offset


def without_secrets(entry: Entry, settings: IngestSettings) -> Entry:
    """The entry as the plan holds it."""
    location, _ = written_place(entry, settings)
    return entry if location == entry.location else msgspec.structs.replace(entry, location=location)


class _Numbers:
    """Gives `key`, or `key~2`, `key~3`, ...: the first that is free, or already this very image's."""

    def __init__(self, by_key: Mapping[str, Entry], taken: Mapping[str, tuple[str, int]]) -> None:
        self._by_key = by_key
        self._taken = taken
        self._given = {(key.rpartition("~")[0], place): key for key, place in taken.items() if "~" in key}

    def numbered(self, key: str, entry: Entry, place: tuple[str, int]) -> str:
        """Two URLs that only their secrets tell apart get one key, and are refused as doubles: the next run could not
        know which is which."""
        if (key, place) in self._given:
            return self._given[key, place]
        candidate, number = key, 1
        while not self._is_free(candidate, entry, place):
            number += 1
            candidate = f"{key}~{number}"
        self._given[key, place] = candidate
        return candidate

    def _is_free(self, candidate: str, entry: Entry, place: tuple[str, int]) -> bool:
        known = self._by_key.get(candidate)
        return (known is None or known.place == entry.place) and self._taken.get(candidate, place) == place


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


def _advice(offenders: dict[str, list[str]], settings: IngestSettings) -> str:
    """What helps: only rules that are not in force and that tell these images apart."""
    rules = [] if settings.key in ("path", "auto") else ["ingest.key=path"]
    if settings.key != "uri_hash" and all(len(set(uris)) == len(uris) for uris in offenders.values()):
        rules.append("ingest.key=uri_hash")
    if any("://" in uris[0] and len(set(uris)) < len(uris) for uris in offenders.values()):
        return "name the parameters that tell these URLs apart in ingest.fetch.keep_query"
    return " or ".join([*(f"use {rule}" for rule in rules), "number them with ingest.duplicate_keys=number"])


def _merged(first: Entry, again: Entry) -> Entry:
    new = [finding for finding in again.given if finding not in first.given]
    return msgspec.structs.replace(first, given=first.given + new, problem=first.problem or again.problem)
