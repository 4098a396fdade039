"""What several lessons per encoded image gain: python -m tests.benchmarks.bench_train [--device cuda]

Prints a markdown table: lessons per second of whole optimizer steps (forward, backward, AdamW) with several lessons per
image against one per image, equal batches of lessons in turn, median of 5, on random weights in the embedded model's
size; with --architecture base in that of Florence-2 base (768 px), which wants a GPU.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from specialists.weights import EMBEDDED_FOLDER
from stages.retrain.loss import LessonModel, LessonTensors, group_lessons

ROUNDS = 5
LESSONS = 16
TARGETS = (2, 4, 8)
PROMPT, ANSWER = 10, 24
"""Tokens of a question and of an answer."""


def main() -> None:
    """Measures every number of lessons per image against one."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--architecture", choices=("nano", "base"), default="nano")
    arguments.add_argument("--device", default="cpu")
    chosen = arguments.parse_args()
    torch.set_num_threads(1)
    model, tokenizer, side = build(chosen.architecture)
    step = partial(_step, LessonModel(model, tokenizer, spread=0.0).to(chosen.device).train(), side, chosen.device)
    print(
        f"| {chosen.architecture}, {side} px, {chosen.device}: lessons per image | lessons/s | against one per image |"
    )
    print("|---|---|---|")
    for targets in TARGETS:
        one, several = _medians(step(1), step(targets))
        print(f"| {targets} | {LESSONS / several:.1f} of {LESSONS / one:.1f} | {one / several:.2f}x |", flush=True)


def training_step(architecture: str, device: str, targets: int, images: int) -> Callable[[], None]:
    """An optimizer step of a random model with `targets` lessons about each of so many images."""
    model, tokenizer, side = build(architecture)
    module = LessonModel(model, tokenizer, spread=0.0).to(device).train()
    return _step(module, side, device, targets, images * targets)


def _step(module: LessonModel, side: int, device: str, targets: int, lessons: int = LESSONS) -> Callable[[], None]:
    optimizer = torch.optim.AdamW(module.parameters(), lr=1e-6)
    pixels = torch.randn(lessons // targets, 3, side, side, device=device)
    groups = [group.to(device) for group in _groups(targets, lessons)]

    def run() -> None:
        with torch.autocast(device, torch.bfloat16, enabled=device != "cpu"):
            losses, tokens = module(pixels, groups)
        (losses.sum() / tokens.sum()).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if device != "cpu":
            torch.cuda.synchronize()

    return run


def build(architecture: str) -> tuple[Any, Any, int]:
    """(random model, tokenizer, side of its pictures)."""
    import transformers

    library: Any = transformers
    folder = EMBEDDED_FOLDER / "florence2-nano"
    processor, config = library.AutoProcessor.from_pretrained(folder), library.AutoConfig.from_pretrained(folder)
    side = int(processor.image_processor.size["height"])
    if architecture == "base":
        side = 768
        config.vision_config = type(config.vision_config)(projection_dim=768)
        text = config.text_config.to_dict() | {"d_model": 768, "max_position_embeddings": 1024, "vocab_size": 51328}
        text |= {"encoder_layers": 6, "decoder_layers": 6, "encoder_ffn_dim": 3072, "decoder_ffn_dim": 3072}
        text |= {"encoder_attention_heads": 12, "decoder_attention_heads": 12}
        config.text_config = type(config.text_config)(**text)
    return library.Florence2ForConditionalGeneration(config), processor.tokenizer, side


def _groups(targets: int, lessons: int) -> list[LessonTensors]:
    asked = [(i // targets, [0, *[5] * PROMPT, 2], [0, *[7] * ANSWER, 2]) for i in range(lessons)]
    return group_lessons(asked, pad=1)


def _medians(first: Callable[[], None], second: Callable[[], None]) -> tuple[float, float]:
    """Seconds of both, in turn, after one call of each."""
    spent: tuple[list[float], list[float]] = ([], [])
    for number in range(ROUNDS + 1):
        for run, seconds in zip((first, second), spent, strict=True):
            began = time.perf_counter()
            run()
            if number:
                seconds.append(time.perf_counter() - began)
    return statistics.median(spent[0]), statistics.median(spent[1])


if __name__ == "__main__":
    main()
