"""The done-marker: a unit of work exists when its manifest exists, and the manifest is written last.

Comes in: the files of a unit (one shard of images, of a raw column, of a round). Goes out: those files, then
`<folder>/manifest/<name>.json`, here for `images/000000` (one line on disk):

    {"version": 1, "name": "000000", "fingerprint": "9c01f3", "counts": {"read": 3, "kept": 2, "dropped": 0,
     "failed": 1}, "files": {"000000.tar": {"bytes": 215040, "crc32": "5f3a9c01"},
     "000000.parquet": {"bytes": 4711, "crc32": "0badcafe"}}, "checksum": "<64 hex>"}

A round's shard also says how many findings of each type were kept ("") or dropped by which rule, so that nobody needs
to read its index for that: `"tally": {"region": {"": 7, "region.score": 160}}`. Such a manifest is of version 2; older
releases refuse it instead of failing on a field they do not know.

`checksum` is the SHA-256 of every byte before `,"checksum"`, so that a damaged manifest is found too: it counts as
absent, and its unit is written again. Files carry CRC-32, not SHA-256: it finds any damage up to 32 bits for certain
and larger with 1 - 2^-32, in half to a seventh of the time (by CPU); images have their SHA-256 in their row.
"""

import hashlib
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import msgspec

from shards.errors import CorpusError, DamageError
from shards.layout import manifest_path
from shards.store import Store, link_file

VERSION = 1
WITH_TALLY = 2
"""The version of a manifest that has a tally; all others stay readable for older releases."""
WITHOUT_ORIGINALS = 3
"""That of a round's shard whose pictures are in `images/`."""
_READERS = 16  # manifests are small and object stores slow to answer: overlap the waiting
_BLOCK = 16 << 20


RuleCounts = dict[str, dict[str, int]]
"""Type of annotation -> the rule that dropped it, "" if kept -> how many."""


class ImageCounts(msgspec.Struct, frozen=True):
    """What became of the images of a unit. Raises ValueError unless read == kept + dropped + failed."""

    read: int
    kept: int
    dropped: int = 0
    failed: int = 0

    def __post_init__(self) -> None:
        if self.read != self.kept + self.dropped + self.failed or min(self.kept, self.dropped, self.failed) < 0:
            raise ValueError(f"counts must add up: read == kept + dropped + failed, got {self}")


