"""Things that look more or less like what is looked for, and annotators that see this look more or less clearly.

That is how detectors err: not independently of each other, but on the same small or half hidden things and for the same
look-alikes. How much a thing looks like one is drawn, and whether it is one, with that probability; an annotator sees
the logit with a noise of its own, speaks from its floor on, and may boast.
"""

from typing import NamedTuple

import numpy as np

from stages.calibrate.consensus import Sighting


class Drawn(NamedTuple):
    """sightings: of things that somebody saw; truth: whether each is one."""

    sightings: list[Sighting]
    truth: list[bool]


class Seer(NamedTuple):
    """noise: standard deviation of what it sees, in logits; boast: added to it; floor: of its scores."""

    noise: float
    boast: float = 0.0
    floor: float = 0.05


def drawn(seers: dict[str, Seer], count: int = 4000, seed: int = 1) -> Drawn:
    """`count` places, about a sixth of which hold a thing."""
    rng = np.random.default_rng(seed)
    looks = rng.normal(-3.0, 3.0, count)
    truth = rng.random(count) < 1 / (1 + np.exp(-looks))
    sightings, known = [], []
    for look, is_there in zip(looks.tolist(), truth.tolist(), strict=True):
        scores: dict[str, float | None] = {}
        for name, seer in seers.items():
            score = float(1 / (1 + np.exp(-(look + seer.boast + seer.noise * rng.normal()))))
            if score > seer.floor:
                scores[name] = score
        if scores:
            sightings.append(Sighting("dog", scores))
            known.append(is_there)
    return Drawn(sightings, known)


def best_f1(scores: list[float], truth: list[bool]) -> float:
    """Over all thresholds."""
    order = np.argsort(-np.array(scores), kind="stable")
    hits = np.cumsum(np.array(truth)[order])
    return float((2 * hits / (np.arange(1, len(order) + 1) + sum(truth))).max())
