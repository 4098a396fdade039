import io
import random
import time
import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from stages.ingest.decode import DecodeError, check, decode_image
from stages.ingest.examine import perceptual_hash
from stages.ingest.settings import DecodeLimits
from tests.stages.ingest.broken import BROKEN, encoded, jpeg_bomb, picture, png_bomb, webp_bomb, zeroed

LIMITS = DecodeLimits()
Pixels = NDArray[np.uint8]

# The letter F: no two of the eight orientations look the same.
F = np.array([[1, 1, 1], [1, 0, 0], [1, 1, 0], [1, 0, 0]], np.uint8)
TURNED = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.T,
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).T,
    8: lambda a: np.rot90(a, 1),
}
"""EXIF orientation -> stored pixels to shown pixels, written with numpy from the EXIF table (row 0, column 0)."""


def with_orientation(image: Image.Image, kind: str, value: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = value
    return encoded(image, kind, exif=exif)


def grey(values: list[list[int]], mode: str = "L") -> Image.Image:
    return Image.fromarray(np.array(values, np.uint8 if mode == "L" else np.uint16))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_exif_orientation_is_applied(kind: str, orientation: int) -> None:
    stored = np.repeat(F[:, :, None] * 255, 3, axis=2)
    options = {"lossless": True} if kind == "WEBP" else {}
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(Image.fromarray(stored), kind, exif=exif, **options)
    checked = check(data, LIMITS)
    wanted = TURNED[orientation](F) * 255
    assert decode_image(data, LIMITS)[:, :, 0].tolist() == wanted.tolist()
    assert checked.grey.tolist() == wanted.tolist()
    assert checked.oriented_wh == wanted.shape[::-1]
    assert checked.stored_wh == (3, 4)
    assert checked.orientation == orientation


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_of_a_jpeg(orientation: int) -> None:
    stored = np.kron(F, np.ones((16, 16), np.uint8)) * 255
    shown = decode_image(with_orientation(Image.fromarray(stored), "JPEG", orientation), LIMITS)
    wanted = TURNED[orientation](stored).astype(int)
    assert shown.shape == (*wanted.shape, 3)
    assert np.abs(shown[:, :, 1].astype(int) - wanted).max() < 12


@pytest.mark.parametrize("value", [0, 9, 60000])
def test_an_orientation_out_of_range_counts_as_upright(value: int) -> None:
    assert check(with_orientation(picture(1), "JPEG", value), LIMITS).orientation == 1


def test_broken_exif_counts_as_upright() -> None:
    data = with_orientation(picture(1), "JPEG", 6).replace(b"Exif\0\0MM\0*", b"Exif\0\0XX\0*")
    assert check(data, LIMITS).orientation == 1


def test_grey_becomes_three_equal_channels() -> None:
    assert decode_image(encoded(grey([[0, 128, 255]]), "PNG"), LIMITS).tolist() == [[[0] * 3, [128] * 3, [255] * 3]]


def test_one_bit_becomes_black_and_white() -> None:
    image = Image.fromarray(np.array([[False, True]]))
    assert decode_image(encoded(image, "PNG"), LIMITS).tolist() == [[[0] * 3, [255] * 3]]


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_16_bits_keep_the_high_byte(kind: str) -> None:
    data = encoded(grey([[0x0000, 0x00FF, 0x8012, 0xFFFF]], "I;16"), kind)
    assert decode_image(data, LIMITS)[0, :, 0].tolist() == [0, 0, 0x80, 0xFF]


def test_palette() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putdata([0, 1])
    assert decode_image(encoded(image, "PNG"), LIMITS).tolist() == [[[10, 20, 30], [200, 100, 50]]]


def test_a_transparent_palette_entry_shows_white() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putdata([0, 1])
    data = encoded(image, "PNG", transparency=b"\x00\xff")
    assert decode_image(data, LIMITS).tolist() == [[[255, 255, 255], [200, 100, 50]]]


def test_alpha_is_composited_on_white() -> None:
    image = Image.fromarray(np.array([[[0, 0, 0, 0], [100, 0, 200, 255], [0, 0, 0, 51]]], np.uint8), "RGBA")
    assert decode_image(encoded(image, "PNG"), LIMITS).tolist() == [[[255] * 3, [100, 0, 200], [204] * 3]]


def test_grey_with_alpha_is_composited_on_white() -> None:
    image = Image.fromarray(np.array([[[0, 0], [90, 255]]], np.uint8), "LA")
    assert decode_image(encoded(image, "PNG"), LIMITS).tolist() == [[[255] * 3, [90] * 3]]


def test_a_transparent_colour_of_an_rgb_png_shows_white() -> None:
    image = Image.fromarray(np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8))
    assert decode_image(encoded(image, "PNG", transparency=(1, 2, 3)), LIMITS).tolist() == [[[255] * 3, [4, 5, 6]]]


def test_cmyk_jpeg() -> None:
    # 255 - ink, darkened by black: c=0 m=255 y=255 k=0 is red.
    red = decode_image(encoded(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=95), LIMITS)
    assert red.shape == (16, 16, 3)
    assert np.abs(red.astype(int) - [255, 0, 0]).max() <= 3


