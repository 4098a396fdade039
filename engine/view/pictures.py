"""Pictures for the browser: small ones made on the way, whole ones as they are stored.

Nothing is written. The thumbnail of a JPEG is decoded at a fraction of its size, and kept in memory for a while. A
format that browsers do not show is converted; the type that is sent comes from the extension that the ingest found in
the bytes, never from the name that somebody gave.
"""

import io
from collections import OrderedDict
from contextlib import suppress
from threading import RLock
from typing import TYPE_CHECKING

from shards.reader import Round, Row
from stages.ingest.decode import decode_image
from stages.ingest.settings import DecodeLimits

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

SMALL = 320
_QUALITY = 82
_REMEMBERED = 2000  # thumbnails of some 15 kB
_SHOWN = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp", "gif": "image/gif", "bmp": "image/bmp"}
UNLIMITED = DecodeLimits(max_pixels=2**40, max_bytes=2**40)  # the ingest has judged it


class Pictures:
    """Thumbnails of all rounds, the last used ones in memory. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._small: OrderedDict[tuple[str, int, str], bytes] = OrderedDict()

    def small(self, round_: Round, row: Row) -> bytes:
        """A JPEG of at most 320 px."""
        known = (row["shard"], row["offset"], row["key"])
        with self._lock:
            if known in self._small:
                self._small.move_to_end(known)
                return self._small[known]
        reduced = _reduced(round_.image_of(row), row["ext"])
        reduced.thumbnail((SMALL, SMALL))
        return self._remember(known, _jpeg(reduced))

    def cut(self, round_: Round, row: Row, view: tuple[int, int, int, int]) -> bytes:
        """A JPEG of at most 320 px of a part of the picture: x y width height in px of the oriented image. Raises
        ValueError if it is not a part."""
        from PIL import Image

        known = (row["shard"], row["offset"], f"{row['key']} {view}")
        with self._lock:
            if known in self._small:
                return self._small[known]
        x, y, wide, tall = view
        picture = Image.fromarray(decode_image(round_.image_of(row), UNLIMITED))
        if min(view) < 0 or 0 in (wide, tall) or x + wide > picture.width or y + tall > picture.height:
            raise ValueError(f"{view} is no part of {picture.width} x {picture.height} px")
        part = picture.crop((x, y, x + wide, y + tall))
        part.thumbnail((SMALL, SMALL))
        return self._remember(known, _jpeg(part))

    def whole(self, round_: Round, row: Row) -> tuple[bytes, str]:
        """(bytes, media type) of an image that the round kept: the original, or a JPEG of it."""
        return self.converted(round_.image_of(row), row["ext"])

    def converted(self, data: bytes, ext: str) -> tuple[bytes, str]:
        """(bytes, media type): the same bytes where browsers show them, else a JPEG."""
        media = _SHOWN.get(ext)
        if media:
            return data, media
        from PIL import Image

        return _jpeg(Image.fromarray(decode_image(data, UNLIMITED))), "image/jpeg"

    def _remember(self, known: tuple[str, int, str], made: bytes) -> bytes:
        with self._lock:
            self._small[known] = made
            if len(self._small) > _REMEMBERED:
                self._small.popitem(last=False)
        return made


def _jpeg(picture: "Picture") -> bytes:
    sink = io.BytesIO()
    picture.save(sink, "JPEG", quality=_QUALITY)
    return sink.getvalue()


def _reduced(data: bytes, ext: str) -> "Picture":
    """The picture, upright; a JPEG is decoded at a fraction of its size."""
    from PIL import Image, ImageOps

    if ext == "jpg":
        with suppress(Image.DecompressionBombError), Image.open(io.BytesIO(data)) as picture:
            picture.draft("RGB", (2 * SMALL, 2 * SMALL))
            return ImageOps.exif_transpose(picture).convert("RGB")
    return Image.fromarray(decode_image(data, UNLIMITED))
