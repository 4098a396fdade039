"""F1 of one record against another, worked out by hand."""

import pytest

from shards.finding import Box, Polygons
from shards.record import Record
from stages.evaluate.measures import MeasureName, paired, sums
from tests.stages.evaluate.records import grounding, record, thing, word

LEFT, RIGHT = (0.0, 0.0, 20.0, 20.0), (60.0, 60.0, 90.0, 90.0)
TEXT = "a dog near a red car"
OUTLINE, HALF = [[0.0, 0.0, 20.0, 0.0, 20.0, 20.0, 0.0, 20.0]], [[0.0, 0.0, 20.0, 0.0, 0.0, 15.0]]
WANTED = record(
    "a",
    thing("dog", LEFT),
    thing("car", RIGHT),
    word("EXIT", RIGHT),
    brief=TEXT,
    groundings=[grounding(TEXT, "a dog", LEFT)],
)


@pytest.mark.parametrize(
    ("name", "said", "counts"),
    [
        ("boxes", record("a", thing("dog", LEFT), thing("cat", RIGHT)), (1, 2, 2)),
        ("boxes", record("a", thing("dog", LEFT), thing("dog", LEFT)), (1, 2, 2)),
        ("texts/brief", record("a", brief="A dog near a dog."), (4, 5, 6)),
        ("texts/brief", record("a"), (0, 0, 6)),
        ("texts/detailed", record("a", brief=TEXT), (0, 0, 0)),
        ("words", record("a", word("exit", RIGHT), word("EXIT", LEFT)), (1, 2, 1)),
        ("words", record("a", word("EXLT", RIGHT)), (0, 1, 1)),
        ("phrases", record("a", groundings=[grounding(TEXT, "a red car", RIGHT)], brief=TEXT), (1, 1, 2)),
        ("phrases", record("a", groundings=[grounding(TEXT, "a red car", LEFT, RIGHT)], brief=TEXT), (1, 2, 2)),
        ("phrases", record("a", groundings=[grounding(TEXT, "a dog", RIGHT)], brief=TEXT), (0, 1, 2)),
    ],
)
def test_hits_said_and_wanted(name: MeasureName, said: Record, counts: tuple[int, int, int]) -> None:
    assert sums(name, [(said, WANTED)]).tolist() == [list(counts)]


@pytest.mark.parametrize(
    ("outline", "place", "counts"),
    [
        (OUTLINE, LEFT, (1, 1, 1)),
        ([[0.0, 0.0, 20.0, 0.0, 20.0, 12.0, 0.0, 12.0]], LEFT, (1, 1, 1)),
        (HALF, LEFT, (0, 1, 1)),
        (OUTLINE, RIGHT, (0, 1, 1)),
        (None, LEFT, (0, 0, 1)),
    ],
)
def test_masks_are_compared_by_their_outlines(
    outline: Polygons | None, place: Box, counts: tuple[int, int, int]
) -> None:
    wanted = record("a", thing("dog", LEFT, polygons=OUTLINE), thing("car", RIGHT))
    said = record("a", thing("cat", place, polygons=outline))
    assert sums("masks", [(said, wanted)]).tolist() == [list(counts)]


def test_phrases_count_only_where_the_other_record_has_some() -> None:
    said = record("a", groundings=[grounding(TEXT, "a dog", LEFT)], brief=TEXT)
    assert sums("phrases", [(said, record("a", thing("dog", LEFT)))]).tolist() == [[0, 0, 0]]


def test_an_image_about_which_nothing_was_said_counts_as_an_empty_record() -> None:
    pairs = paired([record("b", thing("dog", LEFT))], [WANTED, record("b", thing("dog", LEFT))])
    assert sums("boxes", pairs).tolist() == [[0, 0, 2], [1, 1, 1]]


def test_of_no_images_there_are_no_sums() -> None:
    assert sums("boxes", []).shape == (0, 3)
