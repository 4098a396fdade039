"""Against RapidOCR's own preprocessing of the detector's picture, bit for bit."""

from typing import Any

import numpy as np
import pytest

from specialists.rapidocr_pixels import TabledPixels
from specialists.rapidocr_reader import RapidOcrReader, RapidOcrSettings


@pytest.mark.parametrize("size_wh", [(64, 32), (500, 375), (1040, 700)])
def test_the_numbers_are_those_of_the_library_and_lie_in_one_piece(size_wh: tuple[int, int]) -> None:
    from rapidocr.ch_ppocr_det.utils import DetPreProcess

    own = DetPreProcess(160, "min", [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    image = np.random.default_rng(0).integers(0, 256, (size_wh[1], size_wh[0], 3), dtype=np.uint8)
    pixels = TabledPixels(own)(image)
    np.testing.assert_array_equal(pixels, own(image))
    assert pixels is not None
    assert pixels.dtype == np.float32
    assert pixels.flags.c_contiguous


def test_a_picture_too_thin_to_scale_is_none_as_in_the_library() -> None:
    from rapidocr.ch_ppocr_det.utils import DetPreProcess

    own = DetPreProcess(736, "max")
    thin = np.zeros((3, 400, 3), np.uint8)
    assert own(thin) is None
    assert TabledPixels(own)(thin) is None


def test_the_readers_detector_is_shown_them() -> None:
    reader = RapidOcrReader(RapidOcrSettings(min_side=160))
    reader.load()
    engine: Any = reader._engine
    assert isinstance(engine.text_det.get_preprocess(), TabledPixels)
