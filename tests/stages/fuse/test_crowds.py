"""An image with absurdly much in it is still judged: what counts is counted, not timed."""

from collections.abc import Iterator

import numpy as np
import pytest

from shards.finding import Box, Finding, OcrLine
from stages.fuse.ledger import of_type
from stages.fuse.settings import FuseSettings
from stages.fuse.words import fuse_words
from tests.stages.fuse.builders import build, found, stated, verdicts, word

SIGN: Box = (100.0, 100.0, 300.0, 130.0)
MANY = 2_000


def boxes(how: str) -> Iterator[Box]:
    chance = np.random.default_rng(0)
    for _ in range(MANY):
        x, y = chance.uniform(0, 400, 2).tolist()
        side = {"everywhere": 12.0, "one place": 200.0, "all sizes": 2.0 ** chance.uniform(0, 7)}[how]
        left, top = (x / 40, y / 40) if how == "one place" else (x, y)
        yield (left, top, left + side, top + side)


@pytest.mark.parametrize("how", ["everywhere", "one place", "all sizes"])
def test_thousands_of_boxes_have_a_verdict_each(how: str) -> None:
    said: dict[str, list[Finding]] = {
        "detector": [found(f"thing {number % 7}", 0.9, box) for number, box in enumerate(boxes(how))],
        "yolo": [found(f"thing {number % 7}", 0.8, box) for number, box in enumerate(boxes(how))],
    }
    _, rows = build(said)
    assert len(verdicts(rows)) == 2 * MANY


def lines(texts: list[str]) -> list[Finding]:
    return [word(text, 0.9, (100.0, 100.0, 300.0 + place / 100, 130.0)) for place, text in enumerate(texts)]


def test_lines_in_one_place_that_say_other_things_stay_apart() -> None:
    reader, easy = lines(["abcdefgh"] * MANY), lines(["12345678"] * MANY)
    clusters = fuse_words(
        of_type(stated({"reader": reader, "easy": easy}), OcrLine), FuseSettings(), ["reader", "easy"]
    )
    assert len(clusters) == 2 * MANY


def test_of_many_lines_that_say_the_same_the_closest_is_found() -> None:
    easy = [*lines(["EXIT"] * 300), word("EXIT", 0.8, (10.0, 10.0, 50.0, 30.0))]
    said = {"reader": [word("EXIT", 0.5, (100.0, 100.0, 300.0 + 1.5, 130.0))], "easy": easy}
    clusters = fuse_words(of_type(stated(said), OcrLine), FuseSettings(), ["reader", "easy"])
    [joined] = [cluster for cluster in clusters if len(cluster.members) == 2]
    assert joined.members[0].source.ref == "easy/150"


def test_lines_of_a_million_letters_are_one_if_they_are_equal() -> None:
    long = "abcdefghij" * 100_000
    said = {"reader": [word(long, 0.9, SIGN)], "easy": [word(long, 0.8, SIGN)], "given": [word(f"x{long}", 0.7, SIGN)]}
    clusters = fuse_words(of_type(stated(said), OcrLine), FuseSettings(), ["reader", "easy"])
    assert sorted(len(cluster.members) for cluster in clusters) == [1, 2]
