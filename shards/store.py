"""Where a corpus lies: a local folder or any fsspec URL, behind one small contract.

Comes in: a path relative to the corpus ("images/000000.tar") and chunks of bytes. Goes out: the file, whole or not at
all. One local write, as system calls:

    open   images/000000.tar.5f3a9c01.part   O_EXCL
    writev ... (short writes are continued), fsync
    rename images/000000.tar.5f3a9c01.part -> images/000000.tar
    fsync  images/

A writer that is killed leaves a `.part` file that no reader ever sees; `remove_leftovers` deletes it at the next start.
On an object store the chunks are spooled to a local temporary file and published by one upload, which such stores
make visible only when it is complete.
"""

import errno
import os
import re
import secrets
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from shards.errors import CorpusError, SettingsError

PART = ".part"
PUBLISHES_WHOLE = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oci", "oss", "memory"})
"""fsspec protocols whose uploads appear when complete; on all others a file is uploaded as `.part` and renamed."""
_EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gs", "gcs": "gs"}
_LEFTOVER = re.compile(r"((images|raw|rounds|logs|calibration|reviews)/.+|[^/]+)\.[0-9a-f]{8}\.part")
_OF_COLUMN = re.compile(r"raw/[^/]+/(?:manifest/)?(\d+)\.\w+\.[0-9a-f]{8}\.part")
_BATCH_BYTES = 1 << 20
_BATCH_CHUNKS = 512  # below IOV_MAX, which is 1024 on Linux and macOS

Writev = Callable[[int, Sequence[bytes | memoryview]], int]


class StoreError(CorpusError):
    """A corpus URL that cannot be opened: unknown protocol or a missing package."""


class Store(Protocol):
    """Files by path relative to `url`, with "/" between folders. Picklable. Safe to use from several threads."""

    url: str

    def read(self, path: str, start: int = 0, end: int | None = None) -> bytes:
        """Bytes start..end (exclusive) of a file, fewer at its end. Raises FileNotFoundError if it is missing."""
        ...

    def write(self, path: str, chunks: Iterable[bytes]) -> None:
        """Publish a file, replacing an older one. If `chunks` raises, or the disk is full, nothing is published."""
        ...

    def names(self, folder: str) -> list[str]:
        """Sorted names of the files directly in `folder`; [] if there is none. `.part` files are left out."""
        ...

    def remove(self, path: str) -> None:
        """Delete a file; a missing one is fine."""
        ...

    def walk(self) -> list[str]:
        """Sorted paths of all files at any depth, leftover `.part` files included. For maintenance."""
        ...


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """An error of writing, a full disk, says of which file: the system knows a descriptor only."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno is not None:
            raise OSError(error.errno, os.strerror(error.errno), str(path)) from error
        raise


def errors_of_stores(*others: type[Exception]) -> tuple[type[Exception], ...]:
    """`others`, and what the libraries of object stores raise where they are not reached or let in, and which is no
    OSError."""
    known = [
        ("botocore.exceptions", "BotoCoreError"),
        ("google.auth.exceptions", "GoogleAuthError"),
        ("azure.core.exceptions", "AzureError"),
        ("aiohttp", "ClientError"),
        ("httpx", "HTTPError"),
        ("httpx2", "HTTPError"),
    ]
    return (*others, *(getattr(sys.modules[module], name) for module, name in known if module in sys.modules))


def open_store(url: str) -> Store:
    """A path or `file://` URL gives a LocalStore, every other URL an FsspecStore. Creates nothing.

    Raises StoreError when the protocol is unknown or its package is not installed, there is no such name, or a file has
    it."""
    if not url or "\0" in url:
        raise StoreError(f"a corpus is a folder or the URL of one, got {url!r}")
    if "://" in url and not url.startswith("file://"):
        return FsspecStore(url)
    path = url.removeprefix("file://")
    if os.path.isfile(os.path.expanduser(path)):
        raise StoreError(f"{path} is a file, and a corpus is a folder")
    return LocalStore(path)


def open_corpus(url: str) -> Store:
    """The store of a corpus that is there, for who reads it. Raises StoreError if there is no such folder; an object
    store knows no folders, so that there only what is missing in one can be told."""
    store = open_store(url)
    if isinstance(store, LocalStore) and not os.path.isdir(store.url):
        raise StoreError(f"{url}: there is no such folder")
    return store


def remove_leftovers(store: Store, is_own: Callable[[str], bool] | None = None) -> list[str]:
    """Delete what killed writers left behind and return the paths. Only for the holder of the corpus lock; for that of
    a part (is_own: whether a shard is its) only of raw columns of its shards. Nothing but files that `write` named, in
    folders of a corpus: a download that is called movie.iso.part is somebody else's."""
    leftovers = [path for path in store.walk() if _LEFTOVER.fullmatch(path)]
    if is_own is not None:
        leftovers = [path for path in leftovers if (unit := _OF_COLUMN.fullmatch(path)) and is_own(unit[1])]
    for path in leftovers:
        store.remove(path)
    return leftovers


