"""The numbers of pycocotools, for one set of images and for many."""

import contextlib
import io
import math

import numpy as np
import pytest

from shards.record import Record
from stages.evaluate.average_precision import _coco, average_precisions
from stages.evaluate.bootstrap import draws
from tests.stages.evaluate.records import record, thing

LABELS = ("cat", "dog", "cup")


def scenes(count: int, seed: int = 1) -> list[tuple[Record, Record]]:
    """Pictures with some things, boxes near them and elsewhere, and a crowd in every third one."""
    rng = np.random.default_rng(seed)
    pairs = []
    for image in range(count):
        gold, said = [], []
        for _ in range(rng.integers(1, 6)):
            x, y, wide, tall = rng.uniform(0, 60), rng.uniform(0, 60), rng.uniform(8, 40), rng.uniform(8, 40)
            label = str(rng.choice(LABELS))
            gold.append(thing(label, (x, y, x + wide, y + tall)))
            for _ in range(rng.integers(0, 3)):
                dx, dy = rng.normal(0, 3, 2)
                box = (x + dx, y + dy, x + wide + dx, y + tall + dy)
                said.append(thing(str(rng.choice([label, "cup"])), box, float(rng.random())))
        if image % 3 == 0:
            gold.append(thing("cup", (50.0, 50.0, 100.0, 100.0), 0.0))
            said.append(thing("cup", (60.0, 60.0, 80.0, 80.0), float(rng.random())))
        pairs.append((record(f"p{image}", *said), record(f"p{image}", *gold)))
    return pairs


def public(pairs: list[tuple[Record, Record]]) -> tuple[float, float]:
    """AP and AP50 of pycocotools itself."""
    run = _coco(pairs, sorted(LABELS))
    with contextlib.redirect_stdout(io.StringIO()):
        run.accumulate()
    precision = run.eval["precision"]
    return float(precision[precision > -1].mean()), float(precision[:1][precision[:1] > -1].mean())


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_average_precision_is_that_of_pycocotools_crowds_included(seed: int) -> None:
    pairs = scenes(20, seed)
    found = average_precisions(pairs, resamples=0)
    assert (found["map"].value, found["map50"].value) == pytest.approx(public(pairs))


def test_every_resampled_set_has_the_value_that_pycocotools_gives_it() -> None:
    pairs, resamples = scenes(12), 5
    found = average_precisions(pairs, resamples)
    for place, times in enumerate(draws(len(pairs), resamples)):
        drawn = [pair for pair, count in zip(pairs, times.astype(int).tolist(), strict=True) for _ in range(count)]
        assert found["map"].drawn[place] == pytest.approx(public(drawn)[0])


def test_every_label_has_a_value_of_its_own() -> None:
    found = average_precisions(scenes(20), resamples=10)
    own = [found[f"map50/{label}"].value for label in LABELS]
    assert found["map50"].value == pytest.approx(sum(own) / len(own))


def test_a_find_in_a_crowd_counts_neither_way() -> None:
    crowd = thing("cat", (50.0, 50.0, 100.0, 100.0), 0.0)
    truth = record("a", thing("cat", (0.0, 0.0, 20.0, 20.0)), crowd)
    said = record("a", thing("cat", (0.0, 0.0, 20.0, 20.0), 0.5), thing("cat", (60.0, 60.0, 80.0, 80.0), 0.9))
    assert average_precisions([(said, truth)], 0)["map"].value == pytest.approx(1.0)


def test_without_gold_there_is_no_average_precision() -> None:
    found = average_precisions([(record("a", thing("cat", (0.0, 0.0, 20.0, 20.0))), record("a"))], 10)
    assert math.isnan(found["map"].value)
    assert found["map"].count == 0
