"""Paths and URLs: which is which, how one is relative to another, and what lies below a folder.

Local paths and the URLs of object stores (`s3://`, `gs://`, `memory://`, ...) are treated alike; http(s) has no
folders. Schemes are read in any case. Other schemes of fsspec, and its chained URLs (`simplecache::http://...`), are
never opened: they reach hosts and files that nobody checks.
"""

import glob
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from stages.ingest.entry import SourceError
from stages.ingest.secrets import public

IMAGE_SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("jpg", "jpeg", "jpe", "jfif", "mpo", "png", "apng", "gif", "webp", "avif", "bmp", "dib"),
        *("tif", "tiff", "ppm", "pgm", "pbm", "pnm", "jp2", "j2k"),
        *("heic", "heif", "jxl", "svg"),  # pictures that nobody here reads: failed rows, with what to do
    )
)
OBJECT_STORES = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oci", "oss", "hf", "memory"})
"""The schemes that go through fsspec."""
_MOST_NAMES = 1_000_000
_BRACES = re.compile(r"\{([^{}]*)\}")
_NUMBERS, _LETTERS = re.compile(r"(-?\d+)\.\.(-?\d+)(\.\..*)?"), re.compile(r"([A-Za-z])\.\.([A-Za-z])(\.\..*)?")
_MAGIC = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"RIFF", b"BM", b"II*\0", b"MM\0*", b"\0\0\0\x0cjP")


def scheme_of(location: str) -> str:
    """Lower-case scheme of a URL, with all that stands before "://"; "" for a path."""
    before, separator, _ = location.partition("://")
    return before.lower() if separator else ""


def is_http(location: str) -> bool:
    return scheme_of(location) in ("http", "https")


def is_url(location: str) -> bool:
    return "://" in location


def absolute(location: str) -> str:
    """A URL with its scheme in lower case; a path (or file:// URL) as an absolute path."""
    scheme = scheme_of(location)
    if scheme == "file":
        location = location[len("file://") :]
    elif scheme:
        return scheme + location[len(scheme) :]
    return os.path.abspath(os.path.expanduser(location))


def parent(location: str) -> str:
    """The folder of a file, by path or URL."""
    return location.partition("?")[0].rpartition("/")[0] if is_url(location) else os.path.dirname(location)


def join(folder: str, relative: str) -> str:
    """`relative` below `folder`; a URL stays itself, and so does an absolute path below a local folder. A list that
    lies elsewhere cannot name files of this machine: its absolute paths start at its own folder."""
    if not is_url(folder):
        return relative if is_url(relative) else os.path.join(folder, relative)
    if is_url(relative) and scheme_of(relative) != "file":
        return relative
    return f"{folder.rstrip('/')}/{relative.removeprefix('file://').lstrip('/')}"


def place_name(uri: str) -> str:
    """Path for keys: of a URL host and path, without what may be secret; of a path all of it."""
    return public(uri).partition("://")[2].lstrip("/") if is_url(uri) else uri.lstrip("/")


def suffix(location: str) -> str:
    """Lower-case suffix of the last part, without query: ".jpg"."""
    return (
        PurePosixPath(location.partition("?")[0]).suffix.lower() if is_url(location) else Path(location).suffix.lower()
    )


def file_system(url: str) -> tuple[Any, str]:
    """fsspec's file system for the URL of an object store, and the path in it. Raises SourceError for other schemes,
    and for one whose package is missing."""
    import fsspec

    scheme = scheme_of(url)
    if scheme not in OBJECT_STORES or "::" in url:
        raise SourceError(
            f"{public(url)}: {scheme}:// is not read; schemes are http, https, {', '.join(sorted(OBJECT_STORES))}"
        )
    try:
        fs, path = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise SourceError(
            f"{public(url)} cannot be read: {error}; s3 and gs need 'fld-engine[s3]', 'fld-engine[gs]'"
        ) from error
    return fs, str(path)


def open_binary(location: str) -> IO[bytes]:
    """A local file or an object to read at any offset. Raises OSError."""
    if is_url(location):
        fs, path = file_system(location)
        return cast(IO[bytes], fs.open(path, "rb"))
    return open_file(location)


