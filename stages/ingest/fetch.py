"""Bytes of an entry, wherever they are: a local file, a part of a tar, a cell of a parquet, an object, http(s).

Which places may be read is decided here, for every read: local files, http(s) at public addresses, and object stores
that the user named (as a source of this command, or in `fetch.schemes`). A list from a stranger names no others.

Fails with FetchError, whose reason and detail are the same on every run (no times, no addresses of this machine), so
that a shard written twice has equal bytes. They never hold a URL, which may be secret.
"""

import os
import time
import unicodedata
from collections.abc import Callable, Iterable

from shards.store import errors_of_stores
from stages.ingest.address import Resolve, resolve
from stages.ingest.entry import SourceError
from stages.ingest.http import FetchError, download
from stages.ingest.limit import within
from stages.ingest.locations import OBJECT_STORES, file_system, is_http, is_url, open_file, scheme_of
from stages.ingest.parquet import CellReader
from stages.ingest.secrets import public
from stages.ingest.settings import FetchSettings

MAX_WAIT_S = 30.0


class Fetcher:
    """Reads files and URLs. Safe to use from several threads. `sources`: what the user typed. `look_up` and `sleep` are
    for tests."""

    def __init__(
        self,
        settings: FetchSettings,
        sources: Iterable[str] = (),
        *,
        look_up: Resolve = resolve,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._settings = settings
        self._buckets = {_bucket(source) for source in sources if is_url(source)}
        self._look_up = look_up
        self._sleep = sleep
        self._cells = CellReader()

    def read(self, location: str, max_bytes: int, offset: int = 0, size: int = -1, cell: str = "") -> bytes:
        """The file, or `size` bytes of it from `offset`, or the bytes in row `offset` of column `cell`. What has over
        `max_bytes` is refused before it is read, a download as soon as it is known. Raises FetchError."""
        if size > max_bytes:
            raise _too_many(size, max_bytes)
        self._check_scheme(location)
        if cell:
            return self._read_cell(location, max_bytes, offset, cell)
        if is_http(location):
            return self._patiently(lambda: download(location, self._settings, max_bytes, self._look_up))
        if is_url(location):
            return self._patiently(lambda: _read_object(location, max_bytes, offset, size))
        return _read_file(location, max_bytes, offset, size)

    def read_list(self, location: str) -> bytes:
        """A list or annotation file. Raises SourceError."""
        settings = self._settings
        try:
            if is_url(location) and not is_http(location):  # object stores have no deadline of their own
                return within(settings.list_timeout_s, lambda: self.read(location, settings.max_list_bytes))
            return self.read(location, settings.max_list_bytes)
        except FetchError as error:
            raise SourceError(f"source {public(location)}: cannot be read: {error}") from error

    def _check_scheme(self, location: str) -> None:
        scheme = scheme_of(location)
        if scheme in ("", "http", "https"):
            return
        if scheme not in OBJECT_STORES or "::" in location:
            raise FetchError("refused_scheme", f"{scheme[:40]}:// is not read")
        if scheme not in self._settings.schemes and _bucket(location) not in self._buckets:
            raise FetchError("refused_scheme", f"{scheme}:// is neither a source nor in fetch.schemes")

    def _read_cell(self, location: str, max_bytes: int, row: int, column: str) -> bytes:
        if is_http(location):
            raise FetchError("unreadable", "pictures in a parquet file are read in place: download the file first")
        try:
            data = self._cells.read(location, column, row)
        except (OSError, SourceError) as error:
            raise FetchError("unreadable", "the parquet file cannot be read") from error
        if data is None:
            raise FetchError("missing", "the cell of the parquet file is empty")
        if len(data) > max_bytes:
            raise _too_many(len(data), max_bytes)
        return data

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


def _bucket(location: str) -> str:
    """Scheme and host: "s3://photos" of "S3://photos/2024/a.jpg"."""
    return f"{scheme_of(location)}://{location.partition('://')[2].partition('/')[0]}"


def _read_file(path: str, max_bytes: int, offset: int, size: int) -> bytes:
    try:
        with open_file(_existing(path)) as file:
            length = os.fstat(file.fileno()).st_size
            if size < 0 and length > max_bytes:
                raise _too_many(length, max_bytes)
            file.seek(offset)
            wanted = size if size >= 0 else length + 1  # not the limit: Python would reserve as much, 4 GB for a list
            data = file.read(wanted)
            if size < 0 and len(data) == wanted:  # it has grown since, or has no length
                data += file.read(max_bytes + 1 - len(data))
    except FetchError:
        raise
    except FileNotFoundError as error:
        windows = ": a Windows path, write it as it is called here" if "\\" in path else ""
        raise FetchError("missing", f"no such file{windows}") from error
    except OSError as error:
        raise FetchError("unreadable", error.strerror or type(error).__name__) from error
    except ValueError as error:
        raise FetchError("missing", "no file can have a NUL in its name") from error
    if len(data) > max_bytes:
        raise _too_many(len(data), max_bytes)
    return _whole(data, size)


def _existing(path: str) -> str:
    """The path, in that normal form of Unicode in which there is a file: macOS and some archives write accents as
    characters of their own, which look the same in a list. And with "/" for the backslashes of a Windows list."""
    if (path.isascii() and "\\" not in path) or os.path.exists(path):
        return path
    forward = path.replace("\\", "/")
    forms = [unicodedata.normalize(form, path) for form in ("NFC", "NFD")] + [forward]
    return next((form for form in forms if os.path.exists(form)), path)


def _read_object(location: str, max_bytes: int, offset: int, size: int) -> bytes:
    try:
        fs, path = file_system(location)
        if size < 0 and (length := fs.info(path).get("size")) is not None:
            if length > max_bytes:
                raise _too_many(length, max_bytes)
            if length == 0:
                return b""
        end = offset + (size if size >= 0 else max_bytes + 1)  # a store that lies about the size is cut off too
        data: bytes = fs.cat_file(path, start=offset, end=end)
    except FetchError:
        raise
    except FileNotFoundError as error:
        raise FetchError("missing", "no such object") from error
    except PermissionError as error:
        raise FetchError("unreadable", "permission denied") from error
    except SourceError as error:
        raise FetchError("unreadable", str(error).partition(": ")[2] or "no reader for it") from error
    except errors_of_stores(OSError, ValueError) as error:
        raise FetchError("connection", type(error).__name__, retry=True) from error
    if len(data) > max_bytes:
        raise _too_many(len(data), max_bytes)
    return _whole(data, size)


def _whole(data: bytes, size: int) -> bytes:
    if 0 <= size != len(data):
        raise FetchError("incomplete", f"{len(data)} bytes of {size}: the file is shorter than when it was listed")
    return data


def _too_many(length: int, max_bytes: int) -> FetchError:
    return FetchError("too_many_bytes", f"{length} bytes, at most {max_bytes} (limits.max_bytes)")
