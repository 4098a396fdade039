"""What the filters cost: python -m tests.benchmarks.bench_filters [--texts 2000]

Prints a markdown table of ratios, each measured within this run (median of 5, CPU time where one process works, wall
time where two do, the two sides in turn). Texts are generated captions of 4 to 20 words, none twice.
"""

import argparse
import random
import statistics
import time
from collections.abc import Callable, Sequence
from multiprocessing import get_context
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from engine.runtime.known_texts import KnownTexts
from filters.parser import BUNDLED, ParsedText, Parser, ParserSettings
from filters.region import ShapeSettings, judge_regions
from filters.text import TextSettings, judge_text
from shards.store import LocalStore
from stages.recipes.parser.captions import captions

ROUNDS = 5
_parser = Parser(ParserSettings())


def main() -> None:
    """Runs all and prints the table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--texts", type=int, default=2000)
    texts = _texts(arguments.parse_args().texts)
    print("| measured | target | got |\n|---|---|---|")
    for row in (*_throughput(texts), *_known(texts), *_boxes()):
        print("| " + " | ".join(row) + " |", flush=True)


def _texts(count: int) -> list[str]:
    found: dict[str, None] = {}
    rng = random.Random(0)
    while len(found) < count:
        for sentence in captions(rng, count):
            found["".join(w + " " * s for w, s in zip(sentence.words, sentence.spaces, strict=True)).strip()] = None
    return list(found)[:count]


def _throughput(texts: list[str]) -> list[Sequence[str]]:
    import spacy

    _load()
    nlp = spacy.load(BUNDLED)

    def bare() -> None:
        for _ in nlp.pipe(texts, batch_size=256):
            pass

    bare_s, ours_s = _medians(time.process_time, bare, lambda: _judge(texts))
    rows: list[Sequence[str]] = [
        (
            "texts/s, parse + features + phrases + verdict, one process, against bare nlp.pipe(256)",
            ">= 0.90x",
            f"{bare_s / ours_s:.2f}x ({len(texts) / ours_s:,.0f} of {len(texts) / bare_s:,.0f}/s)",
        )
    ]
    halves = [texts[::2], texts[1::2]]
    with get_context("spawn").Pool(2, _load) as pool:
        pool.map(_judge, [text[:64] for text in halves], chunksize=1)
        one_s, two_s = _medians(time.perf_counter, lambda: _judge(texts), lambda: pool.map(_judge, halves, chunksize=1))
    rows.append(("the same, two worker processes against one (wall)", ">= 1.7x", f"{one_s / two_s:.2f}x"))
    return rows


def _known(texts: list[str]) -> list[Sequence[str]]:
    """A shard's texts when nobody has read them, when a third of them was in other shards, and in the next round."""
    import spacy

    nlp = spacy.load(BUNDLED)
    cases: list[tuple[str, str, Callable[[], float]]] = [
        ("texts that nobody has read", ">= 0.90x", lambda: _first_reading(texts, [])),
        ("a third of them read in other shards", ">= 1.3x", lambda: _first_reading(texts, texts[: len(texts) // 3])),
        ("all of them read in the round before", ">= 1.5x", lambda: _second_reading(texts)),
    ]
    rows: list[Sequence[str]] = []
    for name, target, spend in cases:
        bare_s, ours_s = [], []
        for _ in range(ROUNDS):
            started = time.process_time()
            for _ in nlp.pipe(texts, batch_size=256):
                pass
            bare_s.append(time.process_time() - started)
            ours_s.append(spend())
        ratio = statistics.median(bare_s) / statistics.median(ours_s)
        rows.append((f"parse + features + phrases, {name}, against bare nlp.pipe(256)", target, f"{ratio:.2f}x"))
    return rows


def _first_reading(texts: list[str], seen: list[str]) -> float:
    """CPU seconds to read the texts of a shard and keep what was found. seen: read before, in another shard."""
    with TemporaryDirectory() as folder:
        known = KnownTexts(LocalStore(folder), _parser.fingerprint(), lambda: _parser)
        known.of("000000").parse(seen)
        started = time.process_time()
        shard = known.of("000001")
        shard.parse(texts)
        shard.keep()
        return time.process_time() - started


def _second_reading(texts: list[str]) -> float:
    """CPU seconds in a process that comes later."""
    with TemporaryDirectory() as folder:
        store = LocalStore(folder)
        first = KnownTexts(store, _parser.fingerprint(), lambda: _parser).of("000000")
        first.parse(texts)
        first.keep()
        later = KnownTexts(store, _parser.fingerprint(), lambda: _parser)
        started = time.process_time()
        later.of("000000").parse(texts)
        return time.process_time() - started


def _load() -> None:
    _parser.load()


def _judge(texts: list[str]) -> int:
    """How many of the texts are kept: what a filter worker does and returns."""
    parsed: list[ParsedText] = _parser.parse(texts)
    settings = TextSettings()
    return sum(
        judge_text(text, each.features, "brief", settings).kept for text, each in zip(texts, parsed, strict=True)
    )


def _boxes() -> list[Sequence[str]]:
    import torch
    from torchvision.ops import nms

    rng = np.random.default_rng(0)
    settings = ShapeSettings()
    rows: list[Sequence[str]] = []
    for count in (5, 20, 50, 300):
        images = [_detections(rng, count) for _ in range(max(20, 4000 // count))]
        tensors = [(torch.from_numpy(boxes), torch.from_numpy(scores)) for boxes, scores, _ in images]

        def ours(images: list[_Detections] = images) -> None:
            for boxes, scores, labels in images:
                judge_regions(boxes, scores, labels, 640, 480, settings)

        def torchs(tensors: list[tuple[torch.Tensor, torch.Tensor]] = tensors) -> None:
            for boxes, scores in tensors:
                nms(boxes, scores, 0.7)
                nms(boxes, scores, 0.9)

        ours_s, torch_s = _medians(time.process_time, ours, torchs)
        rows.append(
            (
                f"all box rules and both NMS, {count} boxes; beside it two bare torchvision.ops.nms",
                "<= 0.10 / 0.15 / 0.25 ms/image at 5 / 20 / 50 boxes",
                f"{1e3 * ours_s / len(images):.3f} ms; {1e3 * torch_s / len(images):.3f} ms",
            )
        )
    return rows


_Detections = tuple[NDArray[np.float32], NDArray[np.float32], list[str]]


def _detections(rng: np.random.Generator, count: int) -> _Detections:
    corners = rng.uniform(0, 400, (count, 2))
    corners[1::3] = corners[: len(corners[1::3])] + rng.normal(0, 4, (len(corners[1::3]), 2))  # a third are doubles
    boxes = np.hstack([corners, corners + rng.uniform(10, 120, (count, 2))]).astype(np.float32)
    return (
        boxes,
        rng.uniform(0.05, 1, count).astype(np.float32),
        [f"kind{number}" for number in rng.integers(0, 8, count)],
    )


def _medians(clock: Callable[[], float], *works: Callable[[], object]) -> list[float]:
    """Median seconds of each, run in turn after one warm-up."""
    seconds: list[list[float]] = [[] for _ in works]
    for turn in range(ROUNDS + 1):
        for work, spent in zip(works, seconds, strict=True):
            started = clock()
            work()
            if turn:
                spent.append(clock() - started)
    return [statistics.median(spent) for spent in seconds]


if __name__ == "__main__":
    main()
