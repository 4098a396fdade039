"""Where every kept image of a round lies in its tars: the index, without any image, as one small table.

Comes in: the manifests, the index and the image list of a round. Goes out: a `TrainingPool`, split into trained and
held-out images; `pool.read(i)` is one ranged read of a tar (a picture and its record lie side by side), or two where
the round holds records only.

A pool takes 48 bytes per image, so an epoch can be shuffled over all shards at once, and any place in it is reached
without reading what lies before.
"""

import hashlib
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from shards import commit, images, record, rounds, table
from shards.completeness import check_round
from shards.errors import CorpusError
from shards.layout import IMAGES, round_folder, round_tar, tar_path
from shards.originals import Originals
from shards.reader import Corpus
from shards.record import Record
from shards.store import Store
from stages.held_out import held_out_order

_ROW = np.dtype(
    [
        ("shard", np.int32),
        ("record_crc32", np.uint32),
        ("offset", np.int64),
        ("size", np.int64),
        ("record_offset", np.int64),
        ("record_size", np.int64),
        ("order", np.float64),
    ]
)


@dataclass(frozen=True, eq=False)
class TrainingPool:
    """Images of one round. rows: structured array [n] (see `_ROW`), in corpus order. tars: of each shard where its
    pictures are: with the records, or in `images/`. data: SHA-256 of what the
    round's manifests say, so that a run knows whether the round is still the same."""

    store: Store
    number: int
    shards: list[str]
    tars: list[str]
    rows: NDArray[Any]
    data: str

    def __len__(self) -> int:
        return len(self.rows)

    def split(self, held_out: float) -> tuple["TrainingPool", "TrainingPool"]:
        """(trained, held out); the held-out ones by their hash, so that the first k are the same in every round."""
        out = self.rows["order"] < held_out
        held = self.rows[out]
        return self._of(self.rows[~out]), self._of(held[np.argsort(held["order"], kind="stable")])

    def read(self, i: int) -> tuple[Record, bytes]:
        """Record and original bytes of one image. Raises CorpusError or RecordError for damaged ones."""
        row = self.rows[i]
        path, tar = round_tar(self.number, self.shards[row["shard"]]), self.tars[row["shard"]]
        start, end = int(row["record_offset"]), int(row["record_offset"] + row["record_size"])
        first, last = int(row["offset"]), int(row["offset"] + row["size"])
        if tar == path:
            both = min(start, first)
            data = self._bytes(path, both, max(end, last))
            written, original = data[start - both : end - both], data[first - both : last - both]
        else:
            written, original = self._bytes(path, start, end), self._bytes(tar, first, last)
        if zlib.crc32(written) != int(row["record_crc32"]):
            raise CorpusError(f"{path}: the record at byte {start} is damaged: run `fld verify`")
        return record.decode(written), original

    def _bytes(self, path: str, start: int, end: int) -> bytes:
        data = self.store.read(path, start, end)
        if len(data) != end - start:
            raise CorpusError(f"{path} is cut off before byte {end}: run `fld verify`")
        return data

    def _of(self, rows: NDArray[Any]) -> "TrainingPool":
        return TrainingPool(self.store, self.number, self.shards, self.tars, rows, self.data)


def load_pool(store: Store, number: int) -> TrainingPool:
    """All kept images of a round. Raises CorpusError if the round is not there, or not whole."""
    round_ = Corpus(store).round(number)
    check_round(store, round_folder(number), store.url)
    shards = round_.shards()
    parts = [_rows(store, number, shard, position) for position, shard in enumerate(shards)]
    apart = [round_.manifests[shard].version == commit.WITHOUT_ORIGINALS for shard in shards]
    tars = [
        tar_path(shard) if is_apart else round_tar(number, shard) for shard, is_apart in zip(shards, apart, strict=True)
    ]
    digest = hashlib.sha256()
    for shard in shards:
        entry = round_.manifests[shard].files[f"shards/{shard}.tar"]
        digest.update(f"{shard} {entry.bytes} {entry.crc32}\n".encode())
    return TrainingPool(store, number, shards, tars, np.concatenate(parts), digest.hexdigest())


def _rows(store: Store, number: int, shard: str, position: int) -> NDArray[Any]:
    index = rounds.read_index(store, number, shard, ["key", "type", "kept", *rounds.SamplePlace._fields])
    samples = rounds.kept_samples(index)
    hashes = _hashes(store, shard)
    rows = np.zeros(len(samples), dtype=_ROW)
    originals = Originals(store)
    for i, (key, place) in enumerate(samples):
        order = held_out_order(hashes[key])
        offset, size = place.offset, place.size
        if offset is None or size is None:
            offset, end = originals.place(shard, key)
            size = end - offset
        rows[i] = (position, place.record_crc32, offset, size, place.record_offset, place.record_size, order)
    return rows


def _hashes(store: Store, shard: str) -> dict[str, str]:
    """Key -> SHA-256 of the original bytes, from the image list."""
    path = f"{IMAGES}/{shard}.parquet"
    rows: pa.Table = table.decode(store.read(path), images.SCHEMA, path, ["key", "sha256"])
    return dict(zip(rows["key"].to_pylist(), rows["sha256"].to_pylist(), strict=True))
