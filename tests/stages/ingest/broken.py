"""Files that ingest must refuse, each with the stage and reason it must give, and pictures that only look strange.

    write_broken(folder, count=200) -> {"broken_000_truncated": "decode/truncated", ...}

Everything is made here from seeds; nothing big is decoded to make it (bombs are hand-written headers).
"""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

Maker = Callable[[int], bytes]


def picture(seed: int, width: int = 96, height: int = 64) -> Image.Image:
    """A smooth colourful picture with some noise; different for every seed."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (5, 7, 3), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)).astype(int)
    return Image.fromarray(np.clip(smooth + rng.integers(-6, 7, smooth.shape), 0, 255).astype(np.uint8))


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    """The file, as Pillow writes it."""
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    """A PNG chunk."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_bomb(width: int, height: int) -> bytes:
    """A valid grey PNG of that size, almost free to make: one bit per pixel, compressed row by row."""
    packer = zlib.compressobj(9)
    row = bytes(1 + (width + 7) // 8)
    data = b"".join(packer.compress(row) for _ in range(min(height, 2000))) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def jpeg_bomb(width: int, height: int) -> bytes:
    """A small JPEG whose header promises width x height."""
    data = bytearray(encoded(picture(0), "JPEG"))
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def webp_bomb() -> bytes:
    """A lossless WebP header that promises 16384 x 16384."""
    body = b"\x2f" + ((16383) | (16383 << 14)).to_bytes(4, "little") + bytes(9)
    return b"RIFF" + struct.pack("<I", 12 + len(body)) + b"WEBP" + b"VP8L" + struct.pack("<I", len(body)) + body


def zeroed(data: bytes, start: float, length: int) -> bytes:
    """`length` bytes set to zero from the given share of the file on."""
    at = int(len(data) * start)
    return data[:at] + bytes(length) + data[at + length :]


def _jpeg(seed: int) -> bytes:
    return encoded(picture(seed, 320, 240), "JPEG", quality=90)


def _png(seed: int) -> bytes:
    return encoded(picture(seed), "PNG")


BROKEN: dict[str, tuple[str, str, Maker]] = {
    "empty": (".jpg", "decode/empty", lambda seed: b""),
    "html": (".jpg", "decode/not_an_image", lambda seed: b"<!DOCTYPE html><p>404 Not Found %d" % seed),
    "text": (".png", "decode/not_an_image", lambda seed: b"version https://git-lfs.github.com/spec/v1 %d" % seed),
    "zeros": (".jpg", "decode/not_an_image", lambda seed: bytes(1000 + seed)),
    "half": (".jpg", "decode/truncated", lambda seed: _jpeg(seed)[: 6000 + seed]),
    "no_end": (".jpg", "decode/truncated", lambda seed: _jpeg(seed)[:-2]),
    "half_progressive": (
        ".jpg",
        "decode/truncated",
        lambda seed: encoded(picture(seed, 320, 240), "JPEG", progressive=True)[:5000],
    ),
    "half_png": (".png", "decode/truncated", lambda seed: _png(seed)[:3000]),
    "half_webp": (".webp", "decode/corrupt", lambda seed: encoded(picture(seed), "WEBP", lossless=True)[:3000]),
    "half_gif": (".gif", "decode/truncated", lambda seed: encoded(picture(seed), "GIF")[:2000]),
    "zeroed_jpeg": (".jpg", "decode/corrupt", lambda seed: zeroed(_jpeg(seed), 0.5, 2048)),
    "zeroed_png": (".png", "decode/corrupt", lambda seed: zeroed(_png(seed), 0.5, 2048)),
    "bomb_100m": (".png", "decode/too_many_pixels", lambda seed: png_bomb(10_000, 10_000 + seed)),
    "bomb_400m": (".png", "decode/too_many_pixels", lambda seed: png_bomb(20_000, 20_000 + seed)),
    "bomb_1600m": (".png", "decode/too_many_pixels", lambda seed: png_bomb(40_000, 40_000 + seed)),
    "bomb_jpeg": (".jpg", "decode/too_many_pixels", lambda seed: jpeg_bomb(16_000, 16_000 + seed)),
    "bomb_webp": (".webp", "decode/too_many_pixels", lambda seed: webp_bomb()),
    "float": (
        ".tif",
        "decode/unsupported",
        lambda seed: encoded(Image.fromarray(np.full((8, 9), seed, np.float32)), "TIFF"),
    ),
}
"""Name -> suffix of the file, stage/reason of its row, and what makes its bytes from a seed."""


def write_broken(folder: Path, count: int = 200) -> dict[str, str]:
    """Write `count` broken files, all kinds in turn, and return key (file stem) -> "stage/reason"."""
    folder.mkdir(parents=True, exist_ok=True)
    expected: dict[str, str] = {}
    kinds = list(BROKEN.items())
    for number in range(count):
        kind, (suffix, reason, make) = kinds[number % len(kinds)]
        key = f"broken_{number:03d}_{kind}"
        (folder / f"{key}{suffix}").write_bytes(make(number))
        expected[key] = reason
    return expected
