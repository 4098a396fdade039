"""ICDAR's protocol: don't-care areas, quads instead of boxes, and the same counts as its rules written down anew."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from msgspec.structs import replace
from numpy.typing import NDArray
from shapely.geometry import Polygon  # type: ignore[import-untyped]

from shards.finding import Quad
from shards.geometry import quad_box, quad_iou, quad_share
from shards.record import Region
from stages.evaluate.icdar import icdar_counts
from stages.evaluate.words import word_quality
from tests.stages.evaluate.records import record, word


def quad_word(text: str, quad: Quad) -> Region:
    return replace(word(text, quad_box(quad)), quad=quad)


def turned(x: float, y: float, wide: float, tall: float, angle: float) -> Quad:
    """Clockwise from the left upper corner, turned about the middle."""
    cosine, sine = np.cos(angle), np.sin(angle)
    corners = np.array([(-wide, -tall), (wide, -tall), (wide, tall), (-wide, tall)]) / 2
    found = corners @ np.array([[cosine, sine], [-sine, cosine]]) + (x, y)
    return tuple(found.ravel().tolist())


def points(region: Region) -> NDArray[np.float64]:
    """[4, 2] corners of its quad."""
    return np.array(region.quad, np.float64).reshape(4, 2)


@dataclass
class Protocol:
    """The published script's loops, with shapely for its Polygon."""

    gold: Sequence[Region]
    predicted: Sequence[Region]

    def counts(self) -> tuple[int, int, int, int]:
        gold = [Polygon(points(region)) for region in self.gold]
        found = [Polygon(points(region)) for region in self.predicted]
        care = [region.text != "###" for region in self.gold]
        ignored = {
            j for j, det in enumerate(found) for i, area in enumerate(gold)
            if not care[i] and det.area > 0 and det.intersection(area).area / det.area > 0.5
        }  # fmt: skip
        taken: set[int] = set()
        read = 0
        for i, truth in enumerate(gold):
            for j, det in enumerate(found):
                if care[i] and j not in ignored | taken:
                    shared = truth.intersection(det).area
                    if shared / (truth.area + det.area - shared) > 0.5:
                        taken.add(j)
                        read += self.gold[i].text.upper() == self.predicted[j].text.upper()
                        break
        return len(taken), read, len(found) - len(ignored), sum(care)


def anywhere(rng: np.random.Generator, count: int) -> list[Region]:
    words = []
    for _ in range(count):
        (x, y), wide, tall = rng.uniform(20, 180, 2), rng.uniform(20, 60), rng.uniform(8, 20)
        text = str(rng.choice(["EXIT", "exit", "cafe", "###"]))
        words.append(quad_word(text, turned(x, y, wide, tall, rng.uniform(-1, 1))))
    return words


def beside(words: Sequence[Region], rng: np.random.Generator) -> list[Region]:
    """The same quads, a little elsewhere and larger or smaller."""
    moved = []
    for each in words:
        corners = points(each)
        middle = corners.mean(axis=0)
        there = middle + rng.normal(0, 3, 2) + (corners - middle) * rng.uniform(0.8, 1.2)
        text = str(rng.choice(["exit", "x"]))
        moved.append(quad_word(text, tuple(there.ravel().tolist())))
    return moved


@pytest.mark.parametrize("seed", range(5))
def test_counts_are_those_of_the_published_rules(seed: int) -> None:
    rng = np.random.default_rng(seed)
    gold = anywhere(rng, 30)
    predicted = [*beside(gold, rng), *anywhere(rng, 10)]
    expected = Protocol(gold, predicted).counts()
    assert icdar_counts(predicted, gold) == expected
    assert 0 < expected[1] < expected[0] < expected[2] < 40


def test_quads_are_compared_and_not_the_boxes_around_them() -> None:
    """Two thin words across one another: the boxes around them are the same."""
    rising, falling = turned(50, 50, 80, 10, -0.7854), turned(50, 50, 80, 10, 0.7854)
    truth, said = record("a", quad_word("EXIT", rising)), record("a", quad_word("EXIT", falling))
    found = word_quality([(said, truth)], 0)
    assert (found["f1"].value, found["icdar_f1"].value, found["icdar_read_f1"].value) == (1.0, 0.0, 0.0)
    same = word_quality([(truth, truth)], 0)
    assert (same["icdar_precision"].value, same["icdar_recall"].value, same["icdar_read_f1"].value) == (1.0, 1.0, 1.0)


def test_a_misread_word_is_found_but_not_read() -> None:
    truth, said = (
        record("a", word("CAFE", (10.0, 10.0, 40.0, 20.0))),
        record("a", word("CAFF", (10.0, 10.0, 40.0, 20.0))),
    )
    found = word_quality([(said, truth)], 0)
    assert (found["icdar_f1"].value, found["icdar_read_f1"].value) == (1.0, 0.0)


def test_how_much_of_a_quad_lies_in_another() -> None:
    small, large = turned(50, 50, 20, 10, 0.0), turned(60, 50, 20, 40, 0.0)
    assert quad_share(small, large) == pytest.approx(0.5)
    assert quad_share(large, small) == pytest.approx(0.125)
    assert quad_share(small, turned(150, 50, 20, 40, 0.0)) == 0.0
    assert quad_iou(small, large) == pytest.approx(100 / 900)
    assert quad_share((0.0,) * 8, large) == 0.0
