"""The models on a GPU, through the production adapters: `make bench-gpu`, or

    python -m tests.benchmarks.bench_gpu [--size tiny|full] [--device cuda] [--only sam-vit-b train] [--budget-s 540]

Full-size checkpoints with random weights are written on the spot: no network, no Ray, torch and transformers (and
ultralytics for its row). On a CPU, `--size tiny` by default, it shows that it runs. Its parts:

    a model   images/s one by one and in batches, float32 and half precision, peak memory, FLOP per image and share of
              the device's peak, and how far answers are from those of the CPU; a row each
    split     where a batch of Florence-2 base spends its time, step by step
    train     Florence-2 base: lessons/s of whole optimizer steps in bfloat16, and their share of the peak (MFU)
    compiled  Florence-2's vision tower, eager against torch.compile; on a CPU only where it is asked for
    decoders  growing against static caches and CUDA graphs; on a CPU only where it is asked for
    memory    calls that run out of memory for real are halved until they fit, through the engine's own scheduler

FLOP are those of torch.utils.flop_counter: two per multiply-add of matrix products, convolutions and attention. Peaks
are dense ones of NVIDIA's data sheets. A part that fails is told at the end, with exit code 1; what does not fit into
--budget-s is told as left out.
"""

import argparse
import statistics
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from specialists.roles import Image
from tests.benchmarks import bench_train
from tests.benchmarks.gpu_florence2 import decoders, loaded, split
from tests.benchmarks.gpu_models import MODELS, Ask, BenchModel, DType, Numbers, Size

BATCHES = {"tiny": 4, "full": 16}
REPEAT = 3
SINGLES = 4
"""Images that are asked about one by one."""
TARGETS = (1, 4, 8)
"""Lessons per encoded image in training."""
TOLERANCE = 0.02
"""Of a probability: float32 on two devices adds up in two orders, and thirty tokens are written one after another."""
PEAKS: dict[str, dict[str, float]] = {
    "H100": {"float32": 67e12, "bfloat16": 989e12, "float16": 989e12},
    "H200": {"float32": 67e12, "bfloat16": 989e12, "float16": 989e12},
    "A100": {"float32": 19.5e12, "bfloat16": 312e12, "float16": 312e12},
    "L4": {"float32": 30.3e12, "bfloat16": 121e12, "float16": 121e12},
    "T4": {"float32": 8.1e12, "float16": 65e12},
}
"""FLOP/s without sparsity; float32 without TF32."""


class Clock:
    """What is left of the time for all of it."""

    def __init__(self, budget_s: float) -> None:
        self._ends = time.monotonic() + budget_s

    def is_up(self) -> bool:
        """Nothing new is begun."""
        return time.monotonic() > self._ends


