"""Where the pictures of a round are: beside its records, or only in `images/`.

    rounds.originals: copy    rounds/00/shards/000000.tar       key.jpg + key.json
                      none    rounds/00/shards/000000.tar       key.json; offset and size in index and summary are null
                      link    likewise, and rounds/00/originals/000000.tar, the image shard under a second name

A round without pictures finds them in `images/` by key: an image shard that is written again (failed images retried)
puts them elsewhere, and no round points to where they were. `Originals` remembers the shards it was asked about last.
"""

from collections import OrderedDict
from typing import Literal

from pydantic import Field

from shards import images, table
from shards.errors import DamageError
from shards.layout import IMAGES, tar_path
from shards.settings import Settings
from shards.store import Store

OriginalsPolicy = Literal["copy", "link", "none"]
_SHARDS_KEPT = 8


class RoundSettings(Settings):
    """How a round is written."""

    originals: OriginalsPolicy = Field(
        "copy",
        description="copy: a round's tars hold pictures and records, a training set by themselves; none: records only,"
        " pictures stay in images/ (a round then takes a few percent of the disk); link: as none, and the tars of"
        " images/ are linked into the round (a hard link, or a copy that an object store makes itself)",
    )


class Originals:
    """The original bytes of images, by shard and key."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._places: OrderedDict[str, dict[str, tuple[int, int]]] = OrderedDict()

    def read(self, shard: str, key: str) -> bytes:
        """The bytes of one image, by one ranged read. Raises DamageError if the image shard has none of it."""
        start, end = self.place(shard, key)
        data = self._store.read(tar_path(shard), start, end)
        if len(data) != end - start:
            raise DamageError(f"{tar_path(shard)} is cut off before {key!r} ends: run `fld verify`")
        return data

    def place(self, shard: str, key: str) -> tuple[int, int]:
        """Where they start and end in the tar of the image shard, in bytes. Raises DamageError likewise."""
        if shard not in self._places:
            self._places[shard] = _places(self._store, shard)
            if len(self._places) > _SHARDS_KEPT:
                self._places.popitem(last=False)
        if key not in self._places[shard]:
            raise DamageError(f"{IMAGES}/{shard} has no picture of {key!r}, which a round kept: `fld filter`")
        return self._places[shard][key]


def _places(store: Store, shard: str) -> dict[str, tuple[int, int]]:
    path = f"{IMAGES}/{shard}.parquet"
    try:
        data = store.read(path)
    except FileNotFoundError as error:
        raise DamageError(f"{path} is missing: the round has its pictures there; run `fld verify`") from error
    found = table.decode(data, images.SCHEMA, path, ["key", "offset", "size"])
    rows = zip(*(found[name].to_pylist() for name in ("key", "offset", "size")), strict=True)
    return {key: (offset, offset + size) for key, offset, size in rows if offset is not None}
