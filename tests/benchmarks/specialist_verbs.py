"""Backends with tiny checkpoints only, as verbs that take images: what `bench_specialists` times besides captioners and
detectors. Batch sizes are larger than any list of images here, so that a batch is one pass of the model.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from specialists.clip_matcher import ClipMatcher, ClipSettings
from specialists.description import PromptSettings
from specialists.easyocr_reader import EasyOcrReader, EasyOcrSettings
from specialists.groundingdino import GroundingDino, GroundingDinoSettings
from specialists.groundingdino_hf import GroundingDinoHf, GroundingDinoHfSettings
from specialists.lmm_describer import LmmDescriber, LmmSettings
from specialists.rapidocr_reader import RapidOcrReader, RapidOcrSettings
from specialists.roles import Boxes, Context, Image
from specialists.sam_hf import SamHf, SamHfSettings
from specialists.segment_anything_sam import SegmentAnything, SegmentAnythingSettings
from tests.specialists.tiny_easyocr import write_random_easyocr
from tests.specialists.tiny_groundingdino import write_tiny_groundingdino, write_tiny_groundingdino_hf
from tests.specialists.tiny_lmm import save_tiny_llava
from tests.specialists.tiny_matchers import save_tiny_clip, save_tiny_siglip
from tests.specialists.tiny_sam import write_tiny_sam, write_tiny_sam2_hf, write_tiny_sam_hf

Verb = Callable[[list[Image]], Any]
Build = Callable[[Path, str, Any], Verb]
BATCH = 64
TEXT = "two brown dogs play with the ball and the cat"


def prompts(image: Image) -> Boxes:
    """Eight boxes float32 [8, 4] px, cells of a 2 by 4 grid, each grown to the left edge."""
    height, width = image.shape[:2]
    cells = [(column, row) for row in range(2) for column in range(4)]
    corners = [(0, row / 2, (column + 1) / 4, (row + 1) / 2) for column, row in cells]
    return np.array(corners, np.float32) * np.array([width, height, width, height], np.float32)


def _rapidocr(_: Path, device: str, dtype: Any) -> Verb:
    """The models of its wheel, at real size; on the CPU whatever `device` says, as its package here has no GPU."""
    reader = RapidOcrReader(RapidOcrSettings(min_side=320))
    reader.load()
    return reader.read


def _easyocr(folder: Path, device: str, dtype: Any) -> Verb:
    weights = str(write_random_easyocr(folder))
    reader = EasyOcrReader(EasyOcrSettings(weights=weights, text_floor=0.3, min_size=5, device=device))
    reader.load()
    return reader.read


def _groundingdino(folder: Path, device: str, dtype: Any) -> Verb:
    checkpoint, bert = write_tiny_groundingdino(folder)
    settings = GroundingDinoSettings(
        weights=str(checkpoint),
        text_encoder=str(bert),
        short_side=64,
        long_side=96,
        pairs_at_once=BATCH,
        device=device,
        dtype=dtype,
    )
    grounder = GroundingDino(settings)
    grounder.load()
    return lambda images: grounder.ground(images, [TEXT] * len(images))


def _groundingdino_hf(folder: Path, device: str, dtype: Any) -> Verb:
    weights = str(write_tiny_groundingdino_hf(folder))
    settings = GroundingDinoHfSettings(
        weights=weights, short_side=64, long_side=96, pairs_at_once=BATCH, device=device, dtype=dtype
    )
    grounder = GroundingDinoHf(settings)
    grounder.load()
    return lambda images: grounder.ground(images, [TEXT] * len(images))


def _matcher(save: Callable[[Path], Path]) -> Build:
    """Every crop has three texts of its own: equal ones would be encoded once per batch, and flatter it."""

    def build(folder: Path, device: str, dtype: Any) -> Verb:
        settings = ClipSettings(weights=str(save(folder)), device=device, dtype=dtype, batch_size=BATCH)
        matcher = ClipMatcher(settings)
        matcher.load()
        candidates = ["dog", "red car", "tree"]
        # by the picture's content, so that a picture has the same texts alone and in a batch
        return lambda images: matcher.similarity(
            images, [[f"{name} {int(image.sum()) % 9973}" for name in candidates] for image in images]
        )

    return build


def _lmm(folder: Path, device: str, dtype: Any) -> Verb:
    weights = str(save_tiny_llava(folder, ends=15))
    settings = LmmSettings(
        weights=weights,
        prompts=PromptSettings(refusals=[]),
        max_new_tokens=100,
        batch_size=BATCH,
        device=device,
        dtype=dtype,
    )
    describer = LmmDescriber(settings)
    describer.load()
    return lambda images: describer.describe(images, [Context("a dog")] * len(images), "detailed")


def _segment_anything(folder: Path, device: str, dtype: Any) -> SegmentAnything:
    weights = str(write_tiny_sam(folder))
    settings = SegmentAnythingSettings(weights=weights, images_at_once=BATCH, device=device, dtype=dtype)
    segmenter = SegmentAnything(settings)
    segmenter.load()
    return segmenter


def _sam_hf(folder: Path, device: str, dtype: Any) -> SamHf:
    return _loaded_sam_hf(write_tiny_sam_hf(folder), device, dtype)


def _sam2_hf(folder: Path, device: str, dtype: Any) -> SamHf:
    return _loaded_sam_hf(write_tiny_sam2_hf(folder), device, dtype)


def _loaded_sam_hf(weights: Path, device: str, dtype: Any) -> SamHf:
    segmenter = SamHf(SamHfSettings(weights=str(weights), images_at_once=BATCH, device=device, dtype=dtype))
    segmenter.load()
    return segmenter


SEGMENTERS: dict[str, Callable[[Path, str, Any], Any]] = {
    "segment_anything": _segment_anything,
    "sam_hf": _sam_hf,
    "sam2_hf": _sam2_hf,
}
"""Loaded segmenters by the name of their backend; `sam_hf` is its SAM, `sam2_hf` its SAM 2."""
VERBS: dict[str, Build] = {
    "groundingdino": _groundingdino,
    "groundingdino_hf": _groundingdino_hf,
    "clip": _matcher(save_tiny_clip),
    "siglip": _matcher(save_tiny_siglip),
    "image_text_to_text": _lmm,
    "rapidocr": _rapidocr,
    "easyocr": _easyocr,
}
"""EasyOCR comes last: it limits torch's cache of compiled convolutions for the rest of the process."""
PER_IMAGE = {"rapidocr", "easyocr"}
"""Models of real size that read image by image: a few pictures tell as much."""