def main() -> int:
    """All sections, or those asked for. 1 if one failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=("tiny", "full"))
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--only", nargs="+", default=[])
    parser.add_argument("--budget-s", type=float, default=540.0)
    asked = parser.parse_args()
    size: Size = asked.size or ("full" if asked.device == "cuda" else "tiny")
    clock, failed = Clock(asked.budget_s), list[str]()
    name = torch.cuda.get_device_name() if asked.device == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    print(f"{name}; torch {torch.__version__}; {size} checkpoints, random weights; median of {REPEAT}\n")
    parts: dict[str, Callable[[], None]] = {
        **{model.name: partial(models, model, size, asked.device) for model in MODELS},
        "split": partial(florence2, "split", size, asked.device),
        "train": partial(train, size, asked.device),
        "memory": partial(memory, asked.device),
    }
    if asked.device == "cuda" or asked.only:
        parts["compiled"] = partial(compiled, size, asked.device)
        parts["decoders"] = partial(florence2, "decoders", size, asked.device)
    for part, work in parts.items():
        if asked.only and part not in asked.only:
            continue
        if clock.is_up():
            print(f"\n{part}: left out, {asked.budget_s:g} s are over")
            continue
        began = time.monotonic()
        try:
            work()
            print(f"{part}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        except Exception:  # noqa: BLE001  whatever it is: the others are worth their time, and it is told at the end
            traceback.print_exc()
            failed.append(part)
    if failed:
        print(f"\nfailed: {', '.join(failed)}")
    return 1 if failed else 0


def models(model: BenchModel, size: Size, device: str) -> None:
    """A row per precision."""
    if model is MODELS[0]:
        print("| model | precision | one by one | batched | | peak memory | GFLOP per image | of peak | from the CPU |")
        print("|---|---|---|---|---|---|---|---|---|")
    batch = BATCHES[size]
    images = [_picture(seed) for seed in range(batch)]
    with tempfile.TemporaryDirectory() as folder:
        weights = model.save[size](Path(folder))
        truth = model.build(weights, "cpu", "float32", 1)(images[:2])
        precisions: tuple[DType, ...] = ("float32", model.half) if device == "cuda" else ("float32",)
        for precision in precisions:
            _reset(device)
            ask = model.build(weights, device, precision, batch)
            far = distance(ask(images[:2]), truth)
            few = images[:SINGLES]
            single = rate(partial(_one_by_one, ask, few), len(few), device)
            batched = rate(partial(_at_once, ask, images), batch, device)
            flop = _flop(ask, images) / batch
            print(
                f"| {model.name} | {precision} | {single:.3g}/s | {batched:.3g}/s | {batched / single:.1f}x |"
                f" {_memory(device)} | {flop / 1e9:.3g} | {_share(flop * batched, device, precision)} | {far:.4f} |",
                flush=True,
            )
            if precision == "float32" and far > TOLERANCE:
                raise ValueError(f"{model.name}: answers are {far:.3f} from the CPU's, at most {TOLERANCE} wanted")
            del ask


def _one_by_one(ask: Ask, images: list[Image]) -> None:
    for image in images:
        ask([image.copy()])


def _at_once(ask: Ask, images: list[Image]) -> None:
    """Of copies: what a model keeps of an image it finds again by the array."""
    ask([image.copy() for image in images])


def florence2(part: Literal["split", "decoders"], size: Size, device: str) -> None:
    """A table of `gpu_florence2`."""
    images = [_picture(seed) for seed in range(BATCHES[size])]
    with loaded(size, device) as model:
        if part == "split":
            split(model, images, partial(seconds, device=device))
        else:
            decoders(model, size, images, partial(seconds, device=device))


def compiled(size: Size, device: str) -> None:
    """The vision tower alone, the first call (which compiles) apart."""
    model, _, side = bench_train.build("base" if size == "full" else "nano")
    tower: Any = model.to(device).eval()
    pixels = torch.randn(BATCHES[size], 3, side, side, device=device)
    faster: Any = torch.compile(tower.model.vision_tower)
    began = time.perf_counter()
    with torch.inference_mode():
        faster(pixels)
        first = time.perf_counter() - began
        plain, quick = (rate(partial(run, pixels), len(pixels), device) for run in (tower.model.vision_tower, faster))
    print(f"\nvision tower, {side} px: eager {plain:.3g}, compiled {quick:.3g} images/s, {quick / plain:.2f}x;", end="")
    print(f" compiling took {first:.0f} s")


def train(size: Size, device: str) -> None:
    """Whole optimizer steps, several lessons per image, as `bench_train` makes them."""
    print("\n| training: lessons per image | images per step | lessons/s | of peak (MFU) | peak memory |")
    print("|---|---|---|---|---|")
    for targets in TARGETS:
        _reset(device)
        images = BATCHES[size]
        step = bench_train.training_step("base" if size == "full" else "nano", device, targets, images)
        step()
        with FlopCounterMode(display=False) as counter:
            step()
        rates = rate(step, images * targets, device)
        share = _share(counter.get_total_flops() / (images * targets) * rates, device, "bfloat16")
        print(f"| {targets} | {images} | {rates:.3g} | {share} | {_memory(device)} |", flush=True)


def memory(device: str) -> None:
    """A batch that cannot fit is halved until it does, and no image is lost."""
    if device != "cuda":
        print("\nmemory: left out, a CPU has no memory of its own to run out of")
        return
    from tests.benchmarks.gpu_memory import halved

    print(f"\nout of memory: {halved()}")


def rate(work: Callable[[], object], images: int, device: str) -> float:
    """Images per second."""
    return images / seconds(work, device)


def seconds(work: Callable[[], object], device: str) -> float:
    """The median of a few, after one that warms up."""
    spent = []
    for number in range(REPEAT + 1):
        _wait(device)
        began = time.perf_counter()
        work()
        _wait(device)
        if number:
            spent.append(time.perf_counter() - began)
    return statistics.median(spent)


def distance(first: Numbers, second: Numbers) -> float:
    """The largest difference between the answers; they have equal lengths, or are far from each other."""
    gaps = [
        float(np.abs(one - other).max(initial=0.0)) if one.shape == other.shape else 1.0
        for one, other in zip(first, second, strict=True)
    ]
    return max(gaps)


def _flop(ask: Ask, images: list[Image]) -> float:
    with FlopCounterMode(display=False) as counter:
        _at_once(ask, images)
    return float(counter.get_total_flops())


def _share(flop_per_s: float, device: str, precision: str) -> str:
    """Of the device's peak; "-" for a device that the table does not know."""
    name = torch.cuda.get_device_name() if device == "cuda" else ""
    peak = next((peaks.get(precision) for known, peaks in PEAKS.items() if known in name), None)
    return f"{flop_per_s / peak:.1%}" if peak else "-"


def _picture(seed: int) -> Image:
    """uint8 RGB [480, 640, 3]"""
    return np.random.default_rng(seed).integers(0, 255, (480, 640, 3), dtype=np.uint8)


def _reset(device: str) -> None:
    if device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def _memory(device: str) -> str:
    return f"{torch.cuda.max_memory_allocated() / 2**30:.1f} GiB" if device == "cuda" else "-"


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


if __name__ == "__main__":
    sys.exit(main())
