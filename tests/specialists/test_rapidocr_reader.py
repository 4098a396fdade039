"""RapidOCR with the models of its wheel, on text that the test draws."""

import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pictures
from PIL import ImageDraw, ImageFont

from specialists.rapidocr_reader import RapidOcrReader, RapidOcrSettings
from specialists.roles import Image, MissingRequirementError, SpecialistError

SMALL = RapidOcrSettings(min_side=160)  # the pictures here are small and clear; 736 px would only cost time


@pytest.fixture(scope="module")
def reader() -> Iterator[RapidOcrReader]:
    reader = RapidOcrReader(SMALL)
    reader.load()
    yield reader
    reader.close()


def picture(text: str, size: tuple[int, int] = (260, 90), ink: str = "white", paper: str = "navy") -> Image:
    """`text` from pixel (30, 25) on, 32 px high."""
    drawn = Pictures.new("RGB", size, paper)
    ImageDraw.Draw(drawn).text((30, 25), text, ink, ImageFont.load_default(32))
    return np.array(drawn)


def test_the_quad_lies_on_the_words_and_begins_top_left(reader: RapidOcrReader) -> None:
    [words] = reader.read([picture("SPEED LIMIT")])
    assert words.texts == ["SPEED LIMIT"]
    assert words.scores[0] > 0.9
    x, y = words.quads[0][0::2], words.quads[0][1::2]
    ink = np.argwhere(picture("SPEED LIMIT").min(axis=2) > 128)  # y, x of the white pixels
    drawn = [ink[:, 1].min(), ink[:, 0].min(), ink[:, 1].max(), ink[:, 0].max()]
    np.testing.assert_allclose([x[0], y[0], x[2], y[2]], drawn, atol=8)
    assert x[0] < x[1]
    assert y[1] < y[2]


@pytest.mark.parametrize(("turns", "first_corner"), [(1, "bottom left"), (2, "bottom right"), (3, "top right")])
def test_the_first_corner_is_where_turned_text_begins(reader: RapidOcrReader, turns: int, first_corner: str) -> None:
    image = np.ascontiguousarray(np.rot90(picture("SPEED LIMIT"), turns))
    [words] = reader.read([image])
    assert words.texts == ["SPEED LIMIT"]
    x, y = words.quads[0][0::2], words.quads[0][1::2]
    assert (y[0] > y.mean()) == ("bottom" in first_corner)
    assert (x[0] > x.mean()) == ("right" in first_corner)


def test_colours_reach_the_model_as_the_library_reads_them_from_a_file(tmp_path: Path, reader: RapidOcrReader) -> None:
    from rapidocr import RapidOCR
    from rapidocr.utils.output import RapidOCROutput

    image = picture("red on blue", ink="#d02020", paper="#2040a0")
    Pictures.fromarray(image).save(tmp_path / "x.png")
    library = RapidOCR(params={"Global.text_score": 0.0, "Global.log_level": "error", "Det.limit_side_len": 160})
    wanted = library(str(tmp_path / "x.png"), box_thresh=0.3)
    assert isinstance(wanted, RapidOCROutput)
    assert wanted.txts is not None
    assert wanted.scores is not None
    [words] = reader.read([image])
    assert words.texts == list(wanted.txts)
    np.testing.assert_allclose(words.scores, wanted.scores, atol=1e-4)
    np.testing.assert_array_equal(words.quads.reshape(-1, 4, 2), wanted.boxes)
    [swapped] = reader.read([np.ascontiguousarray(image[:, :, ::-1])])
    assert abs(float(swapped.scores[0]) - float(words.scores[0])) > 1e-4


@pytest.mark.parametrize("size", [(1, 1), (40, 40), (3, 2000), (2000, 3)])
def test_nothing_to_read_gives_no_words(reader: RapidOcrReader, size: tuple[int, int]) -> None:
    [words] = reader.read([np.zeros((*size, 3), np.uint8)])
    assert words.texts == []
    assert words.quads.shape == (0, 8)


@pytest.mark.parametrize("turns", [0, 3])
def test_quads_of_a_padded_image_are_in_its_own_frame(reader: RapidOcrReader, turns: int) -> None:
    strip = picture("WIDE", size=(1000, 90))
    [words] = reader.read([np.ascontiguousarray(np.rot90(strip, turns))])
    assert words.texts == ["WIDE"]
    along, across = (0, 1) if turns == 0 else (1, 0)
    assert words.quads[0][along::2].max() < 160
    assert 10 < words.quads[0][across::2].min() < words.quads[0][across::2].max() < 80


def test_a_batch_reads_as_each_image_alone(reader: RapidOcrReader) -> None:
    images = [picture("ONE"), picture("two words", (300, 120)), np.zeros((30, 30, 3), np.uint8)]
    together = reader.read(images)
    for image, words in zip(images, together, strict=True):
        [alone] = reader.read([image])
        assert alone.texts == words.texts
        np.testing.assert_array_equal(alone.quads, words.quads)


def test_reading_before_loading_is_refused() -> None:
    with pytest.raises(SpecialistError, match=r"read\(\) before load\(\)"):
        RapidOcrReader(SMALL).read([picture("x")])


def test_a_missing_model_is_named_before_anything_is_fetched(tmp_path: Path) -> None:
    reader = RapidOcrReader(RapidOcrSettings(recognizer_model=str(tmp_path / "latin.onnx")))
    with pytest.raises(MissingRequirementError, match=r"no rec file at '.*latin.onnx'"):
        reader.load()


def test_a_recogniser_without_characters_asks_for_its_dictionary() -> None:
    [detector] = [path for part, path in RapidOcrReader(SMALL)._models().items() if part == "det"]
    reader = RapidOcrReader(RapidOcrSettings(recognizer_model=str(detector)))
    with pytest.raises(MissingRequirementError, match="give its dictionary file as recognizer_keys"):
        reader.load()


def test_the_fingerprint_knows_models_and_floors_but_not_threads() -> None:
    base = RapidOcrReader(SMALL).fingerprint()
    assert len(str(base["rec_sha256"])) == 64
    assert RapidOcrReader(SMALL.model_copy(update={"threads": 4})).fingerprint() == base
    assert RapidOcrReader(SMALL.model_copy(update={"box_floor": 0.5})).fingerprint() != base


def test_it_travels_to_a_worker_before_loading() -> None:
    assert pickle.loads(pickle.dumps(RapidOcrReader(SMALL))).settings == SMALL
