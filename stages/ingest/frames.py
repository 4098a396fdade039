"""How ingest and its workers talk: frames over pipes.

    head length uint32 | data length uint64 | head: msgpack | data: the bytes of an image, or nothing

To a worker (stages/ingest/worker.py): one `Setup`, then `Examination`s. From it: one `Ready`, then for each job
`Fetched` and `Done`, of several jobs in any order.

To a writer of shards (stages/ingest/shard_worker.py): one `Setup` with the store, then one `ShardJob` at a time. From
it: one `Ready`, then `Alive` every second or so, and a `ShardWritten` for each job.
"""

import struct
from typing import IO

import msgspec

from shards.commit import Manifest
from shards.images import ImageRow
from stages.ingest.entry import Entry
from stages.ingest.settings import IngestSettings

_HEAD = struct.Struct(">IQ")


class Setup(msgspec.Struct, tag=True):
    """settings: `IngestSettings` as JSON. sources: what the user typed, for `Fetcher`. threads: images at a time.
    store: the corpus, pickled, for who writes to it."""

    settings: str
    sources: list[str]
    threads: int
    store: bytes = b""

    def parsed(self) -> IngestSettings:
        return IngestSettings.model_validate_json(self.settings)


class Examination(msgspec.Struct, tag=True):
    """An image to examine; `entry.location` may hold secrets. is_known: the data are its bytes, from the corpus."""

    id: int
    entry: Entry
    is_known: bool


class Ready(msgspec.Struct, tag=True):
    """The worker has imported what it needs."""


class Fetched(msgspec.Struct, tag=True):
    """The bytes of a job are there; what follows is computing."""

    id: int


class Done(msgspec.Struct, tag=True):
    """The outcome of a job (`Examined`); the data are the bytes of the image, if it is ok."""

    id: int
    row: ImageRow
    outside: int


class Alive(msgspec.Struct, tag=True):
    """The process works, and no image takes too long."""


class ShardJob(msgspec.Struct, tag=True):
    """A shard to write. `entry.location` may hold secrets. recover: take the bytes of good images from the shard as it
    is now; its tar stays readable until the new one replaces it."""

    shard: str
    entries: list[Entry]
    recover: bool


class ShardWritten(msgspec.Struct, tag=True):
    """A shard that is committed. outside: given boxes outside their image. mislabelled: images whose name says another
    format: how many of each kind."""

    manifest: Manifest
    outside: int
    mislabelled: dict[str, int]


Message = Setup | Examination | Ready | Fetched | Done | Alive | ShardJob | ShardWritten
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Message)


def pack(message: Message, data: bytes = b"") -> list[bytes]:
    """A frame, in pieces."""
    head = _encoder.encode(message)
    return [_HEAD.pack(len(head), len(data)) + head, data]


def read_frame(file: IO[bytes]) -> tuple[Message, bytes] | None:
    """The next frame; None at the end. Blocks."""
    start = file.read(_HEAD.size)
    if len(start) < _HEAD.size:
        return None
    head_length, data_length = _HEAD.unpack(start)
    head = file.read(head_length)
    data = file.read(data_length)
    return (_decoder.decode(head), data) if len(data) == data_length else None


class Inbox:
    """Frames out of bytes as they come, without blocking."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[tuple[Message, bytes]]:
        """The frames that are complete with `data`."""
        self._buffer += data
        found: list[tuple[Message, bytes]] = []
        at = 0
        while len(self._buffer) - at >= _HEAD.size:
            head_length, data_length = _HEAD.unpack_from(self._buffer, at)
            body = at + _HEAD.size
            end = body + head_length + data_length
            if len(self._buffer) < end:
                break
            with memoryview(self._buffer) as view:
                head, data = bytes(view[body : body + head_length]), bytes(view[body + head_length : end])
            found.append((_decoder.decode(head), data))
            at = end
        del self._buffer[:at]
        return found