def open_file(path: str) -> IO[bytes]:
    """A regular file. A pipe or a device, which may never answer, is refused. Raises OSError; ValueError for a path
    with a NUL."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    file = os.fdopen(descriptor, "rb") if stat.S_ISREG(os.fstat(descriptor).st_mode) else None
    if file is None:
        os.close(descriptor)
        raise OSError(None, "not a regular file")
    return file


def is_folder(location: str) -> bool:
    if is_http(location):
        return False
    if is_url(location):
        fs, path = file_system(location)
        return bool(fs.isdir(path))
    return os.path.isdir(location)


def exists(location: str) -> bool:
    """Whether a path or an object is there; http(s) is not asked."""
    if is_url(location) and not is_http(location):
        fs, path = file_system(location)
        return bool(fs.exists(path))
    return is_http(location) or os.path.exists(location)


def expand_pattern(location: str) -> list[str]:
    """Braces ("{000..009}.tar", "{a,b}.jpg") and globs ("**/*.jpg"), in sorted order per brace. A file whose own name
    has such characters is taken as it is. Raises SourceError when nothing matches."""
    import braceexpand  # comes with webdataset

    if not is_url(location) and os.path.exists(location):
        return [location]
    _refuse_too_many(location)
    found: list[str] = []
    for pattern in braceexpand.braceexpand(location) if "{" in location else [location]:
        if is_http(pattern) or not glob.has_magic(pattern):
            found.append(pattern)
        elif is_url(pattern):
            fs, path = file_system(pattern)
            found += [str(fs.unstrip_protocol(match)) for match in sorted(fs.glob(path))]
        else:
            found += sorted(glob.glob(pattern, recursive=True))
    if not found:
        raise SourceError(f"source {public(location)}: no file matches")
    return found


def _refuse_too_many(location: str) -> None:
    """Braces are spelt out before anybody looks whether a file is there: {1..100000000} took all memory."""
    count = 1
    for group in _BRACES.findall(location):
        if numbers := _NUMBERS.fullmatch(group):
            count *= abs(int(numbers[2]) - int(numbers[1])) + 1
        elif letters := _LETTERS.fullmatch(group):
            count *= abs(ord(letters[2]) - ord(letters[1])) + 1
        else:
            count *= group.count(",") + 1
    if count > _MOST_NAMES:
        raise SourceError(
            f"source {public(location)}: its braces stand for {count:,} names, at most {_MOST_NAMES:,} are spelt out;"
            " name the folder, or the files in a list"
        )


def files_below(folder: str) -> Iterator[str]:
    """Paths relative to `folder` of all files in it, sorted, at any depth; hidden files and folders are left out.
    Linked folders are followed once. Raises OSError for a folder that cannot be read."""
    names = _names_in_store(folder) if is_url(folder) else _walk(folder)
    yield from sorted(name for name in names if not _is_hidden(name))


def hidden_below(folder: str) -> int:
    """How many hidden files and folders `files_below` leaves out; what a hidden folder holds is not looked at."""
    if not is_url(folder):
        return sum(map(_is_hidden, _walk(folder)))
    return sum(map(_is_hidden, _names_in_store(folder)))


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") for part in name.split("/"))


def _names_in_store(folder: str) -> list[str]:
    fs, path = file_system(folder)
    root = path.rstrip("/") + "/"
    return [str(name).removeprefix(root) for name in fs.find(path)]


def _walk(folder: str) -> Iterator[str]:
    """Files, and hidden folders, which are not entered."""
    seen: set[str] = set()
    for place, folders, names in os.walk(folder, followlinks=True, onerror=_fail):
        real = os.path.realpath(place)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        hidden = [name for name in folders if name.startswith(".")]
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names + hidden:
            yield os.path.relpath(os.path.join(place, name), folder).replace(os.sep, "/")


def _fail(error: OSError) -> None:
    """os.walk goes on without a folder that it cannot read; its pictures would be lost without a word."""
    raise error


def starts_like_an_image(head: bytes) -> bool:
    """By the first 12 bytes."""
    return head.startswith(_MAGIC) or head[4:8] == b"ftyp"


def looks_like_image(location: str) -> bool:
    """By suffix; a local file without any suffix by its first bytes."""
    extension = suffix(location)
    if extension or is_url(location):
        return extension in IMAGE_SUFFIXES
    try:
        with open_file(location) as file:
            return starts_like_an_image(file.read(16))
    except (OSError, ValueError):
        return False
