"""Bytes of an entry, wherever they are: a local file, a part of a tar, an fsspec URL, http(s).

Fails with FetchError, whose reason and detail are the same on every run (no times, no addresses of this machine), so
that a shard written twice has equal bytes.
"""

import os
import stat
import time
from collections.abc import Callable

from stages.ingest.address import Resolve, resolve
from stages.ingest.entry import SourceError
from stages.ingest.http import FetchError, download
from stages.ingest.locations import is_http, is_url
from stages.ingest.settings import FetchSettings

MAX_WAIT_S = 30.0
LIST_BYTES = 1 << 40
"""Lists and annotation files are the user's own and have no size cap."""


class Fetcher:
    """Reads files and URLs. Safe to use from several threads. `look_up` and `sleep` are for tests."""

    def __init__(
        self, settings: FetchSettings, *, look_up: Resolve = resolve, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._settings = settings
        self._look_up = look_up
        self._sleep = sleep

    def read(self, location: str, max_bytes: int, offset: int = 0, size: int = -1) -> bytes:
        """The file, or `size` bytes of it from `offset`. A file over `max_bytes` is refused before it is read, a
        download as soon as it is known.

        Raises FetchError; SourceError when the protocol of `location` has no reader installed."""
        if size > max_bytes:
            raise _too_many(size, max_bytes)
        if is_http(location):
            return self._patiently(lambda: download(location, self._settings, max_bytes, self._look_up))
        if is_url(location):
            return self._patiently(lambda: _read_url(location, max_bytes, offset, size))
        return _read_file(location, max_bytes, offset, size)

    def read_list(self, location: str) -> bytes:
        """A list or annotation file. Raises SourceError."""
        try:
            return self.read(location, LIST_BYTES)
        except FetchError as error:
            raise SourceError(f"source {location}: cannot be read: {error}") from error

    def _patiently(self, attempt: Callable[[], bytes]) -> bytes:
        for number in range(self._settings.retries):
            try:
                return attempt()
            except FetchError as error:
                if not error.retry:
                    raise
                wait_s = self._settings.backoff_s * 2**number if error.wait_s is None else error.wait_s
                self._sleep(min(wait_s, MAX_WAIT_S))
        return attempt()


def _read_file(path: str, max_bytes: int, offset: int, size: int) -> bytes:
    try:
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):
            raise FetchError("unreadable", "not a regular file")
        if size < 0 and found.st_size > max_bytes:
            raise _too_many(found.st_size, max_bytes)
        with open(path, "rb") as file:
            file.seek(offset)
            data = file.read(size)
    except FileNotFoundError as error:
        raise FetchError("missing", "no such file") from error
    except OSError as error:
        raise FetchError("unreadable", error.strerror or type(error).__name__) from error
    return _whole(data, size)


def _read_url(location: str, max_bytes: int, offset: int, size: int) -> bytes:
    import fsspec

    try:
        fs, path = fsspec.core.url_to_fs(location)
        if size < 0 and (length := fs.info(path).get("size") or 0) > max_bytes:
            raise _too_many(length, max_bytes)
        data: bytes = fs.cat_file(path, start=offset or None, end=None if size < 0 else offset + size)
    except FileNotFoundError as error:
        raise FetchError("missing", "no such object") from error
    except PermissionError as error:
        raise FetchError("unreadable", "permission denied") from error
    except OSError as error:
        raise FetchError("connection", type(error).__name__, retry=True) from error
    except (ImportError, ValueError) as error:
        raise SourceError(f"{location} cannot be read: {error}; s3 and gs need 'fld-engine[s3]', [gs]") from error
    return _whole(data, size)


def _whole(data: bytes, size: int) -> bytes:
    if 0 <= size != len(data):
        raise FetchError("incomplete", f"{len(data)} bytes of {size}: the file is shorter than when it was listed")
    return data


def _too_many(length: int, max_bytes: int) -> FetchError:
    return FetchError("too_many_bytes", f"{length} bytes, at most {max_bytes} (limits.max_bytes)")
