"""Paths and URLs: which is which, how one is relative to another, and what lies below a folder.

Local paths and fsspec URLs (`s3://`, `gs://`, `memory://`, ...) are treated alike; http(s) has no folders.
"""

import glob
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from stages.ingest.entry import SourceError

IMAGE_SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("jpg", "jpeg", "jpe", "jfif", "mpo", "png", "apng", "gif", "webp", "avif", "bmp", "dib"),
        *("tif", "tiff", "ppm", "pgm", "pbm", "pnm", "jp2", "j2k"),
    )
)
_MAGIC = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"RIFF", b"BM", b"II*\0", b"MM\0*", b"\0\0\0\x0cjP")


def is_http(location: str) -> bool:
    return location.startswith(("http://", "https://"))


def is_url(location: str) -> bool:
    return "://" in location


def absolute(location: str) -> str:
    """A URL as it is; a path (or file:// URL) as an absolute path."""
    if location.startswith("file://"):
        location = location.removeprefix("file://")
    return location if is_url(location) else os.path.abspath(os.path.expanduser(location))


def parent(location: str) -> str:
    """The folder of a file, by path or URL."""
    return location.rpartition("/")[0] if is_url(location) else os.path.dirname(location)


def join(folder: str, relative: str) -> str:
    """`relative` below `folder`; an absolute path or a URL stays itself."""
    if is_url(relative) or os.path.isabs(relative):
        return relative
    return f"{folder.rstrip('/')}/{relative}" if is_url(folder) else os.path.join(folder, relative)


def suffix(location: str) -> str:
    """Lower-case suffix of the last part, without query: ".jpg"."""
    return (
        PurePosixPath(location.partition("?")[0]).suffix.lower() if is_url(location) else Path(location).suffix.lower()
    )


def is_folder(location: str) -> bool:
    if is_http(location):
        return False
    if is_url(location):
        import fsspec

        fs, path = fsspec.core.url_to_fs(location)
        return bool(fs.isdir(path))
    return os.path.isdir(location)


def exists(location: str) -> bool:
    """Whether a path or fsspec URL is there; http(s) is not asked."""
    if is_url(location) and not is_http(location):
        import fsspec

        fs, path = fsspec.core.url_to_fs(location)
        return bool(fs.exists(path))
    return is_http(location) or os.path.exists(location)


def expand_pattern(location: str) -> list[str]:
    """Braces ("{000..009}.tar", "{a,b}.jpg") and globs ("**/*.jpg"), in sorted order per brace. A file whose own name
    has such characters is taken as it is. Raises SourceError when nothing matches."""
    import braceexpand  # comes with webdataset

    if not is_url(location) and os.path.exists(location):
        return [location]
    found: list[str] = []
    for pattern in braceexpand.braceexpand(location) if "{" in location else [location]:
        if is_http(pattern) or not glob.has_magic(pattern):
            found.append(pattern)
        elif is_url(pattern):
            import fsspec

            fs, path = fsspec.core.url_to_fs(pattern)
            found += [str(fs.unstrip_protocol(match)) for match in sorted(fs.glob(path))]
        else:
            found += sorted(glob.glob(pattern, recursive=True))
    if not found:
        raise SourceError(f"source {location}: no file matches")
    return found


def files_below(folder: str) -> Iterator[str]:
    """Paths relative to `folder` of all files in it, sorted, at any depth; hidden files and folders are left out.
    Linked folders are followed once."""
    if is_url(folder):
        import fsspec

        fs, path = fsspec.core.url_to_fs(folder)
        root = str(path).rstrip("/") + "/"
        names = (str(name).removeprefix(root) for name in fs.find(path))
        yield from sorted(name for name in names if not any(part.startswith(".") for part in name.split("/")))
        return
    yield from sorted(_walk(folder))


def _walk(folder: str) -> Iterator[str]:
    seen: set[str] = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            if not name.startswith("."):
                yield os.path.relpath(os.path.join(place, name), folder).replace(os.sep, "/")


def looks_like_image(location: str) -> bool:
    """By suffix; a local file without any suffix by its first bytes."""
    ending = suffix(location)
    if ending or is_url(location):
        return ending in IMAGE_SUFFIXES
    try:
        with open(location, "rb") as file:
            head = file.read(16)
    except OSError:
        return False
    return head.startswith(_MAGIC) or head[4:8] == b"ftyp"
