"""A thin tar writer: members as a stream of bytes that webdataset, tarfile and GNU tar read alike.

One member "dog.jpg" of 1,000 bytes and the end of an archive, in blocks of 512 bytes:

    block 0      header   name[100] mode[8] uid[8] gid[8] size[12] mtime[12] checksum[8] typeflag[1] linkname[100]
                          magic[6]="ustar\0" version[2]="00" uname[32] gname[32] devmajor[8] devminor[8] prefix[155]
    blocks 1-2   payload  1,000 bytes, then 24 zero bytes
    ...
    last two     zero blocks

mtime, uid and gid are 0 and the mode 644, so equal members give equal bytes. Numbers are octal digits with a final NUL.
A name over 100 bytes is split at a "/" into prefix[155] and name[100] where that fits; otherwise a PAX header
(typeflag "x", the POSIX way) with the whole name comes before the member.

Written by hand because it is 3 times as fast as `webdataset.TarWriter`, which also stamps the clock into every
member (docs/benchmarks.md).
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple
from urllib.parse import unquote

from shards.errors import InputError

BLOCK = 512
END = bytes(2 * BLOCK)
RECORD = "json"
"""Extension of a record; an original never has it."""
MAX_MEMBER_BYTES = 8**11 - 1
"""8 GiB: the size field has 11 octal digits."""

_NAME, _PREFIX = 100, 155
_FILE, _PAX = b"0", b"x"
_JOINED_BELOW = 16 << 10  # copying a small payload is cheaper than handing on three chunks
_MODE_UID_GID = b"0000644\0" + b"0000000\0" * 2
_MTIME = b"00000000000\0"
_LINK_TO_MINOR = bytes(100) + b"ustar\x0000" + bytes(64) + b"0000000\0" * 2
_CONSTANT_SUM = sum(_MODE_UID_GID + _MTIME + _LINK_TO_MINOR) + 8 * ord(" ")
_EXTENSION = re.compile(r"[a-z0-9]+")
_CONTROL = re.compile(r"[%\x00-\x1f\x7f]")
_ODD_SLASH = re.compile(r"^/|(?<=/)/|/$")
_DOT = re.compile(r"\.")


class TarError(InputError):
    """A tar that cannot be written as asked, or that is not as it was written."""


class Placed(NamedTuple):
    """A member and where its payload lies in the archive, in bytes."""

    name: str
    offset: int
    size: int


def safe_key(key: str) -> str:
    """The key as it stands in a tar: the part of a member name before the extension. `original_key` undoes it.

    A key may have folders and any Unicode; webdataset returns it as `__key__` just as written here. Percent-encoded
    are only what a tar reader would take for something else:

    - "." in the last part (webdataset cuts the key at its first dot): "img.v2" -> "img%2Ev2"
    - a leading "__" (webdataset skips such members): "__a" -> "%5F_a"
    - a leading, trailing or doubled "/" and the parts "." and "..": "/a/../b" -> "%2Fa/%2E%2E/b"
    - control characters, and "%" itself; the empty key is a lone "%"

    Raises ValueError for a key with a lone surrogate (an undecodable file name): it has no place in JSON either."""
    try:
        key.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"key must be valid Unicode, got {key!r}: rename the file or give a key column") from error
    if not key:
        return "%"
    escaped = _percent(_CONTROL, key)
    *folders, name = _percent(_ODD_SLASH, escaped).split("/")
    folders = [_percent(_DOT, part) if part in (".", "..") else part for part in folders]
    member = "/".join([*folders, _percent(_DOT, name)])
    return "%5F" + member[1:] if member.startswith("__") else member


def original_key(member_key: str) -> str:
    """`original_key(safe_key(key)) == key` for every key."""
    return "" if member_key == "%" else unquote(member_key, errors="strict")


def check_extension(ext: str, key: str) -> None:
    """Raise ValueError unless `ext` can be the extension of an original: lower case, no dot, not the record's."""
    if not _EXTENSION.fullmatch(ext) or ext == RECORD:
        raise ValueError(f"image {key!r}: ext must be lower-case letters and digits and not {RECORD!r}, got {ext!r}")


