"""Which shard holds a key: sorted hashes on disk, so that one small read answers, however large the corpus is.

    images/lookup/000000-000999.keys     the keys of the image shards 000000 to 000999, 16 bytes each, little-endian:

    bytes 0-7    "FLDKEYS1"              then per key, by rising hash:    hash   uint64   first 8 bytes of BLAKE2b(key)
    bytes 8-15   how many keys, uint64                                    shard  uint32   number of its image shard
                                                                          row    uint32   its row there

Hashes are spread evenly, so the place of one in the file is known up to a few thousand rows: a read of 64 KiB finds it.
A part is written when an ingest ends, for the shards that no part covers; a shard that none covers is read itself. The
lookup only points: whoever reads the row there sees whether it is the key.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from shards import commit, table
from shards.commit import ImageCounts
from shards.images import SCHEMA
from shards.layout import IMAGES, shard_name
from shards.store import Store

LOOKUP = f"{IMAGES}/lookup"
MAX_PARTS = 16
"""More of them are merged into one."""
_MAGIC = b"FLDKEYS1"
_HEADER = 16
_ROW = np.dtype([("hash", "<u8"), ("shard", "<u4"), ("row", "<u4")])
_WINDOW = 4096  # rows, 64 KiB
_PART = re.compile(r"(\d+)-(\d+)")


def key_hash(key: str) -> int:
    """A hash of a key in [0, 2^64) that is the same everywhere."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "big")


def complete_lookup(store: Store) -> int:
    """Write what is missing, and return for how many shards. Only for the holder of the corpus lock."""
    shards = _image_shards(store)
    parts = _parts(store)
    missing = [shard for shard in shards if not _covered(shard, parts)]
    if not missing:
        return 0
    redone = shards if len(parts) >= MAX_PARTS else missing
    for run in _runs(redone):
        rows = np.concatenate([_rows(shard, read_keys(store, shard)) for shard in run])
        order = np.argsort(rows["hash"], kind="stable")
        name = f"{run[0]}-{run[-1]}"
        content = {f"{name}.keys": _content(rows, order)}
        commit.publish(store, LOOKUP, name, content, ImageCounts(len(rows), len(rows)), "")
        if redone is shards:
            for part in parts:
                if part != name:
                    commit.retire(store, LOOKUP, part)
                    store.remove(f"{LOOKUP}/{part}.keys")
    return len(missing)


def find_key(store: Store, key: str) -> Iterator[tuple[str, int]]:
    """(image shard, row) where the key may be; the caller looks whether it is. First what the lookup says, then every
    shard that it does not cover."""
    whole = []
    for part in _parts(store):
        rows = _search(store, f"{LOOKUP}/{part}.keys", key_hash(key))
        if rows is not None:
            whole.append(part)
            yield from ((shard_name(int(row["shard"])), int(row["row"])) for row in rows)
    for shard in _image_shards(store):
        if not _covered(shard, whole):
            keys = read_keys(store, shard)
            if key in keys:
                yield shard, keys.index(key)


def read_keys(store: Store, shard: str) -> list[str]:
    """The keys of an image shard, in its order."""
    path = f"{IMAGES}/{shard}.parquet"
    keys: list[str] = table.decode(store.read(path), SCHEMA, path, ["key"])["key"].to_pylist()
    return keys


def _search(store: Store, path: str, target: int) -> NDArray[np.void] | None:
    """The rows of a part with this hash: looked for around the place where an even spread has it, wider if need be.
    None if the part is missing or cut off."""
    try:
        head = store.read(path, 0, _HEADER)
    except FileNotFoundError:
        return None
    if head[:8] != _MAGIC:
        return None
    count = int.from_bytes(head[8:], "little")
    middle, half = target * count >> 64, _WINDOW // 2
    while True:
        first, last = max(0, middle - half), min(count, middle + half)
        data = store.read(path, _HEADER + first * _ROW.itemsize, _HEADER + last * _ROW.itemsize)
        if len(data) != (last - first) * _ROW.itemsize:
            return None
        rows = np.frombuffer(data, _ROW)
        low_enough = first == 0 or int(rows["hash"][0]) < target
        high_enough = last == count or int(rows["hash"][-1]) > target
        if low_enough and high_enough:
            matching: NDArray[np.void] = rows[rows["hash"] == np.uint64(target)]
            return matching
        half *= 8


def _content(rows: NDArray[np.void], order: NDArray[np.int64]) -> Iterator[bytes]:
    """A part, in pieces: whole it would be in memory three times."""
    yield _MAGIC + len(rows).to_bytes(8, "little")
    for start in range(0, len(order), _WINDOW):
        yield rows[order[start : start + _WINDOW]].tobytes()


def _rows(shard: str, keys: Sequence[str]) -> NDArray[np.void]:
    rows = np.empty(len(keys), _ROW)
    rows["hash"] = [key_hash(key) for key in keys]
    rows["shard"], rows["row"] = int(shard), np.arange(len(keys))
    return rows


def _image_shards(store: Store) -> list[str]:
    return [name.removesuffix(".json") for name in store.names(f"{IMAGES}/manifest") if name.endswith(".json")]


def _parts(store: Store) -> list[str]:
    names = (name.removesuffix(".json") for name in store.names(f"{LOOKUP}/manifest") if name.endswith(".json"))
    return [name for name in names if _PART.fullmatch(name)]


def _covered(shard: str, parts: Sequence[str]) -> bool:
    return any(first <= shard <= last for first, last in (part.split("-") for part in parts))


def _runs(shards: Sequence[str]) -> Iterator[list[str]]:
    """Shards cut where the next one is not among them, so that a part's name says all that it covers."""
    run: list[str] = []
    for shard in shards:
        if run and int(shard) != int(run[-1]) + 1:
            yield run
            run = []
        run.append(shard)
    if run:
        yield run
