"""Which key an image gets, and what happens when two images want the same.

    name "2024/dog.v2.JPG":  path -> "2024/dog.v2"   stem -> "dog.v2"   uri_hash -> "3fa9c1..." (32 hex digits)

Keys are free text; how one becomes a tar member name is `shards.tar.safe_key`'s business.
"""

import hashlib
from collections.abc import Iterable, Mapping

import msgspec

from shards.errors import InputError
from stages.ingest.entry import Entry, SourceError
from stages.ingest.locations import IMAGE_SUFFIXES
from stages.ingest.settings import IngestSettings

SHOWN = 5
"""Offenders listed in an error."""


class DuplicateKeyError(InputError):
    """Several images under one key. `offenders`: key -> their uris, in the order of the list."""

    def __init__(self, offenders: dict[str, list[str]]) -> None:
        shown = [f"  {key}: {', '.join(uris)}" for key, uris in list(offenders.items())[:SHOWN]]
        more = f"\n  and {len(offenders) - SHOWN} more" if len(offenders) > SHOWN else ""
        super().__init__(
            f"{len(offenders)} keys are wanted by more than one image:\n" + "\n".join(shown) + more + "\n"
            "use ingest.key=path or ingest.key=uri_hash, or number them with ingest.duplicate_keys=number"
        )
        self.offenders = offenders


def own_key(entry: Entry, settings: IngestSettings) -> str:
    """The key by the policy alone. Raises SourceError when the policy is `column` and the list has none."""
    if settings.key == "column" and not entry.key:
        raise SourceError(f"{entry.uri} has no key of its own: name a column with columns.key, or use ingest.key=path")
    if settings.key == "column" or (settings.key == "auto" and entry.key):
        return entry.key
    if settings.key == "uri_hash":
        return hashlib.sha256(entry.uri.encode(errors="surrogateescape")).hexdigest()[:32]
    stem, dot, suffix = entry.name.rpartition(".")
    path = stem if dot and f".{suffix.lower()}" in IMAGE_SUFFIXES and not stem.endswith("/") and stem else entry.name
    return path.rpartition("/")[2] if settings.key == "stem" else path


def assign_keys(
    entries: Iterable[Entry], settings: IngestSettings, taken: Mapping[str, tuple[str, int]]
) -> tuple[dict[str, Entry], int]:
    """key -> entry in order of first appearance, and how many entries repeated an image.

    An image that the list names several times under one key (a line per caption, overlapping folders) is one image:
    its given annotations are put together. taken: keys of the corpus -> place of their image (`Entry.place`).
    Raises DuplicateKeyError when different images want one key and the policy is `refuse`."""
    found: dict[str, Entry] = {}
    offenders: dict[str, list[str]] = {}
    numbered: dict[tuple[str, tuple[str, int]], str] = {}
    repeated = 0
    if settings.duplicate_keys == "number":
        numbered = {(key.rpartition("~")[0] or key, place): key for key, place in taken.items() if "~" in key}
    for entry in entries:
        _check_text(entry)
        key = own_key(entry, settings)
        if settings.duplicate_keys == "number":
            key = _numbered(key, entry.place, found, taken, numbered)
        known = found.get(key)
        if known is None:
            found[key] = entry
        elif known.place == entry.place:
            repeated += 1
            found[key] = _merged(known, entry)
        else:
            offenders.setdefault(key, [known.uri]).append(entry.uri)
    if offenders:
        raise DuplicateKeyError(offenders)
    return found, repeated


def _numbered(
    key: str,
    place: tuple[str, int],
    found: Mapping[str, Entry],
    taken: Mapping[str, tuple[str, int]],
    numbered: dict[tuple[str, tuple[str, int]], str],
) -> str:
    """`key`, or `key~2`, `key~3`, ... : the first that is free, or already this very image's."""
    if (key, place) in numbered:
        return numbered[key, place]
    candidate, number = key, 1
    while not all(owner in (None, place) for owner in (_place(found.get(candidate)), taken.get(candidate))):
        number += 1
        candidate = f"{key}~{number}"
    if number > 1:
        numbered[key, place] = candidate
    return candidate


def _check_text(entry: Entry) -> None:
    """Raise SourceError for a name with undecodable bytes: neither JSON nor parquet can hold it."""
    try:
        f"{entry.uri}{entry.location}{entry.key}".encode()
    except UnicodeEncodeError as error:
        raise SourceError(f"the name of {entry.uri!r} must be valid Unicode: rename the file") from error


def _place(entry: Entry | None) -> tuple[str, int] | None:
    return None if entry is None else entry.place


def _merged(first: Entry, again: Entry) -> Entry:
    new = [finding for finding in again.given if finding not in first.given]
    return msgspec.structs.replace(first, given=first.given + new)
