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
from specialists.florence2 import (
    Florence2Captioner,
    Florence2CaptionerSettings,
    Florence2Detector,
    Florence2DetectorSettings,
    Florence2Grounder,
    Florence2GrounderSettings,
)
from specialists.lmm_describer import LmmDescriber, LmmSettings
from specialists.ultralytics_yolo import UltralyticsDetector, UltralyticsSettings
from tests.specialists.fakes import ColourDetector
from tests.specialists.tiny_captioners import save_tiny_blip, save_tiny_blip2
from tests.specialists.tiny_detectors import save_tiny_d_fine, save_tiny_detr, save_tiny_rt_detr, save_tiny_yolo
from tests.specialists.tiny_florence2 import save_tiny_florence2
from tests.specialists.tiny_lmm import save_tiny_llava
from tests.specialists.tiny_matchers import save_tiny_clip, save_tiny_siglip

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
    weights = str(save_tiny_llava(folder, ends=90))
    return LmmDescriber(LmmSettings(weights=weights, prompts=prompts, max_new_tokens=100, batch_size=3))


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
    Case("clip", "matcher", _clip),
    Case("siglip", "matcher", _siglip),
    Case("llava", "describer", _llava),
]