def stream(members: Iterable[tuple[str, bytes]], placed: list[Placed]) -> Iterator[bytes]:
    """The bytes of an archive of (name, payload) members, in the order given; `placed` is filled while it is read.

    Raises TarError naming the member for a name given twice or a payload over MAX_MEMBER_BYTES."""
    names: set[str] = set()
    position = 0
    for name, payload in members:
        if name in names:
            raise TarError(f"member {name!r} is given twice: two images of one shard have the same key")
        names.add(name)
        head = header(name, len(payload))
        padding = bytes(-len(payload) % BLOCK)
        placed.append(Placed(name, position + len(head), len(payload)))
        position += len(head) + len(payload) + len(padding)
        if len(payload) < _JOINED_BELOW:
            yield b"".join((head, payload, padding))
        else:
            yield head
            yield payload
            yield padding
    yield END


def header(name: str, size: int) -> bytes:
    """All blocks before the payload of a member: one, or three and more with a PAX header."""
    if size > MAX_MEMBER_BYTES:
        raise TarError(f"member {name!r} must be at most {MAX_MEMBER_BYTES} bytes, got {size}")
    encoded = name.encode()
    if len(encoded) <= _NAME:
        return _block(encoded, b"", size, _FILE)
    if (cut := _prefix_cut(encoded)) > 0:
        return _block(encoded[cut + 1 :], encoded[:cut], size, _FILE)
    record = _pax_record(b"path", encoded)
    pax = _block((b"PaxHeaders/" + encoded)[:_NAME], b"", len(record), _PAX)
    return pax + record + bytes(-len(record) % BLOCK) + _block(encoded[:_NAME], b"", size, _FILE)


def walk(archive: bytes) -> Iterator[Placed]:
    """The members of an archive that `stream` wrote, in order.

    Raises TarError, naming the byte, at the first header that is not what `stream` writes, at a payload that is cut
    off and at a missing or early end; readers that skip these lose samples without a word."""
    position = 0
    while archive[position : position + BLOCK] != END[:BLOCK]:
        name, start, size = _parse(archive, position)
        if archive[position:start] != header(name, size):
            raise TarError(f"header at byte {position} is damaged")
        end = start + size + -size % BLOCK
        if end > len(archive):
            raise TarError(f"member {name!r} at byte {position} is cut off: {len(archive)} bytes of {end}")
        yield Placed(name, start, size)
        position = end
    if archive[position:] != END:
        raise TarError(
            f"archive must end at byte {position + len(END)}, got {len(archive)} bytes or data after the end"
        )


def _parse(archive: bytes, position: int) -> tuple[str, int, int]:
    """name, start of the payload and its size from the header(s) at `position`; checked by the caller."""
    block = archive[position : position + BLOCK]
    if len(block) < BLOCK:
        raise TarError(f"header at byte {position} is cut off")
    try:
        name, size, kind = _fields(block)
        if kind != _PAX:
            return name.decode(), position + BLOCK, size
        record = archive[position + BLOCK : position + BLOCK + size]
        _, size, _ = _fields(archive[position + BLOCK + size + -size % BLOCK :][:BLOCK])
        path = record.partition(b" path=")[2].removesuffix(b"\n").decode()
    except ValueError as error:
        raise TarError(f"header at byte {position} is damaged: {error}") from error
    return path, position + len(header(path, size)), size


def _fields(block: bytes) -> tuple[bytes, int, bytes]:
    name, prefix = block[:_NAME].rstrip(b"\0"), block[345:500].rstrip(b"\0")
    return prefix + b"/" + name if prefix else name, int(block[124:135], 8), block[156:157]


def _block(name: bytes, prefix: bytes, size: int, kind: bytes) -> bytes:
    digits = b"%011o" % size
    checksum = _CONSTANT_SUM + sum(name) + sum(prefix) + sum(digits) + kind[0]
    front = name.ljust(_NAME, b"\0") + _MODE_UID_GID + digits + b"\0" + _MTIME
    return front + b"%06o\0 " % checksum + kind + _LINK_TO_MINOR + prefix.ljust(BLOCK - 345, b"\0")


def _prefix_cut(name: bytes) -> int:
    """Where to split a long name: the last "/" that leaves at most 155 bytes before it; -1 if what follows is over
    100 bytes."""
    cut = name.rfind(b"/", 0, _PREFIX + 1)
    return cut if cut > 0 and 0 < len(name) - cut - 1 <= _NAME else -1


def _pax_record(field: bytes, value: bytes) -> bytes:
    """ "30 path=some/name\\n": the number counts the whole record, its own digits too."""
    rest = len(field) + len(value) + 3
    length = rest + len(str(rest))
    if len(str(length)) > len(str(rest)):
        length += 1
    return b"%d %b=%b\n" % (length, field, value)


def _percent(pattern: re.Pattern[str], text: str) -> str:
    return pattern.sub(lambda match: f"%{ord(match[0]):02X}", text)
