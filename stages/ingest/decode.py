"""The one decoder of the project: bytes of an image file to uint8 RGB pixels of the oriented image.

Comes in: the bytes of a file. Goes out: `decode_image(data, limits)` gives uint8 [h, w, 3]; `check(data, limits)` gives
what is known of the file after all of it was read once. Every model sees these pixels and no others, so that a box
means the same to all of them. Decoders differ exactly where corpora break: OpenCV applies EXIF orientation, torchvision
does not, and neither refuses a picture whose header promises 1.6 Gpx. The rules here:

- Size is checked in the header, before any pixel is decoded; truncated files are refused, never padded.
- EXIF orientation 1-8 is applied; an unreadable orientation counts as 1.
- JPEG pixels come from libjpeg-turbo (stages/ingest/jpeg.py), all others from Pillow.
- Grey, palette, CMYK, YCbCr: converted to RGB by Pillow, colour profiles are not applied. 16 bits per channel: the
  high byte. Transparency: composited on white. Animations and multi-page files: the first frame.
- Signed or floating point pixels have no agreed black and white and are refused (`unsupported`).

Reasons of a DecodeError: empty, too_many_bytes, not_an_image, too_many_pixels, too_many_scans, too_small, truncated,
corrupt, unsupported.
"""

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import IO, Literal, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageFile

from shards.errors import InputError
from specialists.roles import Image
from stages.ingest.jpeg import JpegDamageError, jpeg_pixels, jpeg_reduced
from stages.ingest.settings import DecodeLimits

Reason = Literal[
    "empty",
    "too_many_bytes",
    "not_an_image",
    "too_many_pixels",
    "too_many_scans",
    "too_small",
    "truncated",
    "corrupt",
    "unsupported",
]

EXTENSIONS = {
    "JPEG": "jpg",
    "MPO": "jpg",  # a JPEG followed by further views; its first view is the picture
    "PNG": "png",
    "GIF": "gif",
    "WEBP": "webp",
    "BMP": "bmp",
    "TIFF": "tif",
    "PPM": "ppm",
    "JPEG2000": "jp2",
    "AVIF": "avif",
}
"""Pillow's name of a format -> extension of the tar member. Other formats are `not_an_image`."""

REDUCED_SIDE = 128
"""Shorter side of what perceptual hashes are taken from, in pixels or up to twice as many; they look at 32 x 32."""
_JPEG, _SCAN = b"\xff\xd8\xff", b"\xff\xda"
"""How a JPEG begins, and its marker of a scan, which its codes never contain. A progressive one may have any number of
scans, and each goes over the whole picture."""

_HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")

Factory = Callable[[IO[bytes], str], ImageFile.ImageFile]
Accept = Callable[[bytes], bool | str]

ORIENTATION_TAG = 0x0112
TURNS = {
    2: Pillow.Transpose.FLIP_LEFT_RIGHT,
    3: Pillow.Transpose.ROTATE_180,
    4: Pillow.Transpose.FLIP_TOP_BOTTOM,
    5: Pillow.Transpose.TRANSPOSE,
    6: Pillow.Transpose.ROTATE_270,
    7: Pillow.Transpose.TRANSVERSE,
    8: Pillow.Transpose.ROTATE_90,
}
"""EXIF orientation -> what turns the stored pixels upright (EXIF 2.32, tag 0x0112)."""

# What Pillow's plugins raise on damaged files, found by reading them and by the fuzz test of this module. Warnings
# are here because a process may have turned them into errors.
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    RuntimeError,
    MemoryError,
    struct.error,
    zlib.error,
    Pillow.DecompressionBombError,
    Warning,
)


