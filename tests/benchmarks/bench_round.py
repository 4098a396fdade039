"""What one image costs between raw columns and record: `python -m tests.benchmarks.bench_round`.

Prints a markdown table. The images are made up, but of a photograph's proportions: two detectors with 30 boxes each,
two thirds of them of the same things; 15 crops with a text and 4 similarities each; 10 words; one text with 6 phrases;
20 masks. Parsing is left out (`bench_filters.py` measures it).
"""

import statistics
import time
from collections.abc import Callable

import numpy as np

from filters.settings import FilterSettings
from shards.finding import Finding, Mask, Polygons, reference
from shards.images import ImageRow
from shards.raw import RawRow
from stages.fuse.ledger import Voter
from stages.fuse.settings import FuseSettings
from stages.round import ImageOutcome, RoundPlan, build_shard
from tests.stages.fuse.builders import WordCounter, caption, found, match, phrase, word

IMAGES = 200
REPEATS = 5
ROLES = {
    "detector": "detector",
    "yolo": "detector",
    "crops": "captioner",
    "clip": "matcher",
    "reader": "reader",
    "caption": "captioner",
    "grounder": "grounder",
    "sam": "segmenter",
}
RING: Polygons = [[float(value) for value in range(60)]]
TEXT = "a brown dog and two cats near a red car on the road in a town"


def image(seed: int, boxes: int = 30) -> dict[str, list[Finding]]:
    """What eight annotators say about one image of 640 x 480 px."""
    rng = np.random.default_rng(seed)
    low = rng.uniform(0, 300, (boxes, 2))
    things = np.hstack([low, low + rng.uniform(20, 150, (boxes, 2))])
    again = things + rng.normal(0, 2, things.shape)
    again[: boxes // 3] += 130
    labels = [f"thing {index % 12}" for index in range(boxes)]

    def objects(places: np.ndarray) -> list[Finding]:
        scores = rng.uniform(0.2, 1, boxes).round(4)
        return [
            found(label, float(score), (x0, y0, x1, y1))
            for label, score, (x0, y0, x1, y1) in zip(labels, scores, places.round(2).tolist(), strict=True)
        ]

    refs = [reference("detector", index) for index in range(15)]
    texts = ["a thing", "thing", "a blue thing on a road", "a road"]
    slots = ["phrase", "brief", "chunk", "chunk"]
    return {
        "detector": objects(things),
        "yolo": objects(again),
        "crops": [caption("a blue thing on a road", ref) for ref in refs],
        "clip": [match(ref, slot, text, 0.5) for ref in refs for slot, text in zip(slots, texts, strict=True)],
        "reader": [word(f"WORD {index}", 0.9, (10.0, 20.0 * index, 90.0, 20.0 * index + 15)) for index in range(10)],
        "caption": [caption(TEXT)],
        "grounder": [phrase("a brown dog", (0, 11), (*low[index].tolist(), 600.0, 470.0)) for index in range(6)],
        "sam": [Mask(score=0.9, about=ref, polygons=RING) for ref in refs],
    }


def shard(said: list[dict[str, list[Finding]]]) -> Callable[[], list[ImageOutcome]]:
    """A function that builds a shard of these images."""
    rows = [ImageRow(str(index), "", width=640, height=480, ext="jpg") for index in range(len(said))]
    columns = {
        name: {str(i): RawRow(str(i), findings=one.get(name, [])) for i, one in enumerate(said)} for name in ROLES
    }
    annotators = tuple(Voter(name, role, "0") for name, role in ROLES.items())
    plan = RoundPlan(0, annotators, FuseSettings(), FilterSettings())
    parser = WordCounter()
    return lambda: build_shard(rows, columns, plan, {}, parser)


def milliseconds(build: Callable[[], list[ImageOutcome]], images: int) -> float:
    """Median CPU time per image."""
    times = []
    for _ in range(REPEATS):
        started = time.process_time()
        build()
        times.append((time.process_time() - started) / images * 1000)
    return statistics.median(times)


def main() -> None:
    said = [image(seed) for seed in range(IMAGES)]
    findings = sum(len(each) for each in said[0].values())
    whole = milliseconds(shard(said), IMAGES)
    boxes = milliseconds(shard([{name: one[name] for name in ("detector", "yolo")} for one in said]), IMAGES)
    empty = milliseconds(shard([{} for _ in said]), IMAGES)
    crowded = milliseconds(shard([image(0, boxes=2000)]), 1)
    print("| fusion, one process | CPU ms/image |")
    print("|---|---|")
    print(f"| {findings} findings of 8 annotators -> record and index | {whole:.2f} |")
    print(f"| only the 60 boxes of 2 detectors | {boxes:.2f} |")
    print(f"| nothing said | {empty:.3f} |")
    print(f"| 4,000 boxes in one image | {crowded:.0f} |")


if __name__ == "__main__":
    main()
