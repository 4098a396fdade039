"""Where Florence-2's time goes on a device, and what other ways of decoding would gain: parts of `bench_gpu`.

split      a batch of images, step by step: to pixels on the CPU and on the device, copied from pageable and from
           pinned memory, vision tower, encoder, 32 tokens written, all tokens scored
decoders   the same answers written with transformers' growing cache, with a static cache, and with a static cache
           in a compiled step (CUDA graphs), for batches of several sizes; answers must be equal to the letter
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch

from specialists.devices import pick_dtype
from specialists.florence2_format import prompt
from specialists.florence2_model import Florence2Model
from specialists.roles import Image
from tests.benchmarks.base_checkpoints import save_florence2_base
from tests.specialists.tiny_florence2 import save_tiny_florence2

TOKENS = 32
BATCHES = {"tiny": (1, 4), "full": (1, 16)}
WAYS: dict[str, dict[str, Any]] = {
    "growing cache": {},
    "static cache": {"cache_implementation": "static", "disable_compile": True},
    "static cache, compiled": {"cache_implementation": "static"},
}

Timer = Callable[[Callable[[], object]], float]


@contextmanager
def loaded(size: str, device: str) -> Iterator[Florence2Model]:
    """Florence-2 base with random weights (or the tests' tiny one), in the precision that is best on the device."""
    save = save_florence2_base if size == "full" else save_tiny_florence2
    with tempfile.TemporaryDirectory() as folder:
        name = str(pick_dtype("auto", torch.device(device))).removeprefix("torch.")
        yield Florence2Model(save(Path(folder)), device, name)


@torch.inference_mode()
def split(model: Florence2Model, images: list[Image], seconds: Timer) -> None:
    """A row per step, milliseconds per image."""
    core: Any = model._model
    device, processor = core.device, model.processor.image_processor
    pixels = _pixels(processor, images, None)
    pinned = pixels.pin_memory() if device.type == "cuda" else pixels
    features = core.get_image_features(pixels.to(device, core.dtype)).pooler_output
    questions = [prompt("<CAPTION>")] * len(images)
    encoded, mask = model._read(features, questions)
    written = core.generate(**_asked(encoded, mask))
    steps: dict[str, Callable[[], object]] = {
        "to pixels, on the CPU": lambda: _pixels(processor, images, None),
        "to pixels, on the device": lambda: _pixels(processor, images, str(device)),
        "copied, pageable": lambda: pixels.to(device, core.dtype),
        "copied, pinned": lambda: pinned.to(device, core.dtype, non_blocking=True),
        "vision tower": lambda: core.get_image_features(pixels.to(device, core.dtype)).pooler_output,
        "question and encoder": lambda: model._read(features, questions),
        f"{TOKENS} tokens written": lambda: core.generate(**_asked(encoded, mask)),
        "tokens scored": lambda: model._answers(written, encoded.last_hidden_state, mask),
    }
    print(f"\n| {len(images)} images, {core.dtype} | ms per image |\n|---|---|")
    for name, work in steps.items():
        print(f"| {name} | {1000 * seconds(work) / len(images):.2f} |", flush=True)


@torch.inference_mode()
def decoders(model: Florence2Model, size: str, images: list[Image], seconds: Timer) -> None:
    """A row per batch size: milliseconds per token of the whole batch, and how many answers are the same."""
    core: Any = model._model
    print(f"\n| batch | {' | '.join(WAYS)} | equal answers |\n|---|{'---|' * len(WAYS)}---|")
    for batch in BATCHES[size]:
        some = [images[number % len(images)] for number in range(batch)]
        pixels = _pixels(model.processor.image_processor, some, None).to(core.device, core.dtype)
        features = core.get_image_features(pixels).pooler_output
        asked = _asked(*model._read(features, [prompt("<CAPTION>")] * batch))
        answers: list[list[list[int]]] = []
        cells: list[str] = []
        for how in WAYS.values():
            try:
                cells.append(_pace(partial(core.generate, **asked, **how), answers, seconds))
            except RuntimeError as error:  # compilers differ by version: the other ways are worth their time
                cells.append(f"fails: {str(error).splitlines()[0][:80]}")
        equal = [sum(a == b for a, b in zip(answers[0], other, strict=True)) for other in answers[1:]]
        print(f"| {batch} | {' | '.join(cells)} | {min(equal, default=0)} of {batch} |", flush=True)


def _pace(write: Callable[[], torch.Tensor], answers: list[list[list[int]]], seconds: Timer) -> str:
    """Time per token, the first call apart; the answers are added to `answers`."""
    began = time.perf_counter()
    answers.append(write().tolist())
    first = time.perf_counter() - began
    return f"{1000 * seconds(write) / TOKENS:.2f} ms (first call {first:.1f} s)"


def _asked(encoded: Any, mask: torch.Tensor) -> dict[str, Any]:
    """Exactly `TOKENS` tokens, greedily."""
    return {
        "encoder_outputs": encoded, "attention_mask": mask, "do_sample": False, "num_beams": 1,
        "max_new_tokens": TOKENS, "min_new_tokens": TOKENS,
    }  # fmt: skip


def _pixels(processor: Any, images: list[Image], device: str | None) -> torch.Tensor:
    found: torch.Tensor = processor(
        images=images, input_data_format="channels_last", return_tensors="pt", device=device
    )["pixel_values"]
    return found
