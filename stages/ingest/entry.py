"""One line of an image list, whatever the list looked like.

Entry(uri="photos/dog.jpg", location="/data/photos/dog.jpg", name="dog.jpg")
Entry(uri="train.tar/000007.jpg", location="/data/train.tar", name="000007.jpg", key="000007", offset=1536, size=9841)
Entry(uri="pets.parquet/cat.png", location="/data/pets.parquet", name="pets/cat.png", offset=41, cell="image.bytes")
Entry(uri="cat.jpg", location="/data/cat.jpg", name="cat.jpg", problem="row: list.csv, row 3: width must be ...")
"""

from collections.abc import Callable

import msgspec

from shards.errors import InputError
from shards.finding import Finding

ReadFile = Callable[[str], bytes]
"""Content of a list or annotation file by location (stages/ingest/fetch.py)."""


class SourceError(InputError):
    """A source that cannot be read as an image list; the message says what was expected."""


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """An image to come.

    uri: as the user wrote it. location: absolute path or URL to read. name: path below the source, for keys.
    key: the list's own key, "" if it has none. offset, size: the part of `location` that is the image, in bytes
    (size -1: all of it). cell: the column of a parquet file that holds the bytes, in row `offset`.

    given: human annotations in the frame of the list: pixels of an image of `given_wh` (None: not said), or fractions
    of its sides where `normalised`.

    problem: "" or why this line of the list cannot be used, "reason: detail"; it becomes a failed row of the corpus.
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
    cell: str = ""
    problem: str = ""

    @property
    def place(self) -> tuple[str, int]:
        """Two entries with one place are the same image."""
        return self.location, self.offset
