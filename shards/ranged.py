"""A file of the corpus that is read piece by piece: what one verb needs of a large table should not take its size."""

import io

from shards.store import Store


class RangedFile(io.RawIOBase):
    """A file of a store for libraries that want one to seek in. size: in bytes, as the unit's manifest says."""

    def __init__(self, store: Store, path: str, size: int) -> None:
        self._store = store
        self._path = path
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = start + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        end = self._size if size is None or size < 0 else min(self._size, self._at + size)
        data = self._store.read(self._path, self._at, max(end, self._at))
        self._at += len(data)
        return data
