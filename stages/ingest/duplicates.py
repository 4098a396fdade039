"""Which images show the same as one before them.

    images/duplicates/000000.parquet   one row per finding, in plan order:
    key string             the later image                 kind string      "exact" (sha256) | "near" (pHash)
    shard string           its shard                       distance int32   differing bits of 64; 0 for exact
    duplicate_of string    the first such image

The first image in plan order is the original. A near duplicate points to the earliest *original* within the distance
(an image that is itself a near duplicate is none), so a chain of slowly changing frames is cut where it has drifted
too far instead of collapsing into one. The answer for an image depends only on the images before it: appending to a
corpus changes no earlier row, and only the new images are compared.

Pairs are found by multi-index hashing (Norouzi et al., 2012): 64 bits are cut into 4 parts of 16; two hashes within
d bits agree in some part up to d // 4 bits, so it is enough to look into the buckets that close.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import Literal, NamedTuple

import msgspec
import pyarrow as pa

from shards import commit, table
from shards.commit import ImageCounts, Manifest
from shards.images import ImageRow, read_image_rows
from shards.layout import IMAGES
from shards.store import Store
from stages.ingest.settings import DuplicateSettings

DUPLICATES = f"{IMAGES}/duplicates"
NAME = "000000"
SCHEMA = table.versioned(
    "duplicates",
    1,
    [
        ("key", pa.string()),
        ("shard", pa.string()),
        ("duplicate_of", pa.string()),
        ("kind", pa.string()),
        ("distance", pa.int32()),
    ],
)
PARTS, PART_BITS = 4, 16

DuplicateKind = Literal["exact", "near"]


class Duplicate(msgspec.Struct, frozen=True):
    """`key` (in `shard`) shows the same as `duplicate_of`; distance in bits of 64."""

    key: str
    shard: str
    duplicate_of: str
    kind: DuplicateKind
    distance: int


class DuplicateDrop(NamedTuple):
    """Why a key is left out. rule: exact_duplicate | near_duplicate."""

    rule: str
    duplicate_of: str
    distance: int


class _Covered(msgspec.Struct):
    """What a duplicates table was made from: the distance, and shard -> checksum of its rows."""

    distance: int
    shards: dict[str, str]


class NearIndex:
    """Originals by perceptual hash. Memory: one integer and four list slots per original."""

    def __init__(self, distance: int) -> None:
        self._distance = distance
        self._masks = [
            sum(1 << bit for bit in bits)
            for flips in range(distance // PARTS + 1)
            for bits in combinations(range(PART_BITS), flips)
        ]
        self._hashes: list[int] = []
        self._keys: list[str] = []
        self._buckets: list[defaultdict[int, list[int]]] = [defaultdict(list) for _ in range(PARTS)]

    def find(self, value: int) -> tuple[str, int] | None:
        """Key and distance of the earliest original within the distance."""
        best: int | None = None
        for part, buckets in zip(_parts(value), self._buckets, strict=True):
            for mask in self._masks:
                for index in buckets.get(part ^ mask, ()):
                    if best is not None and index >= best:
                        break
                    if (self._hashes[index] ^ value).bit_count() <= self._distance:
                        best = index
                        break
        return None if best is None else (self._keys[best], (self._hashes[best] ^ value).bit_count())

    def add(self, key: str, value: int) -> None:
        for part, buckets in zip(_parts(value), self._buckets, strict=True):
            buckets[part].append(len(self._hashes))
        self._hashes.append(value)
        self._keys.append(key)


def _parts(value: int) -> Iterator[int]:
    return ((value >> shift) & 0xFFFF for shift in range(0, PARTS * PART_BITS, PART_BITS))


def find_duplicates(
    rows: Iterable[tuple[str, ImageRow]], distance: int, known: dict[str, list[Duplicate]] | None = None
) -> Iterator[Duplicate]:
    """Duplicates among `rows` (shard, row), in plan order. An image has at most one exact and one near row; the near
    one is left out where it would name the same original.

    known: shard -> its duplicates as found before; those shards are only indexed, not compared."""
    by_content: dict[str, str] = {}
    near = NearIndex(distance)
    copies = {copy.key for shard in (known or {}).values() for copy in shard}
    for shard, row in rows:
        if row.status != "ok":
            continue
        if known is not None and shard in known:
            by_content.setdefault(row.sha256, row.key)
            if row.key not in copies:
                near.add(row.key, int(row.phash, 16))
            continue
        original = by_content.setdefault(row.sha256, row.key)
        if original != row.key:
            yield Duplicate(row.key, shard, original, "exact", 0)
        similar = near.find(int(row.phash, 16))
        if similar is None:
            near.add(row.key, int(row.phash, 16))
        elif original == row.key or similar[0] != original:
            yield Duplicate(row.key, shard, similar[0], "near", similar[1])


def update_duplicates(store: Store, settings: DuplicateSettings) -> list[Duplicate]:
    """The duplicates of all committed image shards, written as one committed unit. Shards that the committed table
    already covers are not compared again; if it covers all, nothing is written."""
    manifests = commit.committed(store, IMAGES)
    covered = _Covered(
        settings.distance, {name: _rows_checksum(name, manifest) for name, manifest in manifests.items()}
    )
    old = _read_covered(store)
    if old is not None and _fingerprint(old) == _fingerprint(covered):
        return read_duplicates(store)
    known = _reusable(old, covered, store)
    rows = ((shard, row) for shard in manifests for row in read_image_rows(store, shard))
    new = list(find_duplicates(rows, settings.distance, known))
    duplicates = [duplicate for shard in known.values() for duplicate in shard] + new
    kept = sum(manifest.counts.kept for manifest in manifests.values())
    files = {f"{NAME}.parquet": _encode(duplicates), f"{NAME}.json": msgspec.json.encode(covered)}
    commit.publish(store, DUPLICATES, NAME, files, ImageCounts(read=kept, kept=kept), _fingerprint(covered))
    return duplicates


def read_duplicates(store: Store) -> list[Duplicate]:
    """The committed table; [] if there is none."""
    if commit.find(store, DUPLICATES, NAME) is None:
        return []
    path = f"{DUPLICATES}/{NAME}.parquet"
    columns = table.decode(store.read(path), SCHEMA, path)
    return [Duplicate(*row) for row in zip(*(columns.column(name).to_pylist() for name in SCHEMA.names), strict=True)]


def dropped_keys(store: Store, settings: DuplicateSettings) -> dict[str, DuplicateDrop]:
    """Keys that the settings leave out of a round, with rule, original and distance. `near: drop` drops exact
    duplicates too: they are the nearest there are."""
    kinds = {"exact"} if settings.exact == "drop" else set()
    if settings.near == "drop":
        kinds = {"exact", "near"}
    dropped: dict[str, DuplicateDrop] = {}
    for duplicate in read_duplicates(store) if kinds else []:
        if duplicate.kind in kinds:
            dropped.setdefault(
                duplicate.key, DuplicateDrop(f"{duplicate.kind}_duplicate", duplicate.duplicate_of, duplicate.distance)
            )
    return dropped


def _rows_checksum(name: str, manifest: Manifest) -> str:
    return manifest.files[f"{name}.parquet"].crc32


def _fingerprint(covered: _Covered) -> str:
    return hashlib.sha256(msgspec.json.encode(covered)).hexdigest()[:16]


def _read_covered(store: Store) -> _Covered | None:
    manifest = commit.find(store, DUPLICATES, NAME)
    if manifest is None or commit.verify_unit(store, DUPLICATES, manifest):  # it follows from the images: found again
        return None
    return msgspec.json.decode(store.read(f"{DUPLICATES}/{NAME}.json"), type=_Covered)


def _reusable(old: _Covered | None, covered: _Covered, store: Store) -> dict[str, list[Duplicate]]:
    """Shard -> duplicates, for the shards of the old table if they are still the first ones and unchanged."""
    if old is None or old.distance != covered.distance:
        return {}
    if list(old.shards.items()) != list(covered.shards.items())[: len(old.shards)]:
        return {}
    known: dict[str, list[Duplicate]] = {shard: [] for shard in old.shards}
    for duplicate in read_duplicates(store):
        known[duplicate.shard].append(duplicate)
    return known


def _encode(duplicates: list[Duplicate]) -> bytes:
    columns = [[getattr(duplicate, name) for duplicate in duplicates] for name in SCHEMA.names]
    arrays = [pa.array(column, SCHEMA.field(name).type) for name, column in zip(SCHEMA.names, columns, strict=True)]
    return table.encode(pa.table(arrays, schema=SCHEMA))
