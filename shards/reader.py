"""Reading a corpus: samples by shard, one sample by key, the index as a table.

Comes in: the corpus folder or URL. Goes out: records, original bytes, Arrow tables; committed shards only.

    corpus = Corpus("runs/pets")
    corpus.rounds()                          [0, 1]
    round_ = corpus.round(0)
    round_.shards()                          ["000000", "000001"]
    for record in round_.records("000000"): ...
    round_.record("dog"), round_.image("dog")                       a few small reads, however large the corpus
    round_.rows("dog")                                              all that was said of it, kept or dropped
    round_.index(["type", "score"], filters=pc.field("kept"))       a pyarrow.Table; reads the index of every shard
"""

import zlib
from collections import OrderedDict
from collections.abc import Container, Iterator
from functools import cached_property
from itertools import count
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from shards import commit, images, record, rounds, summaries
from shards.commit import Manifest
from shards.errors import CorpusError, DamageError
from shards.images import ImageRow
from shards.layout import IMAGES, round_folder, round_tar, tar_path
from shards.lookup import find_key
from shards.originals import Originals
from shards.record import Record
from shards.store import Store, open_corpus

_SUMMARIES_KEPT = 8
"""Shards whose summary an open round remembers."""
_LONGEST_GAP = 10
_PLACE_OF_RECORD = ["key", "shard", "record_offset", "record_size", "record_crc32"]
Row = dict[str, Any]


class Corpus:
    """A corpus on disk, read only. Opening it reads nothing; of a folder that is not there it raises StoreError."""

    def __init__(self, corpus: str | Store) -> None:
        self.store = open_corpus(corpus) if isinstance(corpus, str) else corpus

    def shards(self) -> dict[str, Manifest]:
        """Committed image shards by name, sorted."""
        return commit.committed(self.store, IMAGES)

    def image_rows(self) -> Iterator[tuple[str, ImageRow]]:
        """(shard, row) of every image of the list, failed ones too, in the order of the list."""
        for shard in self.shards():
            for row in images.read_image_rows(self.store, shard):
                yield shard, row

    def rounds(self) -> list[int]:
        """Numbers of the rounds that have a committed shard, ascending. Asked are the folders of rounds one by one, as
        a list of every file of the corpus would take minutes; a gap of more than 9 rounds ends the search."""
        numbers: list[int] = []
        for number in count():
            if self.store.names(f"{round_folder(number)}/manifest"):
                numbers.append(number)
            elif number - max(numbers, default=-1) >= _LONGEST_GAP:
                return numbers
        return numbers

    def round(self, number: int) -> "Round":
        """Raises CorpusError if nothing of that round is committed."""
        if not self.store.names(f"{round_folder(number)}/manifest"):
            raise CorpusError(f"{self.store.url} has no round {number}: it has {self.rounds() or 'none'}")
        return Round(self.store, number)


