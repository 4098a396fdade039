"""Re-annotating with one vision encoding per image against the plain loop: one `generate` per task and image.

    python -m tests.benchmarks.bench_generalist [--images 8] [--repeat 3] [--device cpu] [--size nano|base]

`nano` is the embedded checkpoint on generated scenes; `base` has random weights at the size of Florence-2-base
(768 px, 0.23 B), whose answers are cut at 24 tokens, since random weights do not stop by themselves. Both loops answer
the same questions, greedily, and must give the same texts. Ours also scores every token, in one more pass of the
decoder. "images one by one" isolates the shared encoding from batching.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from specialists.florence2_format import Question
from specialists.florence2_generalist import Florence2Generalist, Florence2GeneralistSettings
from specialists.roles import Image
from specialists.weights import locate
from stages.scenes.gold import draw_scene
from tests.benchmarks.base_checkpoints import save_florence2_base

QUESTIONS = [
    Question("<CAPTION>"),
    Question("<DETAILED_CAPTION>"),
    Question("<OD>"),
    Question("<DENSE_REGION_CAPTION>"),
    Question("<CAPTION_TO_PHRASE_GROUNDING>", "a red ball"),
]
NEW_TOKENS = {"nano": 256, "base": 24}

Texts = list[list[str]]


def main() -> None:
    asked = _arguments()
    torch.set_num_threads(1)
    images = [draw_scene(3000, index).image for index in range(asked.images)]
    with tempfile.TemporaryDirectory() as folder:
        weights = str(save_florence2_base(Path(folder))) if asked.size == "base" else "embedded:florence2-nano"
        new_tokens = NEW_TOKENS[asked.size]
        plain = _plain_loop(locate("florence2", weights, None), asked.device, new_tokens)
        settings = Florence2GeneralistSettings(
            weights=weights, device=asked.device, dtype="float32", max_new_tokens=new_tokens
        )
        generalist = Florence2Generalist(settings)
        generalist.load()
        loops = {
            "one generate per task and image": plain,
            "shared encoding, images one by one": lambda some: [_texts(generalist, [image])[0] for image in some],
            "shared encoding, batches": lambda some: _texts(generalist, some),
        }
        _report(asked, images, loops)


def _report(asked: argparse.Namespace, images: list[Image], loops: dict[str, Callable[[list[Image]], Texts]]) -> None:
    print(f"florence2-{asked.size}, {asked.device}, {asked.images} scenes, {len(QUESTIONS)} tasks,", end=" ")
    print(f"median of {asked.repeat}\n")
    print("| loop | images/s | ratio | equal answers |\n|---|---|---|---|")
    seconds: dict[str, list[float]] = {name: [] for name in loops}
    said: dict[str, Texts] = {}
    for _ in range(asked.repeat):  # in turns, so that a busy machine is busy for all
        for name, loop in loops.items():
            fresh = [image.copy() for image in images]  # features are kept by array
            start = time.perf_counter()
            said[name] = loop(fresh)
            seconds[name].append(time.perf_counter() - start)
    first = next(iter(loops))
    for name, taken in seconds.items():
        ratio = statistics.median(a / b for a, b in zip(seconds[first], taken, strict=True))
        pairs = [a == b for x, y in zip(said[first], said[name], strict=True) for a, b in zip(x, y, strict=True)]
        rate = len(images) / statistics.median(taken)
        print(f"| {name} | {rate:.2f} | {ratio:.2f} | {sum(pairs)} of {len(pairs)} |")


def _texts(generalist: Florence2Generalist, images: list[Image]) -> Texts:
    answers = generalist.answer(images, [QUESTIONS for _ in images])
    return [[answer.text for answer in some] for some in answers]


def _plain_loop(folder: Path, device: str, new_tokens: int) -> Callable[[list[Image]], Texts]:
    """What transformers' documentation shows: processor, generate, decode; for each task of each image."""
    import transformers

    library: Any = transformers
    processor = library.AutoProcessor.from_pretrained(folder)
    model = library.Florence2ForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    model = model.eval().to(device)

    def one(image: Image, task: str) -> str:
        inputs = processor(images=image, text=task, return_tensors="pt").to(device)
        found = model.generate(**inputs, max_new_tokens=new_tokens, do_sample=False, num_beams=1)
        text: str = processor.decode(found[0], skip_special_tokens=False)
        return text.replace("<s>", "").replace("</s>", "").replace("<pad>", "")

    @torch.inference_mode()
    def loop(images: list[Image]) -> Texts:
        return [[one(image, each.task + each.subject) for each in QUESTIONS] for image in images]

    return loop


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--size", choices=["nano", "base"], default="nano")
    return parser.parse_args()


if __name__ == "__main__":
    main()