def link_file(store: Store, source: str, path: str) -> None:
    """Give a file of the store a second name, replacing what has it: a hard link on a disk, a copy that an object store
    makes without sending a byte to us. Raises SettingsError where the store can do neither."""
    try:
        if not isinstance(store, LocalStore | FsspecStore):
            raise NotImplementedError
        store.link(source, path)
    except (NotImplementedError, OSError) as error:
        if isinstance(error, FileNotFoundError) or getattr(error, "errno", None) == errno.ENOSPC:
            raise
        raise SettingsError(
            f"rounds.originals: link must be possible in {store.url}, and it is not ({str(error) or 'no links there'}):"
            " use copy or none"
        ) from error


class LocalStore:
    """A folder on a local or network disk. `writev` and `sync` are the system calls; tests pass failing ones."""

    def __init__(self, root: str | Path, *, writev: Writev = os.writev, sync: Callable[[int], None] = os.fsync) -> None:
        self.url = str(Path(root).expanduser().absolute())
        self._root = Path(self.url)
        self._writev = writev
        self._sync = sync

    def read(self, path: str, start: int = 0, end: int | None = None) -> bytes:
        with open(self._root / path, "rb", buffering=0) as file:
            if start:
                file.seek(start)
            if end is None:
                return file.read()
            return _read_exactly(file.read, end - start)

    def write(self, path: str, chunks: Iterable[bytes]) -> None:
        final = self._root / path
        self._make_folder(final.parent)
        part = final.with_name(f"{final.name}.{secrets.token_hex(4)}{PART}")
        try:
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
            try:
                for batch in _batches(chunks):
                    with _named(final):
                        self._write_all(descriptor, batch)
                with _named(final):
                    self._sync(descriptor)
            finally:
                os.close(descriptor)
            os.replace(part, final)
        finally:
            part.unlink(missing_ok=True)  # it is there still if anything went wrong
        self._sync_folder(final.parent)

    def link(self, source: str, path: str) -> None:
        """A hard link."""
        final = self._root / path
        self._make_folder(final.parent)
        part = final.with_name(f"{final.name}.{secrets.token_hex(4)}{PART}")
        os.link(self._root / source, part)
        try:
            os.replace(part, final)
        finally:
            part.unlink(missing_ok=True)  # renaming a link onto another one of the same file leaves both
        self._sync_folder(final.parent)

    def names(self, folder: str) -> list[str]:
        try:
            with os.scandir(self._root / folder) as entries:
                return sorted(entry.name for entry in entries if entry.is_file() and not entry.name.endswith(PART))
        except FileNotFoundError:
            return []

    def remove(self, path: str) -> None:
        target = self._root / path
        if target.exists():
            target.unlink(missing_ok=True)
            self._sync_folder(target.parent)

    def walk(self) -> list[str]:
        return sorted(
            (Path(folder) / name).relative_to(self._root).as_posix()
            for folder, _, names in os.walk(self._root)
            for name in names
        )

    def _write_all(self, descriptor: int, batch: list[bytes]) -> None:
        waiting: list[bytes | memoryview] = list(batch)
        while waiting:
            try:
                written = self._writev(descriptor, waiting)
            except InterruptedError:
                continue
            waiting = _rest(waiting, written)

    def _make_folder(self, folder: Path) -> None:
        if folder.exists():
            return
        self._make_folder(folder.parent)
        with suppress(FileExistsError):
            folder.mkdir()
        self._sync_folder(folder.parent)

    def _sync_folder(self, folder: Path) -> None:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            self._sync(descriptor)
        finally:
            os.close(descriptor)


