"""One line of an image list, whatever the list looked like.

Entry(uri="photos/dog.jpg", location="/data/photos/dog.jpg", name="dog.jpg")
Entry(uri="train.tar/000007.jpg", location="/data/train.tar", name="000007.jpg", key="000007", offset=1536, size=9841)
"""

import msgspec

from shards.errors import InputError
from shards.finding import Finding


class SourceError(InputError):
    """A source that cannot be read as an image list; the message says what was expected."""


class Entry(msgspec.Struct, frozen=True):
    """An image to come.

    uri: as the user wrote it. location: absolute path or URL to read. name: path below the source, for keys.
    key: the list's own key, "" if it has none. offset, size: the part of `location` that is the image, in bytes
    (size -1: all of it).

    given: human annotations in the frame of the list: pixels of an image of `given_wh` (None: not said), or fractions
    of its sides where `normalised`.
    """

    uri: str
    location: str
    name: str
    key: str = ""
    offset: int = 0
    size: int = -1
    given: list[Finding] = []
    given_wh: tuple[int, int] | None = None
    normalised: bool = False

    @property
    def place(self) -> tuple[str, int]:
        """Two entries with one place are the same image."""
        return self.location, self.offset
