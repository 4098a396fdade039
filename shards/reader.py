"""Reading a corpus: samples by shard, one sample by key, the index as a table.

Comes in: the corpus folder or URL. Goes out: records, original bytes, Arrow tables; committed shards only.

    corpus = Corpus("runs/pets")
    corpus.rounds()                          [0, 1]
    round_ = corpus.round(0)
    round_.shards()                          ["000000", "000001"]
    for record in round_.records("000000"): ...
    round_.record("dog"), round_.image("dog")                       two small reads, wherever the dog is in its tar
    round_.index(["type", "score"], filters=pc.field("kept"))       a pyarrow.Table
"""

import zlib
from collections.abc import Iterator
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc

from shards import commit, images, record, rounds
from shards.commit import CorpusError, Manifest
from shards.images import ImageRow
from shards.layout import IMAGES, ROUNDS, round_folder, round_tar
from shards.record import Record
from shards.store import Store, open_store


class Corpus:
    """A corpus on disk, read only. Opening it reads nothing."""

    def __init__(self, corpus: str | Store) -> None:
        self.store = open_store(corpus) if isinstance(corpus, str) else corpus

    def shards(self) -> dict[str, Manifest]:
        """Committed image shards by name, sorted."""
        return commit.committed(self.store, IMAGES)

    def image_rows(self) -> Iterator[tuple[str, ImageRow]]:
        """(shard, row) of every image of the list, failed ones too, in the order of the list."""
        for shard in self.shards():
            for row in images.read_image_rows(self.store, shard):
                yield shard, row

    def rounds(self) -> list[int]:
        """Numbers of the rounds that have a committed shard, ascending."""
        found = {path.split("/")[1] for path in self.store.walk() if path.startswith(f"{ROUNDS}/")}
        numbers = sorted(int(name) for name in found if name.isdigit())
        return [number for number in numbers if self.store.names(f"{round_folder(number)}/manifest")]

    def round(self, number: int) -> "Round":
        """Raises CorpusError if nothing of that round is committed."""
        shards = commit.committed(self.store, round_folder(number))
        if not shards:
            raise CorpusError(f"{self.store.url} has no round {number}: it has {self.rounds() or 'none'}")
        return Round(self.store, number, shards)


class Round:
    """One round of a corpus, as it was when it was opened. `manifests`: committed shards by name."""

    def __init__(self, store: Store, number: int, manifests: dict[str, Manifest]) -> None:
        self.store = store
        self.number = number
        self.manifests = manifests

    def shards(self) -> list[str]:
        """Names of the committed shards, sorted."""
        return list(self.manifests)

    def samples(self, shard: str) -> Iterator[tuple[Record, str, bytes]]:
        """(record, extension, original bytes) of every kept image of a shard. Strict, see `rounds.read_samples`."""
        return rounds.read_samples(self.store, self.number, shard)

    def records(self, shard: str) -> Iterator[Record]:
        """The records of a shard, in its order."""
        return (sample for sample, _, _ in self.samples(shard))

    def keys(self) -> list[str]:
        """Keys of all kept images, in the order of the corpus."""
        keys: list[str] = self._places["key"].to_pylist()
        return keys

    def record(self, key: str) -> Record:
        """One record, by one ranged read. Raises KeyError if the round did not keep the image."""
        shard, place = self._find(key)
        data = self._read(shard, place.record_offset, place.record_size, key)
        if zlib.crc32(data) != place.record_crc32:
            raise CorpusError(f"{round_tar(self.number, shard)}: the record of {key!r} is damaged: run `fld verify`")
        return record.decode(data)

    def image(self, key: str) -> bytes:
        """The original bytes of one image, by one ranged read. Raises KeyError if the round did not keep it."""
        shard, place = self._find(key)
        return self._read(shard, place.offset, place.size, key)

    def index(self, columns: list[str] | None = None, filters: pc.Expression | None = None) -> pa.Table:
        """The index of all shards (columns: `shards/rounds.py`), in corpus order. filters: an expression over any of
        its columns, whether or not they are among those asked for."""
        parts = []
        for shard in self.manifests:
            whole = rounds.read_index(self.store, self.number, shard, None if filters is not None else columns)
            kept = whole if filters is None else whole.filter(filters)
            parts.append(kept if columns is None else kept.select(columns))
        return pa.concat_tables(parts)

    @cached_property
    def _places(self) -> pa.Table:
        """key, shard and place of every kept image: about 60 bytes each."""
        wanted = (pc.field("type") == "image") & pc.field("kept")
        return self.index(["key", "shard", *rounds.Place._fields], wanted).combine_chunks()

    def _find(self, key: str) -> tuple[str, rounds.Place]:
        position = pc.index(self._places["key"], key).as_py()
        if position < 0:
            raise KeyError(f"round {self.number} of {self.store.url} kept no image {key!r}: see its row in the index")
        row = self._places.slice(position, 1).to_pylist()[0]
        return row["shard"], rounds.Place(*(row[name] for name in rounds.Place._fields))

    def _read(self, shard: str, offset: int, size: int, key: str) -> bytes:
        data = self.store.read(round_tar(self.number, shard), offset, offset + size)
        if len(data) != size:
            raise CorpusError(f"{round_tar(self.number, shard)} is cut off before {key!r} ends: run `fld verify`")
        return data