class FsspecStore:
    """A corpus behind any fsspec URL. `options` are the file system's own (endpoint, credentials, ...); without them
    it uses what its library finds in the environment."""

    def __init__(self, url: str, options: dict[str, Any] | None = None) -> None:
        self.url = url.rstrip("/")
        self._options = dict(options or {})
        self._open()

    def __reduce__(self) -> tuple[type["FsspecStore"], tuple[str, dict[str, Any]]]:
        return FsspecStore, (self.url, self._options)

    def read(self, path: str, start: int = 0, end: int | None = None) -> bytes:
        if end is not None and end <= start:
            return b""
        try:
            data: bytes = self._fs.cat_file(self._at(path), start=start or None, end=end)
        except OSError as error:
            if error.errno == errno.EINVAL and start >= self._fs.size(self._at(path)):
                return b""  # S3 refuses a range beyond the end
            raise
        return data

    def write(self, path: str, chunks: Iterable[bytes]) -> None:
        final = self._at(path)
        with tempfile.NamedTemporaryFile(prefix="fld-upload-") as spool:
            for chunk in chunks:
                spool.write(chunk)
            spool.flush()
            if self._publishes_whole:
                self._fs.put_file(spool.name, final)
            else:
                part = f"{final}.{secrets.token_hex(4)}{PART}"
                self._fs.makedirs(final.rpartition("/")[0], exist_ok=True)
                self._fs.put_file(spool.name, part)
                self._fs.mv(part, final)
        self._fs.invalidate_cache()

    def link(self, source: str, path: str) -> None:
        """A copy made by the store."""
        if not self._publishes_whole:
            raise NotImplementedError
        self._fs.cp_file(self._at(source), self._at(path))
        self._fs.invalidate_cache()

    def names(self, folder: str) -> list[str]:
        self._fs.invalidate_cache()
        try:
            entries = self._fs.ls(self._at(folder), detail=True)
        except FileNotFoundError:
            return []
        names = (entry["name"].rpartition("/")[2] for entry in entries if entry["type"] == "file")
        return sorted(name for name in names if name and not name.endswith(PART))

    def remove(self, path: str) -> None:
        with suppress(FileNotFoundError):
            self._fs.rm_file(self._at(path))
        self._fs.invalidate_cache()

    def walk(self) -> list[str]:
        self._fs.invalidate_cache()
        root = self._root.rstrip("/") + "/"
        return sorted(name.removeprefix(root) for name in self._fs.find(self._root))

    def _at(self, path: str) -> str:
        return f"{self._root.rstrip('/')}/{path}"

    def _open(self) -> None:
        import fsspec

        protocol = self.url.partition("://")[0]
        try:
            self._fs, self._root = fsspec.core.url_to_fs(self.url, **self._options)
        except ImportError as error:
            extra = _EXTRAS.get(protocol)
            hint = f"pip install 'fld-engine[{extra}]'" if extra else str(error)
            raise StoreError(f"corpus {self.url}: {protocol}:// needs a package that is missing: {hint}") from error
        except ValueError as error:
            raise StoreError(f"corpus {self.url}: {error}") from error
        self._publishes_whole = protocol in PUBLISHES_WHOLE


def _batches(chunks: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Chunks gathered for one system call each: a tar has a 512-byte header before every payload."""
    batch: list[bytes] = []
    waiting = 0
    for chunk in chunks:
        batch.append(chunk)
        waiting += len(chunk)
        if waiting >= _BATCH_BYTES or len(batch) == _BATCH_CHUNKS:
            yield batch
            batch, waiting = [], 0
    if waiting:
        yield batch


def _rest(waiting: list[bytes | memoryview], written: int) -> list[bytes | memoryview]:
    """What is left after a write that may have been short."""
    for index, chunk in enumerate(waiting):
        if written < len(chunk):
            return [memoryview(chunk)[written:], *waiting[index + 1 :]]
        written -= len(chunk)
    return []


def _read_exactly(read: Callable[[int], bytes | None], size: int) -> bytes:
    """`size` bytes, or all up to the end of the file: one raw read may return fewer (2 GiB at most on Linux)."""
    pieces: list[bytes] = []
    while size > 0:
        piece = read(size)
        if not piece:
            break
        pieces.append(piece)
        size -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
