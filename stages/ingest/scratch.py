"""Tables that take no memory, however many images they know: SQLite in a temporary file without a name.

The file is written only when a table outgrows a fixed cache, lies where temporary files lie (`TMPDIR`), and is gone
with the process, however that ends. Nothing secret belongs in it; `in_memory` never touches a disk.

    scratch = Scratch()
    scratch.run("CREATE TABLE listed (place INTEGER PRIMARY KEY, digest BLOB UNIQUE, entry BLOB)")
    scratch.run("INSERT INTO listed (digest, entry) VALUES (?, ?)", digest("dog"), pack_entry(entry))
"""

import errno
import hashlib
import sqlite3
from typing import Any

import msgspec

from stages.ingest.entry import Entry

_CACHE_KIB = 16_384
_NO_ROOM = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)
"""Primary result codes (sqlite.org/rescode.html) of a temporary file that cannot be made, or grow."""
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Entry)


class Scratch:
    """A database of this process alone. For one thread."""

    def __init__(self, *, in_memory: bool = False) -> None:
        self._base = sqlite3.connect(":memory:" if in_memory else "", isolation_level=None)
        for pragma in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{_CACHE_KIB}"):
            self.run(f"PRAGMA {pragma}")
        self.run("BEGIN")  # and never an end: nobody wants the tables afterwards

    def run(self, sql: str, *values: object) -> sqlite3.Cursor:
        """Execute one statement; its rows come as they are asked for. Raises OSError where there is no room."""
        try:
            return self._base.execute(sql, values)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in _NO_ROOM:
                raise
            raise OSError(errno.ENOSPC, str(error), "temporary file of ingest (TMPDIR)") from error

    def one(self, sql: str, *values: object) -> Any:
        """The first row, None if there is none."""
        return self.run(sql, *values).fetchone()

    def close(self) -> None:
        self._base.close()


def digest(*texts: str, secret: bytes = b"") -> bytes:
    """16 bytes that stand for the texts; those of equal texts under another secret say nothing."""
    hashed = hashlib.blake2b(digest_size=16, key=secret)
    for text in texts:
        data = text.encode()
        hashed.update(len(data).to_bytes(8, "little") + data)
    return hashed.digest()


def pack_entry(entry: Entry) -> bytes:
    """Equal bytes stand for equal entries."""
    return _encoder.encode(entry)


def unpack_entry(data: bytes) -> Entry:
    """What `pack_entry` was given."""
    return _decoder.decode(data)
