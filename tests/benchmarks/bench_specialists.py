"""What batching and sharing the vision encoder bring, per backend, in ratios measured within one run.

    python -m tests.benchmarks.bench_specialists [--images 8] [--repeat 5] [--device cpu] [--dtype float32]
                                                 [--size tiny|base] [--only florence2 sam_hf ...]

`tiny` builds the checkpoints of the tests: what is measured is the overhead around a model. `base` builds random
weights at the size of Florence-2-base (768 px, 0.23 B), BLIP-base, DETR-R50 and YOLO11s: what a production run sees.
Answers are cut at a fixed length, since random weights do not stop by themselves. The other backends stand in
`specialist_verbs`; they have tiny checkpoints only.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from specialists.blip import BlipCaptioner, BlipSettings
from specialists.decoding import Decoding
from specialists.detr import DetrDetector, DetrSettings
from specialists.florence2_format import prompt
from specialists.florence2_model import Florence2Model, Search
from specialists.roles import Image
from specialists.ultralytics_yolo import UltralyticsDetector, UltralyticsSettings
from stages.scenes.gold import draw_scene
from stages.scenes.settings import SceneSettings
from tests.benchmarks.base_checkpoints import save_blip_base, save_detr_r50, save_florence2_base, save_yolo_s
from tests.benchmarks.specialist_verbs import PER_IMAGE, SEGMENTERS, VERBS, prompts
from tests.specialists.tiny_captioners import save_tiny_blip
from tests.specialists.tiny_detectors import save_tiny_detr, save_tiny_rt_detr, save_tiny_yolo
from tests.specialists.tiny_florence2 import save_tiny_florence2

TASKS = [prompt("<CAPTION>"), prompt("<OD>"), prompt("<DENSE_REGION_CAPTION>"), prompt("<REGION_PROPOSAL>")]
NEW_TOKENS = 32


def main() -> None:
    asked = _arguments()
    torch.set_num_threads(1)
    print(f"{asked.size} checkpoints, {asked.device}, {asked.dtype}, {asked.images} images, median of {asked.repeat};")
    print("images of 640x480 for captioners and detectors, generated scenes of 320x320 for the others\n")
    print("| what | images/s | ratio | to |\n|---|---|---|---|")
    noise = [_picture(seed) for seed in range(asked.images)]
    for name, bench in BENCHES.items():
        if not asked.only or name in asked.only:
            with tempfile.TemporaryDirectory() as folder:
                bench(asked, Path(folder), noise)
    if asked.size == "tiny":
        _others(asked)


def _others(asked: argparse.Namespace) -> None:
    """Readers, grounders, segmenters, matchers and describers, on generated scenes with words on a sign."""
    look = SceneSettings(size=320, square=True, sign_share=1, empty_share=0)
    scenes = [draw_scene(0, index, look).image for index in range(asked.images)]
    for name, segmenter in SEGMENTERS.items():
        if not asked.only or name in asked.only:
            with tempfile.TemporaryDirectory() as folder:
                _boxes_together(asked, name, scenes, segmenter(Path(folder), asked.device, asked.dtype))
    for name, build in VERBS.items():
        if not asked.only or name in asked.only:
            with tempfile.TemporaryDirectory() as folder:
                count = min(len(scenes), 4) if name in PER_IMAGE else len(scenes)
                _batched_and_single(asked, name, scenes[:count], build(Path(folder), asked.device, asked.dtype))


def _boxes_together(asked: argparse.Namespace, name: str, images: list[Image], model: Any) -> None:
    """The images in one call; each alone with all its boxes; each box in a call of its own."""
    boxes = [prompts(image) for image in images]

    def box_by_box() -> None:
        for image, some in zip(images, boxes, strict=True):
            for box in some:
                model.segment([image], [box[None]])

    works: dict[str, Callable[[], Any]] = {
        "batched": lambda: model.segment(images, boxes),
        "single": lambda: [model.segment([image], [some]) for image, some in zip(images, boxes, strict=True)],
        "box by box": box_by_box,
    }
    rates = _rates(asked, works, len(images))
    _row(f"{name}, batch of {len(images)}, {len(boxes[0])} boxes each", rates, "batched", "single")
    _row(f"{name}, one by one, all boxes of an image in one call", rates, "single", "box by box")
    _row(f"{name}, box by box", rates, "box by box", "box by box")


def _florence2(asked: argparse.Namespace, folder: Path, images: list[Image]) -> None:
    """One pass over the vision tower for four tasks, against `generate` per task as one would write it first."""
    save = save_tiny_florence2 if asked.size == "tiny" else save_florence2_base
    model = Florence2Model(save(folder), asked.device, asked.dtype)
    search = Search(Decoding(1, NEW_TOKENS), len(images))

    def shared() -> None:
        model.answer([image.copy() for image in images], [TASKS] * len(images), search)

    def per_task() -> None:
        for task in TASKS:
            model.answer([image.copy() for image in images], [[task]] * len(images), search)

    def naive() -> None:
        for image in images:
            for task in TASKS:
                model.answer([image.copy()], [[task]], search)

    def library_generate() -> None:
        for image in images:
            for task in TASKS:
                inputs = model.processor(images=image, text=task, return_tensors="pt").to(asked.device)
                inputs["pixel_values"] = inputs["pixel_values"].to(getattr(torch, asked.dtype))
                model._model.generate(**inputs, max_new_tokens=NEW_TOKENS, do_sample=False)

    works = {"shared": shared, "per task": per_task, "naive": naive, "library": library_generate}
    rates = _rates(asked, works, len(images))
    _row("Florence-2, 4 tasks, image encoded once, batched", rates, "shared", "library")
    _row("Florence-2, 4 tasks, image encoded per task, batched", rates, "per task", "library")
    _row("Florence-2, 4 tasks, one image and task at a time", rates, "naive", "library")
    _row("transformers generate per image and task (no scores)", rates, "library", "library")


def _blip(asked: argparse.Namespace, folder: Path, images: list[Image]) -> None:
    save = save_tiny_blip if asked.size == "tiny" else save_blip_base
    settings = BlipSettings(
        weights=str(save(folder)), max_new_tokens=NEW_TOKENS, device=asked.device, dtype=asked.dtype, batch_size=64
    )
    captioner = BlipCaptioner(settings)
    captioner.load()
    _batched_and_single(asked, "BLIP", images, lambda some: captioner.caption(some, "brief"))


def _detr(asked: argparse.Namespace, folder: Path, images: list[Image]) -> None:
    families = (
        {"DETR": save_tiny_detr, "RT-DETR": save_tiny_rt_detr} if asked.size == "tiny" else {"DETR": save_detr_r50}
    )
    for name, save in families.items():
        place = folder / name
        place.mkdir()
        weights = str(save(place))
        detector = DetrDetector(
            DetrSettings(weights=weights, device=asked.device, dtype=asked.dtype, batch_size=64, score_floor=0.5)
        )
        detector.load()
        _batched_and_single(asked, name, images, detector.detect)


def _ultralytics(asked: argparse.Namespace, folder: Path, images: list[Image]) -> None:
    save, size = (save_tiny_yolo, 64) if asked.size == "tiny" else (save_yolo_s, 640)
    settings = UltralyticsSettings(weights=str(save(folder)), image_size=size, device=asked.device, batch_size=64)
    detector = UltralyticsDetector(settings)
    detector.load()
    _batched_and_single(asked, f"YOLO ({size} px)", images, detector.detect)


def _batched_and_single(
    asked: argparse.Namespace, name: str, images: list[Image], verb: Callable[[list[Image]], Any]
) -> None:
    works = {"batched": lambda: verb(images), "single": lambda: [verb([image]) for image in images]}
    rates = _rates(asked, works, len(images))
    _row(f"{name}, batch of {len(images)}", rates, "batched", "single")
    _row(f"{name}, one by one", rates, "single", "single")


def _rates(asked: argparse.Namespace, works: dict[str, Callable[[], Any]], images: int) -> dict[str, float]:
    """Images per second of each work; the works take turns, so that a busy machine is busy for all of them."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(asked.repeat + 1):
        for name, work in works.items():
            start = time.perf_counter()
            work()
            if asked.device != "cpu":
                torch.cuda.synchronize()
            if turn:  # the first turn warms up
                times[name].append(time.perf_counter() - start)
    return {name: images / statistics.median(found) for name, found in times.items()}


def _row(what: str, rates: dict[str, float], name: str, base: str) -> None:
    print(f"| {what} | {rates[name]:.2f} | {rates[name] / rates[base]:.2f}x | {base} |", flush=True)


def _picture(seed: int) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (480, 640, 3), dtype=np.uint8)


BENCHES: dict[str, Callable[[argparse.Namespace, Path, list[Image]], None]] = {
    "florence2": _florence2,
    "blip": _blip,
    "detr": _detr,
    "ultralytics": _ultralytics,
}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--size", choices=["tiny", "base"], default="tiny")
    parser.add_argument("--only", nargs="+", choices=[*BENCHES, *VERBS, *SEGMENTERS])
    return parser.parse_args()


if __name__ == "__main__":
    main()