def test_animation_gives_its_first_frame() -> None:
    frames = [Image.new("RGB", (5, 4), colour) for colour in ("red", "lime", "blue")]
    for kind, options in (("GIF", {}), ("PNG", {}), ("WEBP", {"lossless": True})):
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
        image = decode_image(data, LIMITS)
        assert image.shape == (4, 5, 3), kind
        assert (image == [255, 0, 0]).all(), kind


def test_progressive_jpeg_equals_baseline() -> None:
    image = picture(3)
    options: dict[str, object] = {"quality": 90, "subsampling": 0}
    baseline = decode_image(encoded(image, "JPEG", **options), LIMITS)
    assert (decode_image(encoded(image, "JPEG", progressive=True, **options), LIMITS) == baseline).all()


@pytest.mark.parametrize(("width", "height"), [(1, 1), (6000, 2), (2, 6000)])
def test_extreme_shapes_are_images(width: int, height: int) -> None:
    data = encoded(Image.new("RGB", (width, height), (1, 2, 3)), "PNG")
    image = decode_image(data, LIMITS)
    assert check(data, LIMITS).oriented_wh == (width, height)
    assert image.shape == (height, width, 3)
    assert image.dtype == np.uint8
    assert image.flags.writeable


def test_the_extension_is_that_of_the_content() -> None:
    kinds = {"JPEG": "jpg", "PNG": "png", "GIF": "gif", "WEBP": "webp", "BMP": "bmp", "TIFF": "tif", "PPM": "ppm"}
    assert {kind: check(encoded(picture(1), kind), LIMITS).ext for kind in kinds} == kinds


@pytest.mark.parametrize("kind", list(BROKEN))
def test_broken_files_are_refused_with_their_reason(kind: str) -> None:
    _, wanted, make = BROKEN[kind]
    with pytest.raises(DecodeError) as refused:
        check(make(7), LIMITS)
    assert f"decode/{refused.value.reason}" == wanted


def test_limits_name_the_setting() -> None:
    data = encoded(picture(1, 40, 30), "PNG")
    with pytest.raises(DecodeError, match=r"too_many_pixels: 40x30, at most 1199 pixels \(limits.max_pixels\)"):
        check(data, DecodeLimits(max_pixels=1199))
    with pytest.raises(DecodeError, match=r"too_small: 40x30, at least 31 on each side \(limits.min_side\)"):
        check(data, DecodeLimits(min_side=31))
    with pytest.raises(DecodeError, match=rf"too_many_bytes: {len(data)} bytes, at most 10 \(limits.max_bytes\)"):
        check(data, DecodeLimits(max_bytes=10))
    assert check(data, DecodeLimits(max_pixels=1200, min_side=30, max_bytes=len(data))).stored_wh == (40, 30)


@pytest.mark.parametrize(
    "bomb",
    [
        png_bomb(10_000, 10_000),
        png_bomb(20_000, 20_000),
        png_bomb(40_000, 40_000),
        jpeg_bomb(16_000, 16_000),
        webp_bomb(),
    ],
    ids=["100 Mpx png", "400 Mpx png", "1.6 Gpx png", "256 Mpx jpeg", "268 Mpx webp"],
)
def test_bombs_are_refused_from_the_header(bomb: bytes) -> None:
    with pytest.raises(DecodeError, match="too_many_pixels"):
        decode_image(bomb, LIMITS)  # plugins are loaded now
    peak_before = _peak_rss_bytes()
    tracemalloc.start()
    started = time.process_time()
    with pytest.raises(DecodeError, match="too_many_pixels"):
        decode_image(bomb, LIMITS)
    spent_s = time.process_time() - started
    _, python_peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert spent_s < 0.05
    assert python_peak < 5_000_000 + 2 * len(bomb)
    assert _peak_rss_bytes() - peak_before < 50_000_000


def test_a_larger_limit_than_pillows_own_is_obeyed_without_a_warning() -> None:
    with pytest.raises(DecodeError, match="truncated"):  # so it was opened, and neither refused nor warned about
        decode_image(png_bomb(100_000, 1000)[:500], DecodeLimits(max_pixels=100_000_000))


def test_jpeg_damage_that_pillow_decodes_is_refused() -> None:
    bad = zeroed(encoded(picture(1, 320, 240), "JPEG", quality=90), 0.5, 2048)
    assert np.asarray(Image.open(io.BytesIO(bad))).shape == (240, 320, 3)
    for read in (decode_image, check):
        with pytest.raises(DecodeError, match="corrupt: JPEG: Corrupt JPEG data"):
            read(bad, LIMITS)