class FileEntry(msgspec.Struct, frozen=True):
    """Size and CRC-32 (8 hex digits) of one file."""

    bytes: int
    crc32: str


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a finished unit consists of. `files`: path relative to the unit's folder -> entry. `tally`: of a round's
    shard; UNSET if an older release wrote it."""

    name: str
    fingerprint: str
    counts: ImageCounts
    files: dict[str, FileEntry]
    version: int = VERSION
    tally: RuleCounts | msgspec.UnsetType = msgspec.UNSET


class Linked(NamedTuple):
    """A file of another unit under a second name: its path in the corpus, and what its manifest says of it."""

    path: str
    entry: FileEntry


class Damage(NamedTuple):
    """A file of a unit that is not what was written. `key`: the image concerned, "" if not one alone."""

    path: str
    reason: str
    key: str = ""


def publish(
    store: Store,
    folder: str,
    name: str,
    files: Mapping[str, bytes | Iterable[bytes] | Linked],
    counts: ImageCounts | Callable[[], ImageCounts],
    fingerprint: str,
    tally: RuleCounts | msgspec.UnsetType = msgspec.UNSET,
    *,
    has_originals: bool = True,
) -> Manifest:
    """Write the files in order, then the manifest. An older unit of that name is withdrawn first.

    files: path relative to `folder` -> content. An iterable is consumed when its turn comes, so that a later file (an
    index) may depend on an earlier one (its tar); a function for `counts` is called after the last file. If anything
    raises, no manifest is written and the unit is not done. has_originals: see `WITHOUT_ORIGINALS`."""
    store.remove(manifest_path(folder, name))
    entries: dict[str, FileEntry] = {}
    for path, content in files.items():
        if isinstance(content, Linked):
            link_file(store, content.path, f"{folder}/{path}")
            entries[path] = content.entry
            continue
        seen = _Checksum([content] if isinstance(content, bytes) else content)
        store.write(f"{folder}/{path}", seen)
        entries[path] = seen.entry()
    version = (VERSION if tally is msgspec.UNSET else WITH_TALLY) if has_originals else WITHOUT_ORIGINALS
    manifest = Manifest(name, fingerprint, counts() if callable(counts) else counts, entries, version, tally)
    store.write(manifest_path(folder, name), [encode(manifest)])
    return manifest


def extend(store: Store, folder: str, manifest: Manifest, files: Mapping[str, bytes], tally: RuleCounts) -> Manifest:
    """Add files that follow from those of a finished unit, and its tally: what was there stays as it is, byte for
    byte, and so does its fingerprint."""
    entries = dict(manifest.files)
    for path, content in files.items():
        seen = _Checksum([content])
        store.write(f"{folder}/{path}", seen)
        entries[path] = seen.entry()
    extended = msgspec.structs.replace(manifest, files=entries, version=WITH_TALLY, tally=tally)
    store.write(manifest_path(folder, manifest.name), [encode(extended)])
    return extended


def seal(store: Store, folder: str, name: str, paths: Iterable[str], fingerprint: str) -> Manifest:
    """The manifest of files that are there already, a trained model's. paths: relative to `folder`.

    Raises FileNotFoundError if one is missing."""
    entries = {}
    for path in paths:
        seen = _Checksum(_blocks(store, f"{folder}/{path}"))
        for _ in seen:
            pass
        entries[path] = seen.entry()
    manifest = Manifest(name, fingerprint, ImageCounts(0, 0), entries)
    store.write(manifest_path(folder, name), [encode(manifest)])
    return manifest


def find(store: Store, folder: str, name: str) -> Manifest | None:
    """The manifest of a finished unit; None if the unit is not done or its manifest is damaged.

    Raises CorpusError if another version of this package wrote it."""
    try:
        data = store.read(manifest_path(folder, name))
    except FileNotFoundError:
        return None
    manifest = decode(data)
    return manifest if manifest is not None and manifest.name == name else None


def committed(store: Store, folder: str) -> dict[str, Manifest]:
    """All finished units of a folder by name, sorted. Damaged manifests are left out. Raises like `find`."""
    names = [name.removesuffix(".json") for name in store.names(f"{folder}/manifest") if name.endswith(".json")]
    return some(store, folder, names)


def some(store: Store, folder: str, names: Sequence[str]) -> dict[str, Manifest]:
    """Those of these units that are finished, in the same order. Raises like `find`."""
    with ThreadPoolExecutor(_READERS) as readers:
        manifests = readers.map(lambda name: find(store, folder, name), names)
        return {name: manifest for name, manifest in zip(names, manifests, strict=True) if manifest is not None}


def retire(store: Store, folder: str, name: str) -> None:
    """Withdraw a unit: it is not done any more and will be written again."""
    store.remove(manifest_path(folder, name))


def verify_unit(store: Store, folder: str, manifest: Manifest) -> list[Damage]:
    """Read every file of the unit again and compare size and checksum with the manifest."""
    return [
        Damage(f"{folder}/{path}", reason)
        for path, entry in manifest.files.items()
        if (reason := _compare(store, f"{folder}/{path}", entry))
    ]


def check_file(store: Store, folder: str, name: str, path: str) -> None:
    """Raise DamageError unless a file of a finished unit is what its manifest says: a table of another shard in its
    place can be read, too."""
    manifest = find(store, folder, name)
    entry = None if manifest is None else manifest.files.get(path)
    if entry is not None and (reason := _compare(store, f"{folder}/{path}", entry)):
        raise DamageError(f"{folder}/{path}: {reason}: `fld verify --repair` writes it again")


def encode(manifest: Manifest) -> bytes:
    """One JSON object with its own checksum as the last member."""
    body = msgspec.json.encode(manifest).removesuffix(b"}")
    return body + _tail(body)


def decode(data: bytes) -> Manifest | None:
    """The manifest, or None if a single bit of it is not as written. Raises CorpusError for another version."""
    body = data[: -len(_tail(b""))]
    if data != body + _tail(body):
        return None
    version = _version.decode(data).version
    if version not in (VERSION, WITH_TALLY, WITHOUT_ORIGINALS):
        raise CorpusError(
            f"manifest version must be {VERSION} to {WITHOUT_ORIGINALS}, got {version}: use the fld-engine release"
            " that wrote this corpus, or build a new corpus with this one"
        )
    return _decoder.decode(body + b"}")


class _Version(msgspec.Struct):
    version: int


_version = msgspec.json.Decoder(_Version)
_decoder = msgspec.json.Decoder(Manifest)


def _tail(body: bytes) -> bytes:
    return b',"checksum":"%s"}' % hashlib.sha256(body).hexdigest().encode()


class _Checksum:
    """Passes chunks on and sums them up."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks
        self._bytes = 0
        self._crc = 0

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self._bytes += len(chunk)
            self._crc = zlib.crc32(chunk, self._crc)
            yield chunk

    def entry(self) -> FileEntry:
        return FileEntry(self._bytes, f"{self._crc:08x}")


def _compare(store: Store, path: str, entry: FileEntry) -> str:
    """Why the file is not the one in the manifest; "" if it is."""
    seen = _Checksum(_blocks(store, path))
    try:
        for _ in seen:
            pass
    except FileNotFoundError:
        return "missing"
    content = seen.entry()
    if content.bytes != entry.bytes:
        return f"{content.bytes} bytes, {entry.bytes} were written"
    if content.crc32 != entry.crc32:
        return f"CRC-32 is {content.crc32}, {entry.crc32} was written"
    return ""


def _blocks(store: Store, path: str) -> Iterator[bytes]:
    """A file in blocks of 16 MiB."""
    start = 0
    while block := store.read(path, start, start + _BLOCK):
        yield block
        start += len(block)
        if len(block) < _BLOCK:
            return
