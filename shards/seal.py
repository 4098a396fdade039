"""Single files with a checksum beside them: corpus.yaml, promotion.json, watch.json.

    corpus.yaml         the file
    corpus.yaml.seal    a manifest of one file (`shards/commit.py`), written last

A file without a seal is one of an older release, or of a run that was killed between the two: it is read as it is. One
that is not what its seal says was damaged, or changed by hand, and nothing goes on from it.
"""

import zlib

from shards import commit
from shards.commit import FileEntry, ImageCounts, Manifest
from shards.errors import DamageError
from shards.store import Store

SEAL = ".seal"


def write_sealed(store: Store, path: str, data: bytes) -> None:
    """Publish a file with its seal. The old seal goes first, so that a kill leaves none that is wrong."""
    store.remove(path + SEAL)
    store.write(path, [data])
    entry = FileEntry(len(data), f"{zlib.crc32(data):08x}")
    store.write(path + SEAL, [commit.encode(Manifest(path, "", ImageCounts(0, 0), {path: entry}))])


def read_sealed(store: Store, path: str, advice: str) -> bytes:
    """The content. Raises FileNotFoundError where there is neither file nor seal, DamageError with `advice` if it
    is not what was sealed."""
    try:
        data: bytes | None = store.read(path)
    except FileNotFoundError:
        if not broken(store, path, None):
            raise
        data = None
    if data is None or (reason := broken(store, path, data)):
        reason = "missing" if data is None else reason
        raise DamageError(f"{path} of {store.url}: {reason}: {advice}")
    return data


def broken(store: Store, path: str, data: bytes | None) -> str:
    """Why the file is not what was sealed; "" if it is, or if nobody sealed it. data: of the file, None if missing."""
    try:
        seal = store.read(path + SEAL)
    except FileNotFoundError:
        return ""
    manifest = commit.decode(seal)
    if manifest is None or path not in manifest.files:
        return "its seal is damaged"
    if data is None:
        return "missing"
    entry = manifest.files[path]
    if (len(data), f"{zlib.crc32(data):08x}") != (entry.bytes, entry.crc32):
        return "damaged, or changed by hand"
    return ""
