"""Existing webdataset tars as sources: members that share a name up to the first dot are one sample.

    000007.jpg  000007.txt  000007.json  ->  Entry(key="000007", offset=..., size=..., given=[brief text])

The text is the `txt` member (or `text`, `caption`), else the `caption` or `text` field of the `json` member. Only the
headers and these small members are read here; images stay in their tar until their shard is written.
"""

import os
import tarfile
from collections.abc import Iterator
from typing import IO, cast

import msgspec

from shards.finding import Finding
from stages.ingest.entry import Entry, SourceError
from stages.ingest.locations import IMAGE_SUFFIXES, is_http, is_url

_TEXTS = ("txt", "text", "caption")
_FIELDS = ("caption", "text")
_MAX_TEXT_BYTES = 1 << 20


def read_tar(uri: str, location: str) -> Iterator[Entry]:
    """Entries of a tar, in its order. Raises SourceError for a tar that is cut, damaged, compressed or http(s)."""
    if is_http(location):
        raise SourceError(f"source {uri}: tars are read in place, which http(s) cannot do: download it first")
    with _open(location) as file:
        try:
            with tarfile.open(fileobj=file, mode="r:") as tar:
                yield from _samples(uri, location, tar, file.seek(0, os.SEEK_END))
            _check_end(uri, file)
        except tarfile.TarError as error:
            raise SourceError(f"source {uri}: not a sound, uncompressed tar: {error}") from error


def _open(location: str) -> IO[bytes]:
    if is_url(location):
        import fsspec

        return cast(IO[bytes], fsspec.open(location, "rb").open())
    return open(location, "rb")


def _samples(uri: str, location: str, tar: tarfile.TarFile, size: int) -> Iterator[Entry]:
    """Members come in any order within a sample, but samples follow one another, as in every webdataset."""
    key, members = "", dict[str, tarfile.TarInfo]()
    for member in tar:
        if not member.isfile() or os.path.basename(member.name).startswith(("__", ".")):
            continue
        if member.offset_data + member.size > size:
            raise SourceError(f"source {uri}: ends inside member {member.name}: fetch the tar again")
        folder, _, name = member.name.rpartition("/")
        stem, _, ending = name.partition(".")
        current = f"{folder}/{stem}" if folder else stem
        if members and current != key:
            yield from _entry(uri, location, tar, key, members)
            members = {}
        key = current
        members[ending.lower()] = member
    if members:
        yield from _entry(uri, location, tar, key, members)


def _entry(
    uri: str, location: str, tar: tarfile.TarFile, key: str, members: dict[str, tarfile.TarInfo]
) -> Iterator[Entry]:
    images = [ending for ending in members if "." + ending.rpartition(".")[2] in IMAGE_SUFFIXES]
    for ending in images:
        member = members[ending]
        text = _given_text(f"{uri}/{key}", tar, members)
        yield Entry(
            uri=f"{uri}/{member.name}",
            location=location,
            name=member.name,
            key=key if len(images) == 1 else f"{key}.{ending}",
            offset=member.offset_data,
            size=member.size,
            given=[Finding(kind="text", text=text, granularity="brief")] if text else [],
        )


def _given_text(where: str, tar: tarfile.TarFile, members: dict[str, tarfile.TarInfo]) -> str:
    try:
        for ending in _TEXTS:
            if ending in members:
                return _read(tar, members[ending]).decode().strip()
        if "json" not in members:
            return ""
        found = msgspec.json.decode(_read(tar, members["json"]))
    except (UnicodeDecodeError, msgspec.DecodeError) as error:
        raise SourceError(f"source {where}: its text cannot be read: {error}") from error
    texts = (found.get(name) for name in _FIELDS) if isinstance(found, dict) else ()
    return next((text.strip() for text in texts if isinstance(text, str) and text.strip()), "")


def _read(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    return file.read(_MAX_TEXT_BYTES) if file else b""


def _check_end(uri: str, file: IO[bytes]) -> None:
    """A tar ends with two zero blocks; one that was cut between members does not, and tarfile says nothing."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 1024))
    if size < 1024 or file.read(1024).strip(b"\0"):
        raise SourceError(f"source {uri}: does not end like a tar, it may be cut: fetch it again")
