"""Existing webdataset tars as sources: an image and the members that share its name are one sample.

    000007.jpg  000007.txt  000007.json  ->  Entry(key="000007", offset=..., size=..., given=[brief text])
    img.v2.jpg  img.v2.txt               ->  Entry(key="img.v2", ...): the whole name but the last extension is shared,
    000.seg.png  000.txt                 ->  Entry(key="000", ...):    else, as webdataset cuts it, up to the first dot

The text is the `txt` member (or `text`, `caption`), else the `caption` or `text` field of the `json` member, or all
of it where that is a text or a list of texts. Members come in any order. Only the headers and these small members are
read here; images stay in their tar until their shard is written. What is no image and no text of one is counted.
"""

import os
import re
import tarfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import IO, NamedTuple

from shards.finding import Caption
from stages.ingest.entry import Entry, SourceError
from stages.ingest.left_out import LeftOut
from stages.ingest.lists import RowError, row_texts
from stages.ingest.locations import IMAGE_SUFFIXES, is_http, open_binary
from stages.ingest.rows import decode_json, plain_text
from stages.ingest.secrets import public

_TEXTS = ("txt", "text", "caption")
_FIELDS = ("caption", "text")
_MAX_TEXT_BYTES = 1 << 20
_NOT_UTF8 = re.compile(r"[\udc80-\udcff]")
"""What `plain_text` puts in place of a byte that is no text."""


class _Member(NamedTuple):
    """A file of the tar: where its bytes lie. `ext` in lower case; `stem` has all of the name before it; `sample` is
    the name up to its first dot."""

    name: str
    stem: str
    sample: str
    ext: str
    offset: int
    size: int


def read_tar(uri: str, location: str, left_out: LeftOut) -> Iterator[Entry]:
    """Entries of a tar, in its order. Raises SourceError for a tar that is cut, damaged, compressed or http(s)."""
    shown = public(uri)
    if is_http(location):
        raise SourceError(f"source {shown}: tars are read in place, which http(s) cannot do: download it first")
    if location.lower().endswith((".gz", ".tgz", ".bz2", ".xz", ".zst")):
        raise SourceError(f"source {shown}: a compressed tar, but tars are read in place: unpack it (gunzip) first")
    try:
        with open_binary(location) as file:
            members = _members(shown, file, left_out)
            yield from _entries(shown, location, file, members, left_out)
    except tarfile.TarError as error:
        raise SourceError(f"source {shown}: not a sound, uncompressed tar: {error}") from error
    except (OSError, ValueError) as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError(f"source {shown}: cannot be read: {error}") from error


def _members(uri: str, file: IO[bytes], left_out: LeftOut) -> list[_Member]:
    """Files in the order of the tar; a hard link is the file that it points to."""
    length = file.seek(0, os.SEEK_END)
    file.seek(0)
    found: list[_Member] = []
    by_name: dict[str, tarfile.TarInfo] = {}
    with tarfile.open(fileobj=file, mode="r:") as tar:
        for info in tar:
            source = by_name.get(info.linkname) if info.islnk() else info
            if info.isdir():
                continue
            if source is None or not source.isfile() or source.issparse():
                left_out.by_rule("tar member that is no plain file (symbolic link, device, sparse file)")
                continue
            by_name[info.name] = source
            if os.path.basename(info.name).startswith(("__", ".")):
                left_out.by_rule("hidden tar member (__*, .*)")
                continue
            if source.offset_data + source.size > length:
                raise SourceError(f"source {uri}: ends inside member {info.name}: fetch the tar again")
            found.append(_member(info.name, source))
        _check_end(uri, file, tar.offset)
    return found


def _member(name: str, info: tarfile.TarInfo) -> _Member:
    folder, slash, base = name.rpartition("/")
    first = base.partition(".")[0]
    stem, _, ext = base.rpartition(".") if "." in base else (base, "", "")
    return _Member(name, f"{folder}{slash}{stem}", f"{folder}{slash}{first}", ext.lower(), info.offset_data, info.size)


def _entries(uri: str, location: str, file: IO[bytes], members: list[_Member], left_out: LeftOut) -> Iterator[Entry]:
    beside: defaultdict[str, list[_Member]] = defaultdict(list)
    images = [member for member in members if f".{member.ext}" in IMAGE_SUFFIXES]
    alike: defaultdict[str, int] = defaultdict(int)
    for member in members:
        if f".{member.ext}" not in IMAGE_SUFFIXES:
            beside[member.stem].append(member)
    for image in images:
        alike[_sample(image, beside)] += 1
    used: set[int] = set()
    for image in images:
        sample = _sample(image, beside)
        texts, problem = _texts(file, beside.get(sample, []), used)
        yield Entry(
            uri=f"{uri}/{image.name}",
            location=location,
            name=image.name,
            key=sample if alike[sample] == 1 else f"{sample}{image.name[len(sample) :]}",
            offset=image.offset,
            size=image.size,
            given=[Caption(text, granularity="brief") for text in texts],
            problem=problem and f"text: {problem}",
        )
    for member in (member for group in beside.values() for member in group):
        if member.offset not in used:
            left_out.by_rule(f"tar member that is neither an image nor a text of one (.{member.ext})")


def _sample(image: _Member, beside: dict[str, list[_Member]]) -> str:
    """What the image shares with the members beside it."""
    return image.stem if image.stem in beside else image.sample


def _texts(file: IO[bytes], members: Sequence[_Member], used: set[int]) -> tuple[list[str], str]:
    """Texts of a sample, and why they cannot be read. `used`: offsets of the members that were looked at."""
    by_ext = {member.ext: member for member in members}
    try:
        for ext in _TEXTS:
            if ext in by_ext:
                used.add(by_ext[ext].offset)
                text = plain_text(_read(file, by_ext[ext])).strip()
                if odd := _NOT_UTF8.search(text):
                    raise RowError(f"the text is not UTF-8 at byte 0x{ord(odd[0]) - 0xDC00:02x}: save it as UTF-8")
                return [text] if text else [], ""
        if "json" not in by_ext:
            return [], ""
        used.add(by_ext["json"].offset)
        found = decode_json(_read(file, by_ext["json"]))
        if not isinstance(found, dict):
            return row_texts("json", found), ""
        return next((texts for name in _FIELDS if (texts := row_texts(name, found.get(name)))), []), ""
    except (RowError, ValueError) as error:
        return [], f"{members[0].stem}: {error}"


def _read(file: IO[bytes], member: _Member) -> bytes:
    if member.size > _MAX_TEXT_BYTES:
        raise RowError(f"{member.name} has {member.size} bytes, at most {_MAX_TEXT_BYTES} are read")
    file.seek(member.offset)
    return file.read(member.size)


def _check_end(uri: str, file: IO[bytes], end: int) -> None:
    """`end`: where the header is that tarfile stopped at. A tar ends with two zero blocks or more; at a damaged header,
    a cut between members, or behind the end of a first of two archives tarfile stops too, and says nothing."""
    file.seek(end)
    size = 0
    while block := file.read(1 << 20):
        size += len(block)
        if block.strip(b"\0"):
            raise SourceError(f"source {uri}: damaged at byte {end}, where a header or the end must be: fetch it again")
    if size < 1024:
        raise SourceError(f"source {uri}: does not end like a tar, it may be cut: fetch it again")
