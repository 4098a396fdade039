"""Gold with known errors, for experiments: what careless human annotators would have *given* along with the pictures.

Comes in: a gold record. Goes out: findings (boxes with labels, one brief text) and a count of every error made. It
enters a corpus only as given annotations (`fld ingest OUT/noisy.jsonl`), never as a specialist.
"""

from dataclasses import dataclass

import numpy as np

from shards.finding import Box, Caption, Detection, Finding, rounded
from shards.record import Record
from stages.scenes.kinds import NAMES
from stages.scenes.settings import VERSION, NoiseSettings


@dataclass
class NoiseCounts:
    """How many errors of each kind were made, and of how many chances; pictures that came with no labels apart."""

    unlabelled: int = 0
    regions: int = 0
    dropped: int = 0
    jittered: int = 0
    wrong_class: int = 0
    captions: int = 0
    wrong_caption: int = 0


def is_labelled(seed: int, index: int, settings: NoiseSettings) -> bool:
    """Whether anybody labelled this picture."""
    return bool(np.random.default_rng([VERSION, seed, index, 5]).random() < settings.labelled)


def noisy_given(
    record: Record, other: Record, seed: int, index: int, settings: NoiseSettings, tally: NoiseCounts
) -> list[Finding]:
    """What is given for one picture; a wrong caption is the one of the picture `other`. Adds to `tally`."""
    rng = np.random.default_rng([VERSION, seed, index, 3])
    findings: list[Finding] = []
    for region in record.regions:
        if region.kind != "object":
            continue
        chances = rng.random(3)
        shift = rng.uniform(-settings.jitter_scale, settings.jitter_scale, size=4)
        swap = int(rng.integers(1, len(NAMES)))
        tally.regions += 1
        if chances[0] < settings.drop:
            tally.dropped += 1
            continue
        label, box = region.candidates[0].text, region.box
        if chances[1] < settings.jitter:
            tally.jittered += 1
            box = _moved(box, shift, record.width, record.height)
        if chances[2] < settings.wrong_class:
            tally.wrong_class += 1
            label = NAMES[(NAMES.index(label) + swap) % len(NAMES)]
        findings.append(rounded(Detection(label, box=box)))
    wrong = bool(rng.random() < settings.wrong_caption)
    tally.captions += 1
    tally.wrong_caption += wrong
    brief = (other if wrong else record).texts[0].text
    return [Caption(brief, granularity="brief"), *findings]


def _moved(box: Box, shift: np.ndarray, width: int, height: int) -> Box:
    """Every edge moved by its share of the side, inside the picture and at least one pixel apart."""
    x0, y0, x1, y1 = box
    wide, tall = x1 - x0, y1 - y0
    left = float(np.clip(x0 + shift[0] * wide, 0, width - 1))
    top = float(np.clip(y0 + shift[1] * tall, 0, height - 1))
    right = float(np.clip(x1 + shift[2] * wide, left + 1, width))
    bottom = float(np.clip(y1 + shift[3] * tall, top + 1, height))
    return left, top, right, bottom
