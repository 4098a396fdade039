"""Which images show the same as one before them.

    images/duplicates/000000.parquet   one row per finding, in plan order:
    key string             the later image                 kind string      "exact" (sha256) | "near" (pHash)
    shard string           its shard                       distance int32   differing bits of 64; 0 for exact
    duplicate_of string    the first such image

The first image in plan order is the original. A near duplicate points to the earliest *original* within the distance
(an image that is itself a near duplicate is none), so a chain of slowly changing frames is cut where it has drifted
too far instead of collapsing into one. The answer for an image depends only on the images before it: appending to a
corpus changes no earlier row, and only the new images are compared.

Of an image only hashes are held, in arrays (`similar.py`), and of what is found only rows of this table.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Literal, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from shards import commit, images, table
from shards.commit import ImageCounts, Manifest
from shards.errors import DamageError
from shards.layout import IMAGES
from shards.store import Store
from stages.ingest.settings import DuplicateSettings
from stages.ingest.similar import Hashes, Places, equal_ones, near_originals

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


def update_duplicates(store: Store, settings: DuplicateSettings) -> dict[str, int]:
    """Find the duplicates among all committed image shards, and write them as one committed unit: kind -> how many.

    Shards that the committed table already covers are not compared again; if it covers all, nothing is written."""
    manifests = commit.committed(store, IMAGES)
    covered = _Covered(
        settings.distance, {name: _rows_checksum(name, manifest) for name, manifest in manifests.items()}
    )
    old = _read_covered(store)
    if old is not None and _fingerprint(old) == _fingerprint(covered):
        return _kinds(_read_table(store))
    known = _reusable(old, covered, store)
    rows = pa.concat_tables([known.rows, find_duplicates(store, manifests, settings.distance, known)])
    kept = sum(manifest.counts.kept for manifest in manifests.values())
    files: dict[str, bytes | Iterator[bytes]] = {
        f"{NAME}.parquet": table.encode_parts(_sliced(rows), SCHEMA),
        f"{NAME}.json": msgspec.json.encode(covered),
    }
    commit.publish(store, DUPLICATES, NAME, files, ImageCounts(read=kept, kept=kept), _fingerprint(covered))
    return _kinds(rows)


class Known(NamedTuple):
    """What an earlier table says of the first shards: how many they are, and its rows."""

    shards: int = 0
    rows: pa.Table = SCHEMA.empty_table()


def find_duplicates(store: Store, shards: Mapping[str, Manifest], distance: int, known: Known) -> pa.Table:
    """Duplicates in image shards, in plan order. An image has at most one exact and one near row; the near one is left
    out where it would name the same original. Images of known shards are originals for others, but not compared."""
    read = _read_hashes(store, shards, known)
    old = int(read.starts[known.shards])
    exact, exact_of = equal_ones(*read.content)
    read.content.clear()
    similar, similar_of = _near(read, distance, old)
    is_same = np.isin(similar * len(read.phash) + similar_of, exact * len(read.phash) + exact_of)
    found, of = np.concatenate([exact, similar[~is_same]]), np.concatenate([exact_of, similar_of[~is_same]])
    is_near = np.arange(len(found)) >= len(exact)
    order = np.lexsort((is_near, found))  # exact before near
    order = order[found[order] >= old]
    found, of, is_near = found[order], of[order], is_near[order]
    return pa.table(
        [
            _keys(store, shards, read.starts, found),
            pa.array(np.asarray([*shards], str)[np.searchsorted(read.starts, found, "right") - 1], pa.string()),
            _keys(store, shards, read.starts, of),
            pa.array(np.where(is_near, "near", "exact"), pa.string()),
            pa.array(np.bitwise_count(read.phash[found] ^ read.phash[of]) * is_near, pa.int32()),
        ],
        schema=SCHEMA,
    )


def _near(read: "_Images", distance: int, old: int) -> tuple[Places, Places]:
    """Near duplicates at places from `old` on, and the original of each."""
    compared = np.flatnonzero(~read.is_copy)
    near = near_originals(read.phash[compared], distance, int(np.searchsorted(compared, old)))
    found = np.flatnonzero(near >= 0)
    return compared[found], compared[near[found]]


class _Images(NamedTuple):
    """Hashes of the good images of all shards, by place in plan order. content: the exact one in two columns. is_copy:
    known not to be an original. starts: the first place of each shard, and behind the last one."""

    content: list[Hashes]
    phash: Hashes
    is_copy: NDArray[np.bool_]
    starts: Places


def _read_hashes(store: Store, shards: Mapping[str, Manifest], known: Known) -> _Images:
    starts = np.cumsum([0, *(manifest.counts.kept for manifest in shards.values())])
    total = int(starts[-1])
    content = [np.empty(total, np.uint64), np.empty(total, np.uint64)]
    read = _Images(content, np.empty(total, np.uint64), np.zeros(total, bool), starts)
    copies = _by_shard(known.rows)
    for number, (shard, (start, end)) in enumerate(zip(shards, pairwise(starts), strict=True)):
        rows = _good_rows(store, shard, ["key", "sha256", "phash"])
        if len(rows) != end - start:
            raise DamageError(
                f"{IMAGES}/{shard}.parquet has {len(rows)} good images, its manifest says {end - start}:"
                " `fld verify --repair` writes it again"
            )
        digests = np.frombuffer(b"".join(map(_digest, rows["sha256"].to_pylist())), np.uint64)
        read.content[0][start:end], read.content[1][start:end] = digests[::2], digests[1::2]
        read.phash[start:end] = [int(text, 16) for text in rows["phash"].to_pylist()]
        if number < known.shards and shard in copies:
            read.is_copy[start:end] = pc.is_in(rows["key"], value_set=copies[shard]["key"]).to_numpy()
    return read


def _digest(sha256: str) -> bytes:
    """16 bytes; of whatever a program may have written as the hash."""
    return hashlib.blake2b(sha256.encode(), digest_size=16).digest()


def _good_rows(store: Store, shard: str, columns: list[str]) -> pa.Table:
    path = f"{IMAGES}/{shard}.parquet"
    rows = table.decode(store.read(path), images.SCHEMA, path, [*columns, "status"])
    return rows.filter(pc.equal(rows["status"], "ok"))


def _keys(store: Store, shards: Iterable[str], starts: Places, places: Places) -> pa.ChunkedArray:
    """The keys of the images at these places: of each shard that has one of them the keys are read again."""
    wanted = np.unique(places)
    chunks = [pa.array([], pa.large_string())]
    bounds = np.searchsorted(wanted, starts)
    for shard, start, (low, high) in zip(shards, starts[:-1], pairwise(bounds), strict=True):
        if low < high:
            keys = _good_rows(store, shard, ["key"])["key"].take(wanted[low:high] - start)
            chunks += keys.cast(pa.large_string()).chunks
    return pa.chunked_array(chunks).take(np.searchsorted(wanted, places))


def _by_shard(rows: pa.Table) -> dict[str, pa.Table]:
    """The rows of each shard; those of a shard follow each other."""
    codes = pc.run_end_encode(rows["shard"].combine_chunks())
    ends = codes.run_ends.to_pylist()
    names = codes.values.to_pylist()
    return {name: rows.slice(start, end - start) for name, start, end in zip(names, [0, *ends], ends, strict=False)}


def _sliced(rows: pa.Table) -> Iterator[pa.Table]:
    """In row groups of one piece, as a table has them that was never in pieces."""
    for start in range(0, max(rows.num_rows, 1), table.ROW_GROUP):
        yield rows.slice(start, table.ROW_GROUP).combine_chunks()


def _kinds(rows: pa.Table) -> dict[str, int]:
    return {count["values"]: count["counts"] for count in pc.value_counts(rows["kind"]).to_pylist()}


def read_duplicates(store: Store) -> list[Duplicate]:
    """The committed table; [] if there is none."""
    return _duplicates(_read_table(store))


def dropped_images(store: Store, settings: DuplicateSettings) -> Mapping[str, dict[str, DuplicateDrop]]:
    """Shard -> keys that the settings leave out of a round, with rule, original and distance. `near: drop` drops exact
    duplicates too: they are the nearest there are."""
    kinds = ["exact", "near"] if settings.near == "drop" else ["exact"] if settings.exact == "drop" else []
    rows = _read_table(store) if kinds else SCHEMA.empty_table()
    return _Dropped(_by_shard(rows.filter(pc.is_in(rows["kind"], value_set=pa.array(kinds, pa.string())))))


class _Dropped(Mapping[str, dict[str, DuplicateDrop]]):
    """Made of the rows of a shard when it is asked for."""

    def __init__(self, rows: Mapping[str, pa.Table]) -> None:
        self._rows = rows

    def __getitem__(self, shard: str) -> dict[str, DuplicateDrop]:
        dropped: dict[str, DuplicateDrop] = {}
        for found in _duplicates(self._rows[shard]):
            dropped.setdefault(found.key, DuplicateDrop(f"{found.kind}_duplicate", found.duplicate_of, found.distance))
        return dropped

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


def _read_table(store: Store) -> pa.Table:
    if commit.find(store, DUPLICATES, NAME) is None:
        return SCHEMA.empty_table()
    path = f"{DUPLICATES}/{NAME}.parquet"
    return table.decode(store.read(path), SCHEMA, path)


def _duplicates(rows: pa.Table) -> list[Duplicate]:
    return [Duplicate(*row) for row in zip(*(rows[name].to_pylist() for name in SCHEMA.names), strict=True)]


def _rows_checksum(name: str, manifest: Manifest) -> str:
    return manifest.files[f"{name}.parquet"].crc32


def _fingerprint(covered: _Covered) -> str:
    return hashlib.sha256(msgspec.json.encode(covered)).hexdigest()[:16]


def _read_covered(store: Store) -> _Covered | None:
    manifest = commit.find(store, DUPLICATES, NAME)
    if manifest is None or commit.verify_unit(store, DUPLICATES, manifest):  # it follows from the images: found again
        return None
    return msgspec.json.decode(store.read(f"{DUPLICATES}/{NAME}.json"), type=_Covered)


def _reusable(old: _Covered | None, covered: _Covered, store: Store) -> Known:
    """What the old table says, if its shards are still the first ones and unchanged."""
    if old is None or old.distance != covered.distance:
        return Known()
    if list(old.shards.items()) != list(covered.shards.items())[: len(old.shards)]:
        return Known()
    return Known(len(old.shards), _read_table(store))
