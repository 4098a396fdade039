"""Every backend once: what `test_contract.py` holds to the contract of `specialists.roles`.

To add a backend, write a builder that saves a tiny checkpoint of the real architecture into a folder and returns the
specialist, not loaded, and add a line to CASES.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from specialists.blip import BlipCaptioner, BlipSettings
from specialists.clip_matcher import ClipMatcher, ClipSettings
from specialists.description import PromptSettings
from specialists.detr import DetrDetector, DetrSettings
from specialists.easyocr_reader import EasyOcrReader, EasyOcrSettings
from specialists.florence2 import (
    Florence2Captioner,
    Florence2CaptionerSettings,
    Florence2Detector,
    Florence2DetectorSettings,
    Florence2Grounder,
    Florence2GrounderSettings,
)
from specialists.groundingdino import GroundingDino, GroundingDinoSettings
from specialists.groundingdino_hf import GroundingDinoHf, GroundingDinoHfSettings
from specialists.lmm_describer import LmmDescriber, LmmSettings
from specialists.rapidocr_reader import RapidOcrReader, RapidOcrSettings
from specialists.sam_hf import SamHf, SamHfSettings
from specialists.segment_anything_sam import SegmentAnything, SegmentAnythingSettings
from specialists.ultralytics_yolo import UltralyticsDetector, UltralyticsSettings
from tests.specialists.fakes import ColourDetector
from tests.specialists.tiny_captioners import save_tiny_blip, save_tiny_blip2
from tests.specialists.tiny_detectors import save_tiny_d_fine, save_tiny_detr, save_tiny_rt_detr, save_tiny_yolo
from tests.specialists.tiny_easyocr import write_random_easyocr
from tests.specialists.tiny_florence2 import save_tiny_florence2
from tests.specialists.tiny_groundingdino import write_tiny_groundingdino, write_tiny_groundingdino_hf
from tests.specialists.tiny_lmm import save_tiny_llava
from tests.specialists.tiny_matchers import save_tiny_clip, save_tiny_siglip
from tests.specialists.tiny_sam import write_tiny_sam, write_tiny_sam2_hf, write_tiny_sam_hf

Role = Literal["captioner", "detector", "reader", "grounder", "segmenter", "matcher", "describer"]


@dataclass(frozen=True)
class Case:
    """`build(folder)` writes the checkpoint and returns the specialist. tolerance_px: boxes, one by one or batched."""

    name: str
    role: Role
    build: Callable[[Path], Any]
    tolerance_px: float = 0.01


def _florence2_captioner(folder: Path) -> Any:
    weights = str(save_tiny_florence2(folder))
    return Florence2Captioner(Florence2CaptionerSettings(weights=weights, max_new_tokens=12, batch_size=3))


def _florence2_detector(folder: Path) -> Any:
    weights = str(save_tiny_florence2(folder))
    return Florence2Detector(Florence2DetectorSettings(weights=weights, max_new_tokens=24, batch_size=3))


def _florence2_grounder(folder: Path) -> Any:
    weights = str(save_tiny_florence2(folder))
    return Florence2Grounder(Florence2GrounderSettings(weights=weights, max_new_tokens=24, batch_size=3))


def _blip(folder: Path) -> Any:
    return BlipCaptioner(BlipSettings(weights=str(save_tiny_blip(folder)), max_new_tokens=8, batch_size=3))


def _blip2(folder: Path) -> Any:
    settings = BlipSettings(weights=str(save_tiny_blip2(folder)), max_new_tokens=8, batch_size=3, prompt="a photo of")
    return BlipCaptioner(settings)


def _detr(folder: Path) -> Any:
    return DetrDetector(DetrSettings(weights=str(save_tiny_detr(folder)), batch_size=3))


def _rt_detr(folder: Path) -> Any:
    return DetrDetector(DetrSettings(weights=str(save_tiny_rt_detr(folder)), batch_size=3))


def _d_fine(folder: Path) -> Any:
    return DetrDetector(DetrSettings(weights=str(save_tiny_d_fine(folder)), batch_size=3))


def _ultralytics(folder: Path) -> Any:
    settings = UltralyticsSettings(weights=str(save_tiny_yolo(folder)), image_size=64, batch_size=3)
    return UltralyticsDetector(settings)


def _clip(folder: Path) -> Any:
    return ClipMatcher(ClipSettings(weights=str(save_tiny_clip(folder)), batch_size=3))


def _siglip(folder: Path) -> Any:
    return ClipMatcher(ClipSettings(weights=str(save_tiny_siglip(folder)), batch_size=3))


def _llava(folder: Path) -> Any:
    prompts = PromptSettings(refusals=[])
    weights = str(save_tiny_llava(folder, ends=15))
    return LmmDescriber(LmmSettings(weights=weights, prompts=prompts, max_new_tokens=100, batch_size=3))


def _rapidocr(_: Path) -> Any:
    return RapidOcrReader(RapidOcrSettings(min_side=64, max_side=320))


def _easyocr(folder: Path) -> Any:
    return EasyOcrReader(EasyOcrSettings(weights=str(write_random_easyocr(folder)), text_floor=0.3, min_size=5))


def _groundingdino(folder: Path) -> Any:
    checkpoint, bert = write_tiny_groundingdino(folder)
    settings = GroundingDinoSettings(
        weights=str(checkpoint), text_encoder=str(bert), short_side=64, long_side=96, pairs_at_once=3
    )
    return GroundingDino(settings)


def _groundingdino_hf(folder: Path) -> Any:
    weights = str(write_tiny_groundingdino_hf(folder))
    settings = GroundingDinoHfSettings(
        weights=weights, short_side=64, long_side=96, pairs_at_once=3, box_floor=0.05, text_floor=0.02
    )
    return GroundingDinoHf(settings)


def _segment_anything(folder: Path) -> Any:
    return SegmentAnything(SegmentAnythingSettings(weights=str(write_tiny_sam(folder)), images_at_once=3))


def _sam_hf(folder: Path) -> Any:
    return SamHf(SamHfSettings(weights=str(write_tiny_sam_hf(folder)), images_at_once=3))


def _sam2_hf(folder: Path) -> Any:
    return SamHf(SamHfSettings(weights=str(write_tiny_sam2_hf(folder)), images_at_once=3))


def _fake(_: Path) -> Any:
    return ColourDetector({})


CASES = [
    Case("fake", "detector", _fake),
    Case("florence2-captioner", "captioner", _florence2_captioner),
    Case("florence2-detector", "detector", _florence2_detector),
    Case("florence2-grounder", "grounder", _florence2_grounder),
    Case("blip", "captioner", _blip),
    Case("blip2", "captioner", _blip2),
    Case("detr", "detector", _detr),
    Case("rt-detr", "detector", _rt_detr),
    Case("d-fine", "detector", _d_fine),
    Case("ultralytics", "detector", _ultralytics),
    Case("rapidocr", "reader", _rapidocr),
    Case("easyocr", "reader", _easyocr),
    Case("groundingdino", "grounder", _groundingdino, 0.05),
    Case("groundingdino-hf", "grounder", _groundingdino_hf, 0.05),
    Case("segment-anything", "segmenter", _segment_anything),
    Case("sam-hf", "segmenter", _sam_hf),
    Case("sam2-hf", "segmenter", _sam2_hf),
    Case("clip", "matcher", _clip),
    Case("siglip", "matcher", _siglip),
    Case("llava", "describer", _llava),
]