def test_damage_in_a_cmyk_jpeg_is_refused() -> None:
    good = encoded(picture(1, 320, 240).convert("CMYK"), "JPEG", quality=90)
    assert decode_image(good, LIMITS).shape == (240, 320, 3)
    with pytest.raises(DecodeError, match="corrupt"):
        decode_image(zeroed(good, 0.5, 2048), LIMITS)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"subsampling": 0},
        {"subsampling": 1},
        {"quality": 30, "optimize": True},
        {"progressive": True},
        {"restart_marker_rows": 1},
        {"keep_rgb": True},
    ],
    ids=str,
)
def test_jpeg_pixels_are_those_of_pillow(options: dict[str, object]) -> None:
    for number, size in enumerate([(97, 65), (320, 240), (1, 1), (17, 3)]):
        for mode in ("RGB", "L"):
            only_colour = () if mode == "RGB" else ("subsampling", "keep_rgb")
            wanted = {name: value for name, value in options.items() if name not in only_colour}
            data = encoded(picture(number, *size).convert(mode), "JPEG", **wanted)
            assert (decode_image(data, LIMITS) == np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))).all()


def test_padding_that_cameras_write_is_no_damage() -> None:
    good = encoded(picture(1), "JPEG", progressive=True)
    scan = good.rindex(b"\xff\xda")
    padded = good[:scan] + bytes(20) + good[scan:]
    assert check(padded, LIMITS).stored_wh == (96, 64)
    assert check(good + b"trailing bytes", LIMITS).stored_wh == (96, 64)


def test_random_damage_is_an_image_or_a_decode_error() -> None:
    rng = random.Random(0)
    seeds = [encoded(picture(1, 24, 16), kind) for kind in ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "PPM")]
    refused = 0
    for number in range(700):
        data = bytearray(seeds[number % len(seeds)])
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(min(len(data), 400))] = rng.randrange(256)
        try:
            checked = check(bytes(data), DecodeLimits(max_pixels=10_000))
        except DecodeError:
            refused += 1
        else:
            image = decode_image(bytes(data), DecodeLimits(max_pixels=10_000))
            assert image.dtype == np.uint8
            assert image.shape == (*checked.oriented_wh[::-1], 3)
    assert refused > 100


def test_a_jpeg_is_checked_as_well_as_it_is_decoded() -> None:
    """The check reads all codes and computes few pixels: it must find what a whole decode finds."""
    rng = random.Random(1)
    for number in range(200):
        options: dict[str, object] = {"progressive": number % 2 == 1, "subsampling": number % 3}
        data = bytearray(encoded(picture(number, 160, 120), "JPEG", quality=80, **options))
        at = rng.randrange(700, len(data) - 2)
        damaged = bytes(data[:at]) + bytes(rng.randrange(256) for _ in range(9)) + bytes(data[at + 9 :])
        assert _outcome(damaged, check) == _outcome(damaged, decode_image)


def _outcome(data: bytes, read: Callable[[bytes, DecodeLimits], object]) -> str:
    try:
        read(data, LIMITS)
    except DecodeError as error:
        return str(error)
    return "an image"


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_the_hash_of_the_reduced_picture_is_that_of_the_whole(kind: str) -> None:
    import imagehash

    for seed in range(20):
        data = encoded(picture(seed, 900, 640), kind)
        grey = check(data, LIMITS).grey
        assert min(grey.shape) >= 128
        assert perceptual_hash(grey) == str(imagehash.phash(Image.fromarray(grey)))
        whole = imagehash.phash(Image.open(io.BytesIO(data)))
        assert whole - imagehash.hex_to_hash(perceptual_hash(grey)) <= 2


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"\xff\x0a\xfa\x1f\x01", "JPEG XL"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
    ],
)
def test_pictures_that_nobody_here_reads_say_what_they_are(data: bytes, name: str) -> None:
    with pytest.raises(DecodeError, match=f"unsupported: {name} is not read here: convert it to JPEG or PNG first"):
        check(data, LIMITS)


def test_a_jpeg_of_many_scans_is_refused_unread() -> None:
    data = encoded(picture(1), "JPEG", progressive=True)
    scan = data[data.rindex(b"\xff\xda") : -2]
    bomb = data[:-2] + scan * 300 + data[-2:]
    for read in (check, decode_image):
        with pytest.raises(DecodeError, match=r"too_many_scans: 31\d, at most 100 \(limits\.max_scans\)"):
            read(bomb, LIMITS)
    assert check(data, DecodeLimits(max_scans=data.count(b"\xff\xda"))).ext == "jpg"


def test_decode_error_survives_a_process_boundary() -> None:
    import pickle

    error = pickle.loads(pickle.dumps(DecodeError("truncated", "JPEG: cut")))
    assert (error.reason, str(error)) == ("truncated", "truncated: JPEG: cut")


def test_jpeg_keeps_close_to_the_source() -> None:
    source = np.asarray(picture(5))
    shown = decode_image(encoded(picture(5), "JPEG", quality=95, subsampling=0), LIMITS)
    assert np.abs(shown.astype(int) - source).mean() < 3


def _peak_rss_bytes() -> int:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def test_bomb_files_are_small() -> None:
    assert len(png_bomb(40_000, 40_000)) < 200_000
    assert Image.open(io.BytesIO(png_bomb(64, 64))).size == (64, 64)
