"""One image of the plan into one row of its shard: fetch, check, hash, place the given annotations.

An image either becomes a row with its bytes, or a failed row with stage (list, fetch, decode, given) and reason:

    ImageRow(key="dog", status="ok", sha256="...", phash="...", width=640, height=480, ext="jpg", ...), b"\\xff\\xd8..."
    ImageRow(key="cut", status="failed", stage="decode", error="truncated: JPEG: image file is truncated ..."), None
"""

import hashlib
from typing import NamedTuple

import msgspec
from PIL import Image as Pillow

from shards.finding import rounded
from shards.images import ImageRow
from specialists.roles import Image
from stages.ingest.decode import DecodeError, check
from stages.ingest.entry import Entry
from stages.ingest.fetch import Fetcher
from stages.ingest.frame import FrameError, place_given
from stages.ingest.http import FetchError
from stages.ingest.settings import IngestSettings

PHASH_BITS = 64


class Examined(NamedTuple):
    """A row and its bytes (None if it failed), and how many given boxes lay outside the image."""

    row: ImageRow
    data: bytes | None
    outside: int = 0


def examine(entry: Entry, settings: IngestSettings, fetcher: Fetcher, known: bytes | None = None) -> Examined:
    """The outcome for one image. known: its bytes, where the corpus already has them."""
    row = ImageRow(key=entry.key, uri=entry.uri)
    if entry.problem:
        return Examined(msgspec.structs.replace(row, status="failed", stage="list", error=entry.problem), None)
    try:
        data = known
        if data is None:
            data = fetcher.read(entry.location, settings.limits.max_bytes, entry.offset, entry.size, entry.cell)
    except FetchError as error:
        return Examined(_failed(row, "fetch", error), None)
    row = msgspec.structs.replace(row, sha256=hashlib.sha256(data).hexdigest())
    try:
        checked = check(data, settings.limits)
        given, outside = place_given(
            entry.given,
            entry.given_wh,
            entry.normalised,
            checked.stored_wh,
            checked.orientation,
            settings.given_frame,
        )
    except DecodeError as error:
        return Examined(_failed(row, "decode", error), None)
    except FrameError as error:
        return Examined(_failed(row, "given", error), None)
    height, width = checked.image.shape[:2]
    done = msgspec.structs.replace(
        row,
        phash=perceptual_hash(checked.image),
        width=width,
        height=height,
        ext=checked.ext,
        given=[rounded(finding) for finding in given],
    )
    return Examined(done, data, outside)


def perceptual_hash(image: Image) -> str:
    """pHash of the oriented image, 64 bits as 16 hex digits (imagehash.phash: low frequencies of a 32x32 DCT)."""
    import imagehash  # brings scipy; a rerun that has nothing to examine does without

    return str(imagehash.phash(Pillow.fromarray(image)))


def _failed(row: ImageRow, stage: str, error: Exception) -> ImageRow:
    return msgspec.structs.replace(row, status="failed", stage=stage, error=str(error))
