"""The models of `bench_gpu`, each through its production adapter: how to write a checkpoint, how to ask it.

    for model in MODELS: ask = model.build(model.save["full"](folder), "cuda", "bfloat16", batch=16); ask(images)

An answer is a list of arrays, so that the answers of two devices can be compared. Texts of random weights do not end by
themselves: they are cut.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from specialists.clip_matcher import ClipMatcher, ClipSettings
from specialists.detr import DetrDetector, DetrSettings
from specialists.florence2 import Florence2Captioner, Florence2CaptionerSettings
from specialists.groundingdino_hf import GroundingDinoHf, GroundingDinoHfSettings
from specialists.roles import Image
from specialists.sam_hf import SamHf, SamHfSettings
from specialists.ultralytics_yolo import UltralyticsDetector, UltralyticsSettings
from tests.benchmarks.base_checkpoints import save_detr_r50, save_florence2_base, save_florence2_large, save_yolo_s
from tests.benchmarks.full_checkpoints import (
    save_clip_b32,
    save_groundingdino_tiny,
    save_sam2_tiny,
    save_sam_base,
)
from tests.benchmarks.specialist_verbs import TEXT, prompts
from tests.specialists.tiny_detectors import save_tiny_detr, save_tiny_yolo
from tests.specialists.tiny_florence2 import save_tiny_florence2
from tests.specialists.tiny_groundingdino import write_tiny_groundingdino_hf
from tests.specialists.tiny_matchers import save_tiny_clip
from tests.specialists.tiny_sam import write_tiny_sam2_hf, write_tiny_sam_hf

Numbers = list[NDArray[np.float64]]
Ask = Callable[[list[Image]], Numbers]
Size = Literal["tiny", "full"]
DType = Literal["float32", "bfloat16", "float16"]
NEW_TOKENS = 32


class BenchModel(NamedTuple):
    """save: writes a checkpoint of a size into a folder. build: (weights, device, dtype, batch size) -> a loaded model.
    half: the half precision that it knows."""

    name: str
    save: Mapping[Size, Callable[[Path], Path]]
    build: Callable[[Path, str, DType, int], Ask]
    half: DType = "bfloat16"


def _surest(scores: NDArray[np.floating]) -> NDArray[np.float64]:
    """The 20 greatest: what lies near a threshold differs between devices."""
    return np.sort(scores.astype(np.float64))[-20:]


def _captioner(weights: Path, device: str, dtype: DType, batch: int) -> Ask:
    captioner = Florence2Captioner(
        Florence2CaptionerSettings(
            weights=str(weights), device=device, dtype=dtype, batch_size=batch, max_new_tokens=NEW_TOKENS
        )
    )
    captioner.load()
    return lambda images: [np.array([text.score]) for text in captioner.caption(images, "brief")]


def _detr(weights: Path, device: str, dtype: DType, batch: int) -> Ask:
    detector = DetrDetector(
        DetrSettings(weights=str(weights), device=device, dtype=dtype, batch_size=batch, score_floor=0.0)
    )
    detector.load()
    return lambda images: [_surest(found.scores) for found in detector.detect(images)]


def _yolo(weights: Path, device: str, dtype: DType, batch: int) -> Ask:
    detector = UltralyticsDetector(
        UltralyticsSettings(weights=str(weights), device=device, dtype=dtype, batch_size=batch)
    )
    detector.load()
    return lambda images: [_surest(found.scores) for found in detector.detect(images)]


def _grounder(weights: Path, device: str, dtype: DType, batch: int) -> Ask:
    grounder = GroundingDinoHf(
        GroundingDinoHfSettings(
            weights=str(weights), device=device, dtype=dtype, pairs_at_once=batch, box_floor=0.0, text_floor=0.0
        )
    )
    grounder.load()
    return lambda images: [
        _surest(np.array([phrase.score for phrase in phrases]))
        for phrases in grounder.ground(images, [TEXT] * len(images))
    ]


def _segmenter(weights: Path, device: str, dtype: DType, batch: int) -> Ask:
    segmenter = SamHf(SamHfSettings(weights=str(weights), device=device, dtype=dtype, images_at_once=batch))
    segmenter.load()
    return lambda images: [
        found.scores.astype(np.float64) for found in segmenter.segment(images, [prompts(image) for image in images])
    ]


def _matcher(weights: Path, device: str, dtype: DType, batch: int) -> Ask:
    matcher = ClipMatcher(ClipSettings(weights=str(weights), device=device, dtype=dtype, batch_size=batch))
    matcher.load()
    return lambda images: [
        found.astype(np.float64) for found in matcher.similarity(images, [["dog", "a red car"]] * len(images))
    ]


def _sizes(tiny: Callable[[Path], Path], full: Callable[[Path], Path]) -> Mapping[Size, Any]:
    return {"tiny": tiny, "full": full}


MODELS = [
    BenchModel("florence2-base", _sizes(save_tiny_florence2, save_florence2_base), _captioner),
    BenchModel("florence2-large", _sizes(save_tiny_florence2, save_florence2_large), _captioner),
    BenchModel("detr-resnet-50", _sizes(save_tiny_detr, save_detr_r50), _detr),
    BenchModel("grounding-dino-tiny", _sizes(write_tiny_groundingdino_hf, save_groundingdino_tiny), _grounder),
    BenchModel("sam-vit-b", _sizes(write_tiny_sam_hf, save_sam_base), _segmenter),
    BenchModel("sam2-hiera-tiny", _sizes(write_tiny_sam2_hf, save_sam2_tiny), _segmenter),
    BenchModel("clip-vit-b32", _sizes(save_tiny_clip, save_clip_b32), _matcher),
    BenchModel("yolo11s", _sizes(save_tiny_yolo, save_yolo_s), _yolo, "float16"),
]
