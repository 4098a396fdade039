"""How fast images become model input: decoding, preprocessing, threads. Ratios within one run; trust those.

python -m tests.benchmarks.bench_decode
"""

import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import numpy as np
import torch
from PIL import Image
from torchvision.io import ImageReadMode, decode_jpeg
from torchvision.transforms.functional import InterpolationMode, resize

from stages.ingest.decode import check, decode_image
from stages.ingest.settings import DecodeLimits
from tests.stages.ingest.broken import encoded, picture

LIMITS = DecodeLimits()
REPEATS = 7
SIZES = {"640x480": (640, 480), "1920x1080": (1920, 1080)}


def main() -> None:
    torch.set_num_threads(1)
    print("| what | size | images/s/core | ratio | to |")
    print("|---|---|---|---|---|")
    for name, (width, height) in SIZES.items():
        data = encoded(picture(1, width, height), "JPEG", quality=90)
        calls = max(4, 8_000_000 // (width * height))
        rates = _rates(data, calls)
        for what, base in BASES.items():
            print(f"| {what} | {name} | {rates[what]:.0f} | {rates[what] / rates[base]:.2f}x | {base} |")
        one, two = (_wall_rate(workers, data, calls * 2) for workers in (1, 2))
        print(f"| decode, 2 threads (wall) | {name} | {two:.0f} | {two / one:.2f}x | 1 thread |")


def _tensor(data: bytes) -> torch.Tensor:
    return torch.frombuffer(bytearray(data), dtype=torch.uint8)


def _resized(image: torch.Tensor) -> torch.Tensor:
    """uint8 [3, 768, 768], as a specialist that normalises on its device wants it."""
    resized: torch.Tensor = resize(image, [768, 768], InterpolationMode.BICUBIC, antialias=True)
    return resized


WORK: dict[str, Callable[[bytes], object]] = {
    "Pillow decode": lambda data: np.array(Image.open(BytesIO(data)).convert("RGB")),
    "torchvision decode": lambda data: decode_jpeg(_tensor(data), mode=ImageReadMode.RGB),
    "decode": lambda data: decode_image(data, LIMITS),
    "check (ingest)": lambda data: check(data, LIMITS),
    "torchvision decode + resize to 768": lambda data: _resized(decode_jpeg(_tensor(data), mode=ImageReadMode.RGB)),
    "decode + resize to 768": lambda data: _resized(torch.from_numpy(decode_image(data, LIMITS)).permute(2, 0, 1)),
}
BASES = {
    "decode": "Pillow decode",
    "torchvision decode": "Pillow decode",
    "check (ingest)": "decode",
    "decode + resize to 768": "torchvision decode + resize to 768",
}


def _rates(data: bytes, calls: int) -> dict[str, float]:
    """Calls per CPU-second of one core, median of REPEATS. All take turns, so that a busy machine slows all alike."""
    spent: dict[str, list[float]] = {what: [] for what in WORK}
    for repeat in range(REPEATS + 1):
        for what, work in WORK.items():
            started = time.thread_time()
            for _ in range(calls):
                work(data)
            if repeat:  # the first turn warms up
                spent[what].append((time.thread_time() - started) / calls)
    return {what: 1 / statistics.median(times) for what, times in spent.items()}


def _wall_rate(workers: int, data: bytes, calls: int) -> float:
    """Decodes per second of wall time by a pool of threads, median of REPEATS."""
    spent: list[float] = []
    with ThreadPoolExecutor(workers) as pool:
        for _ in range(REPEATS):
            started = time.perf_counter()
            list(pool.map(lambda _: decode_image(data, LIMITS), range(calls)))
            spent.append((time.perf_counter() - started) / calls)
    return 1 / statistics.median(spent)


if __name__ == "__main__":
    main()
