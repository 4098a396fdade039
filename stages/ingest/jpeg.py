"""JPEG pixels by libjpeg-turbo through simplejpeg: bit for bit what Pillow gives, faster, and with a word about damage.

After a code that does not exist libjpeg goes on, fills in grey or shifted blocks and only notes a warning; Pillow,
OpenCV and torchvision swallow it. Of the decoders with Python wheels only simplejpeg hands the warning on.
"""

import re

import numpy as np
import simplejpeg  # type: ignore[import-untyped]
from numpy.typing import NDArray

from shards.errors import InputError

HARMLESS_EXTRA_BYTES = 64
"""Some cameras pad scans with a few bytes, which libjpeg reports too; a scan that ends early leaves hundreds."""

_EXTRA = re.compile(r"(\d+) extraneous bytes before marker")
_DAMAGE = ("corrupt jpeg data", "premature end", "inconsistent progression")


class JpegDamageError(InputError):
    """The code stream is damaged; `cut` where the file ends too early."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.cut = message.startswith("Premature end")


def jpeg_pixels(data: bytes) -> NDArray[np.uint8] | None:
    """uint8 RGB [h, w, 3] as stored. None for what simplejpeg has no RGB of (CMYK, 12 bit, lossless); CMYK data is
    checked for damage all the same. Raises JpegDamageError; releases the GIL."""
    try:
        colorspace = str(simplejpeg.decode_jpeg_header(data, strict=False)[2])
    except ValueError:
        return None
    if colorspace in ("CMYK", "YCCK"):
        _decode(data, colorspace="CMYK", fastdct=True, fastupsample=True, min_height=1, min_width=1)  # at 1/8 size
        return None
    return _decode(data, colorspace="RGB", fastdct=False, fastupsample=False, min_height=0, min_width=0)


def jpeg_reduced(data: bytes, side: int) -> NDArray[np.uint8] | None:
    """uint8 grey [h, w] as stored, at 1/8 to 1/1 of the size, both sides at least `side` where the file has so much.
    None as for `jpeg_pixels`. Every code of the file is read, so that damage is found as in a whole decode, which takes
    two to three times as long. Raises JpegDamageError; releases the GIL."""
    try:
        if simplejpeg.decode_jpeg_header(data, strict=False)[2] in ("CMYK", "YCCK"):
            return None
    except ValueError:
        return None
    found = _decode(data, colorspace="GRAY", fastdct=True, fastupsample=True, min_height=side, min_width=side)
    return None if found is None else found[:, :, 0]


def _decode(
    data: bytes, colorspace: str, fastdct: bool, fastupsample: bool, min_height: int, min_width: int
) -> NDArray[np.uint8] | None:
    def attempt(strict: bool) -> NDArray[np.uint8]:
        found: NDArray[np.uint8] = simplejpeg.decode_jpeg(
            data, colorspace, fastdct, fastupsample, min_height, min_width, strict=strict
        )
        return found

    try:
        return attempt(strict=True)
    except ValueError as error:
        message = str(error)
        extra = _EXTRA.search(message)
        if extra and int(extra[1]) <= HARMLESS_EXTRA_BYTES:
            try:
                return attempt(strict=False)
            except ValueError as worse:
                raise JpegDamageError(str(worse)) from worse
        if message.lower().startswith(_DAMAGE):
            raise JpegDamageError(message) from error
        return None