class DecodeError(InputError):
    """A file that gives no correct picture. `reason` is one word for counting, the message says more."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason: Reason = reason
        self.detail = detail

    def __reduce__(self) -> tuple[type["DecodeError"], tuple[Reason, str]]:
        return DecodeError, (self.reason, self.detail)


@dataclass(frozen=True, eq=False)
class Checked:
    """A file that decodes. stored_wh: pixels as stored; orientation: EXIF 1-8; grey: uint8 [h, w], oriented, reduced
    until its shorter side has `REDUCED_SIDE` to twice as many pixels."""

    ext: str
    stored_wh: tuple[int, int]
    orientation: int
    grey: NDArray[np.uint8]

    @property
    def oriented_wh(self) -> tuple[int, int]:
        width, height = self.stored_wh
        return (height, width) if self.orientation > 4 else (width, height)


class _Decoded(NamedTuple):
    """image: uint8 RGB [h, w, 3], oriented."""

    ext: str
    stored_wh: tuple[int, int]
    orientation: int
    image: Image


def decode_image(data: bytes, limits: DecodeLimits) -> Image:
    """uint8 RGB [h, w, 3] of the oriented image. Raises DecodeError; releases the GIL while it decodes."""
    return _decode(data, _open(data, limits)).image


def check(data: bytes, limits: DecodeLimits) -> Checked:
    """Whether `decode_image` will give a picture, and what is known of it. Refuses PNG chunks whose checksum is wrong,
    too, which `decode_image` would turn into pixels. Meant for the one time when a file enters the corpus."""
    opened = _open(data, limits)
    if opened.format == "PNG":
        _verify_png(data)
    if EXTENSIONS[opened.format or ""] == "jpg" and (grey := _reduced(data)) is not None:
        orientation = _orientation(opened)
        turned = Pillow.fromarray(grey).transpose(TURNS[orientation]) if orientation in TURNS else grey
        return Checked("jpg", opened.size, orientation, np.asarray(turned))
    whole = _decode(data, opened)
    picture = Pillow.fromarray(whole.image).convert("L")
    factor = max(1, min(picture.size) // REDUCED_SIDE)
    return Checked(whole.ext, whole.stored_wh, whole.orientation, np.asarray(picture.reduce(factor)))


def _reduced(data: bytes) -> NDArray[np.uint8] | None:
    try:
        return jpeg_reduced(data, REDUCED_SIDE)
    except JpegDamageError as error:
        raise _damaged(error) from error


def _damaged(error: JpegDamageError) -> DecodeError:
    return DecodeError("truncated" if error.cut else "corrupt", f"JPEG: {error}")


def _open(data: bytes, limits: DecodeLimits) -> ImageFile.ImageFile:
    """The file with its header read and its size within the limits; no pixel is decoded."""
    if not data:
        raise DecodeError("empty", "the file has no bytes")
    if len(data) > limits.max_bytes:
        raise DecodeError("too_many_bytes", f"{len(data)} bytes, at most {limits.max_bytes} (limits.max_bytes)")
    scans = data.count(_SCAN) if data.startswith(_JPEG) else 0
    if scans > limits.max_scans:
        raise DecodeError("too_many_scans", f"{scans}, at most {limits.max_scans} (limits.max_scans)")
    promised = _webp_size(data)
    if promised:
        _check_size(promised, limits)
    opened = _identify(data)
    _check_size(opened.size, limits)
    return opened


def _identify(data: bytes) -> ImageFile.ImageFile:
    """Pillow's plugin for `data`, by content, whatever the file was called.

    `PIL.Image.open` would also compare with the process-wide MAX_IMAGE_PIXELS and warn or raise by it; going through
    its plugin table leaves that global alone and makes `limits.max_pixels` the only rule.
    """
    problem: Exception | None = None
    for name, (factory, accept) in _plugins():
        verdict = accept(data[:16]) if accept else True
        if not verdict or isinstance(verdict, str):
            continue
        try:
            return factory(io.BytesIO(data), "")
        except _DAMAGE as error:
            problem = error
            reason: Reason = "truncated" if _is_cut(error) else "corrupt"
            detail = f"{name} header: {error or type(error).__name__}"
    if problem is None and (kind := _unread(data)):
        raise DecodeError("unsupported", f"{kind} is not read here: convert it to JPEG or PNG first")
    if problem is None:
        raise DecodeError("not_an_image", f"starts with {data[:12]!r}")
    raise DecodeError(reason, detail) from problem


def _unread(data: bytes) -> str:
    """The name of a format of pictures that is known and not read; "" for anything else."""
    if data[4:8] == b"ftyp" and data[8:12] in _HEIC:
        return "HEIC"
    if data.startswith((b"\xff\x0a", b"\x00\x00\x00\x0cJXL ")):
        return "JPEG XL"
    return "SVG" if b"<svg" in data[:1000].lower() else ""


@cache
def _plugins() -> list[tuple[str, tuple[Factory, Accept | None]]]:
    Pillow.init()
    return [
        (name, cast(tuple[Factory, Accept | None], Pillow.OPEN[name])) for name in EXTENSIONS if name in Pillow.OPEN
    ]


def _check_size(size_wh: tuple[int, int], limits: DecodeLimits) -> None:
    width, height = size_wh
    if width * height > limits.max_pixels:
        raise DecodeError(
            "too_many_pixels", f"{width}x{height}, at most {limits.max_pixels} pixels (limits.max_pixels)"
        )
    if min(width, height) < limits.min_side:
        raise DecodeError("too_small", f"{width}x{height}, at least {limits.min_side} on each side (limits.min_side)")


def _webp_size(data: bytes) -> tuple[int, int] | None:
    """Canvas of a WebP file, else None. Pillow allocates the canvas when it opens the file, too late for a limit.

    Layout: "RIFF" size "WEBP", then a chunk: VP8X (canvas - 1 in 3 + 3 bytes), VP8L (14 + 14 bits) or VP8 (14 each).
    """
    if len(data) < 30 or data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        return None
    kind = data[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + ((bits >> 14) & 0x3FFF)
    return int.from_bytes(data[26:28], "little") & 0x3FFF, int.from_bytes(data[28:30], "little") & 0x3FFF


def _decode(data: bytes, opened: ImageFile.ImageFile) -> _Decoded:
    ext = EXTENSIONS[opened.format or ""]
    try:
        if ext == "jpg" and (pixels := jpeg_pixels(data)) is not None:
            return _decoded_jpeg(opened, pixels)
        orientation = _orientation(opened)  # TIFF: Pillow turns the pixels itself while it loads them
        opened.load()
        stored_wh = opened.size
        if ext == "tif" and orientation > 4:
            stored_wh = (stored_wh[1], stored_wh[0])
        turned = _rgb(opened)
        if ext != "tif":
            orientation = _orientation(opened)  # PNG may carry it behind the pixels
            if orientation in TURNS:
                turned = turned.transpose(TURNS[orientation])
        return _Decoded(ext, stored_wh, orientation, np.array(turned))  # a copy: torch refuses read-only arrays
    except JpegDamageError as error:
        raise _damaged(error) from error
    except _DAMAGE as error:
        if isinstance(error, DecodeError):
            raise
        reason: Reason = "truncated" if _is_cut(error) else "corrupt"
        raise DecodeError(reason, f"{opened.format}: {error or type(error).__name__}") from error


def _decoded_jpeg(opened: ImageFile.ImageFile, pixels: Image) -> _Decoded:
    orientation = _orientation(opened)
    if orientation in TURNS:
        pixels = np.array(Pillow.fromarray(pixels).transpose(TURNS[orientation]))
    return _Decoded("jpg", opened.size, orientation, pixels)


def _is_cut(error: Exception) -> bool:
    text = str(error).lower()
    return isinstance(error, EOFError) or "truncated" in text or "unexpected end" in text or "premature" in text


def _orientation(opened: Pillow.Image) -> int:
    """EXIF orientation 1-8; 1 where the tag is missing, unreadable or out of range."""
    try:
        value = opened.getexif().get(ORIENTATION_TAG, 1)
        return int(value) if int(value) in TURNS else 1
    except _DAMAGE:
        return 1


def _rgb(loaded: Pillow.Image) -> Pillow.Image:
    """The frame as mode RGB, by the rules of the module docstring."""
    mode = loaded.mode
    if mode.startswith("I;16") or (mode == "I" and loaded.format in ("PNG", "PPM")):  # 16 bits of grey
        return Pillow.fromarray((np.asarray(loaded) >> 8).astype(np.uint8)).convert("RGB")
    if mode in ("I", "F", "LAB", "HSV"):
        raise DecodeError("unsupported", f"{loaded.format} with pixels of mode {mode}")
    if mode == "RGB" and "transparency" not in loaded.info:
        return loaded
    if "A" in mode or "a" in mode or "transparency" in loaded.info:
        layers = loaded.convert("RGBA")
        white = Pillow.new("RGBA", layers.size, (255, 255, 255, 255))
        return Pillow.alpha_composite(white, layers).convert("RGB")
    return loaded.convert("RGB")


def _verify_png(data: bytes) -> None:
    """Compare every chunk's CRC, which Pillow skips for pixel data."""
    try:
        with Pillow.OPEN["PNG"][0](io.BytesIO(data), "") as opened:
            opened.verify()
    except _DAMAGE as error:
        reason: Reason = "truncated" if _is_cut(error) else "corrupt"
        raise DecodeError(reason, f"PNG: {error or type(error).__name__}") from error
