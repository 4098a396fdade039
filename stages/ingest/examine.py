"""One image of the plan into one row of its shard: fetch, check, hash, place the given annotations.

An image either becomes a row with its bytes, or a failed row with stage (list, fetch, decode, given) and reason:

    ImageRow(key="dog", status="ok", sha256="...", phash="...", width=640, height=480, ext="jpg", ...), b"\\xff\\xd8..."
    ImageRow(key="cut", status="failed", stage="decode", error="truncated: JPEG: image file is truncated ..."), None
"""

import hashlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from shards.finding import rounded
from shards.images import ImageRow
from stages.ingest.decode import DecodeError, check
from stages.ingest.entry import Entry
from stages.ingest.fetch import Fetcher
from stages.ingest.frame import FrameError, place_given
from stages.ingest.http import FetchError
from stages.ingest.settings import IngestSettings

_SIDE = 32
_LOW_WAVES = np.cos(np.pi * np.outer(np.arange(8), 2 * np.arange(_SIDE) + 1) / (2 * _SIDE))
"""Rows 0-7 of a DCT-II of 32 numbers."""


class Examined(NamedTuple):
    """A row and its bytes (None if it failed), and how many given boxes lay outside the image."""

    row: ImageRow
    data: bytes | None
    outside: int = 0


def examine(
    entry: Entry,
    settings: IngestSettings,
    fetcher: Fetcher,
    known: bytes | None = None,
    on_fetched: Callable[[], None] = lambda: None,
) -> Examined:
    """The outcome for one image. known: its bytes, where the corpus already has them. on_fetched: called when the bytes
    are there and computing begins."""
    if entry.problem:
        return Examined(failed(entry, "list", entry.problem), None)
    try:
        data = known
        if data is None:
            data = fetcher.read(entry.location, settings.limits.max_bytes, entry.offset, entry.size, entry.cell)
    except FetchError as error:
        return Examined(failed(entry, "fetch", str(error)), None)
    on_fetched()
    sha256 = hashlib.sha256(data).hexdigest()
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
        return Examined(failed(entry, "decode", str(error), sha256), None)
    except FrameError as error:
        return Examined(failed(entry, "given", str(error), sha256), None)
    width, height = checked.oriented_wh
    row = ImageRow(
        key=entry.key,
        uri=entry.uri,
        sha256=sha256,
        phash=perceptual_hash(checked.grey),
        width=width,
        height=height,
        ext=checked.ext,
        given=[rounded(finding) for finding in given],
    )
    return Examined(row, data, outside)


def perceptual_hash(grey: NDArray[np.uint8]) -> str:
    """pHash of the oriented image, 64 bits as 16 hex digits: the 8x8 lowest frequencies of the DCT of the picture at
    32x32, each above their median or not, row by row. Equal to imagehash.phash, which brings scipy: as many seconds of
    CPU to start as a thousand of these take."""
    small = Pillow.fromarray(grey).resize((_SIDE, _SIDE), Pillow.Resampling.LANCZOS)
    low = _LOW_WAVES @ np.asarray(small, np.float64) @ _LOW_WAVES.T
    bits = np.packbits(low > np.median(low))
    return bits.tobytes().hex()


def failed(entry: Entry, stage: str, error: str, sha256: str = "") -> ImageRow:
    """The row of an image that is none. error: "reason: detail"."""
    return ImageRow(key=entry.key, uri=entry.uri, status="failed", stage=stage, error=error, sha256=sha256)
