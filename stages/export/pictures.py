"""Where the pictures of an export are: copied, linked, or left where they are.

copy    the original bytes, as OUT/images/<split>/<key>.<extension>
link    a symbolic link there to the file that was ingested; the file must be on this machine and unchanged
leave   nothing is written; names are those of the members of the round's tars

A key becomes a file name as it becomes a member name (`shards.tar.safe_key`), so that every name is unique and valid.
"""

import hashlib
from pathlib import Path
from typing import Literal

from shards.errors import InputError
from shards.record import Record
from shards.tar import safe_key
from stages.export.sample import Split

PictureMode = Literal["copy", "link", "leave"]


class PictureError(InputError):
    """A picture that cannot be linked."""


class PicturePlace:
    """Puts the pictures of one export in their places."""

    def __init__(self, out: Path, pictures: PictureMode) -> None:
        self._images = out / "images"
        self._pictures = pictures

    def put(self, record: Record, extension: str, split: Split, data: bytes) -> tuple[str, str]:
        """(file_name, url) of the picture, which is there afterwards. Raises PictureError."""
        name = f"{safe_key(record.key)}.{extension}"
        if self._pictures == "leave":
            return name, record.uri
        path = self._images / split / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if self._pictures == "copy":
            path.write_bytes(data)
        else:
            path.unlink(missing_ok=True)
            path.symlink_to(_source(record))
        return f"{split}/{name}", str(path.resolve())


def _source(record: Record) -> Path:
    """The file that was ingested, if it is still that file."""
    source = Path(record.uri.removeprefix("file://")).absolute()
    if not source.is_file():
        raise PictureError(
            f"image {record.key!r}: pictures link needs the file it came from, and {record.uri} is none on this"
            " machine: take pictures copy"
        )
    if hashlib.sha256(source.read_bytes()).hexdigest() != record.sha256:
        raise PictureError(
            f"image {record.key!r}: {source} has changed since it was ingested: take pictures copy, which writes the"
            " bytes that were annotated"
        )
    return source