class Round:
    """One round of a corpus. Opening it reads nothing; one image costs the same however many others there are."""

    def __init__(self, store: Store, number: int) -> None:
        self.store = store
        self.number = number
        self._summaries: OrderedDict[str, pa.Table] = OrderedDict()
        self._originals = Originals(store)

    @cached_property
    def manifests(self) -> dict[str, Manifest]:
        """Committed shards by name, sorted, as they were when this was first asked."""
        return commit.committed(self.store, round_folder(self.number))

    def shards(self) -> list[str]:
        """Names of the committed shards, sorted."""
        return list(self.manifests)

    def samples(self, shard: str) -> Iterator[tuple[Record, str, bytes]]:
        """(record, extension, original bytes) of every kept image of a shard. Strict, see `rounds.read_samples`."""
        return rounds.read_samples(self.store, self.number, shard)

    def records(self, shard: str) -> Iterator[Record]:
        """The records of a shard, in its order."""
        return rounds.read_records(self.store, self.number, shard)

    def records_of(self, shard: str, keys: Container[str]) -> Iterator[Record]:
        """The records of a shard whose images are among `keys`, in its order. Of few each by one ranged read, of most
        all of them and some passed over."""
        summary = self.summary(shard)
        if summary is None:
            return
        kept = summary.filter(pc.equal(summary["status"], "kept")).select(_PLACE_OF_RECORD).to_pylist()
        wanted = [row for row in kept if row["key"] in keys]
        if 2 * len(wanted) > len(kept):
            yield from (record for record in self.records(shard) if record.key in keys)
        else:
            yield from map(self.record_of, wanted)

    def keys(self) -> list[str]:
        """Keys of all kept images, in the order of the corpus."""
        kept = self.index(["key"], (pc.field("type") == "image") & pc.field("kept"))
        keys: list[str] = kept["key"].to_pylist()
        return keys

    def record(self, key: str) -> Record:
        """One record, by one ranged read. Raises KeyError if the round did not keep the image."""
        return self.record_of(self._kept(key))

    def image(self, key: str) -> bytes:
        """The original bytes of one image, by one ranged read. Raises KeyError if the round did not keep it."""
        return self.image_of(self._kept(key))

    def find(self, key: str) -> Row:
        """The row of the summary about one image, kept or not. Raises KeyError if the round has none of this key."""
        for shard, position in find_key(self.store, key):
            summary = self.summary(shard)
            if summary is None:
                continue
            keys = summary["key"]
            if not (position < len(keys) and keys[position].as_py() == key):
                position = pc.index(keys, key).as_py()
            if position >= 0:
                row: Row = summary.slice(position, 1).to_pylist()[0]
                return row
        raise KeyError(f"round {self.number} of {self.store.url} has no image {key!r}")

    def summary(self, shard: str) -> pa.Table | None:
        """The summary of a shard, one row per image (`shards/summary.py`); None if the shard is not committed."""
        if shard not in self._summaries:
            manifest = commit.find(self.store, round_folder(self.number), shard)
            if manifest is None:
                return None
            self._summaries[shard] = summaries.read_summary(self.store, self.number, manifest)
            if len(self._summaries) > _SUMMARIES_KEPT:
                self._summaries.popitem(last=False)
        return self._summaries[shard]

    def rows(self, key: str) -> list[Row]:
        """The rows of the index about one image, in its order. Raises KeyError if the round has none of this key."""
        return self.rows_of(self.find(key))

    def record_of(self, row: Row) -> Record:
        """The record of an image that `find` found and that the round kept."""
        data = self._read(row["shard"], row["record_offset"], row["record_size"], row["key"])
        if zlib.crc32(data) != row["record_crc32"]:
            tar = round_tar(self.number, row["shard"])
            raise DamageError(f"{tar}: the record of {row['key']!r} is damaged: run `fld verify`")
        return record.decode(data)

    def image_of(self, row: Row) -> bytes:
        """The original bytes of an image that `find` found and that the round kept. Raises DamageError if they are not
        those that were ingested; their checksum is in the record."""
        if row["size"]:
            data = self._read(row["shard"], row["offset"], row["size"], row["key"])
            path = round_tar(self.number, row["shard"])
        else:  # the round holds records only
            data, path = self._originals.read(row["shard"], row["key"]), tar_path(row["shard"])
        rounds.check_original(data, self.record_of(row), path)
        return data

    def rows_of(self, row: Row) -> list[Row]:
        """The rows of the index about an image that `find` found."""
        own = rounds.read_rows(self.store, self.number, row["shard"], row["first_row"], row["last_row"])
        rows: list[Row] = own.filter(pc.equal(own["key"], row["key"])).to_pylist()
        return rows

    def index(self, columns: list[str] | None = None, filters: pc.Expression | None = None) -> pa.Table:
        """The index of all shards (columns: `shards/rounds.py`), in corpus order. filters: an expression over any of
        its columns, whether or not they are among those asked for."""
        parts = []
        for shard in self.manifests:
            whole = rounds.read_index(self.store, self.number, shard, None if filters is not None else columns)
            kept = whole if filters is None else whole.filter(filters)
            parts.append(kept if columns is None else kept.select(columns))
        return pa.concat_tables(parts)

    def _kept(self, key: str) -> Row:
        row = self.find(key)
        if row["status"] != "kept":
            raise KeyError(f"round {self.number} of {self.store.url} kept no image {key!r}: {row['rule']}")
        return row

    def _read(self, shard: str, offset: int, size: int, key: str) -> bytes:
        data = self.store.read(round_tar(self.number, shard), offset, offset + size)
        if len(data) != size:
            raise DamageError(f"{round_tar(self.number, shard)} is cut off before {key!r} ends: run `fld verify`")
        return data
