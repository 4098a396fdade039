import math

import numpy as np
import pytest

from stages.evaluate.boxes import box_quality
from tests.stages.evaluate.records import record, thing

CAT = (10.0, 10.0, 30.0, 30.0)
DOG = (50.0, 50.0, 90.0, 90.0)


def test_equal_records_are_perfect() -> None:
    same = record("a", thing("cat", CAT), thing("dog", DOG))

    found = box_quality([(same, same)], resamples=0)

    assert {name: estimate.value for name, estimate in found.items()} == pytest.approx(dict.fromkeys(found, 1.0))


def test_a_wrong_label_counts_for_place_but_not_for_precision() -> None:
    said = record("a", thing("dog", CAT), thing("dog", DOG))
    truth = record("a", thing("cat", CAT), thing("dog", DOG))

    found = box_quality([(said, truth)], resamples=0)

    assert (found["precision"].value, found["recall"].value) == (0.5, 0.5)
    assert (found["place_precision"].value, found["label_accuracy"].value) == (1.0, 0.5)


def test_two_boxes_on_one_object_are_one_hit() -> None:
    said = record("a", thing("cat", CAT, 0.9), thing("cat", CAT, 0.8))

    found = box_quality([(said, record("a", thing("cat", CAT)))], resamples=0)

    assert (found["precision"].value, found["recall"].value) == (0.5, 1.0)


def test_iou_of_exactly_one_half_is_a_hit() -> None:
    said = record("a", thing("cat", (0.0, 0.0, 20.0, 10.0)))
    truth = record("a", thing("cat", (0.0, 0.0, 10.0, 10.0)))

    assert box_quality([(said, truth)], resamples=0)["precision"].value == 1.0


def test_a_confident_false_box_lowers_average_precision_more_than_a_doubtful_one() -> None:
    truth = record("a", thing("cat", CAT))
    false = (60.0, 60.0, 80.0, 80.0)

    first = box_quality([(record("a", thing("cat", CAT, 0.5), thing("cat", false, 0.9)), truth)], 0)["map50"].value
    last = box_quality([(record("a", thing("cat", CAT, 0.9), thing("cat", false, 0.5)), truth)], 0)["map50"].value

    assert [first, last] == pytest.approx([0.5, 1.0])


def test_no_gold_objects_has_no_average_precision() -> None:
    found = box_quality([(record("a"), record("a"))], resamples=0)

    assert math.isnan(found["map"].value)
    assert found["map"].count == 0


def test_resampled_average_precision_brackets_the_value() -> None:
    rng = np.random.default_rng(0)
    pairs = []
    for i in range(30):
        hit = rng.random() < 0.6
        pairs.append((record(str(i), thing("cat", CAT if hit else DOG)), record(str(i), thing("cat", CAT))))

    found = box_quality(pairs, resamples=50)["map50"]

    assert found.low < found.value < found.high


def test_over_all_thresholds_the_best_one_is_found() -> None:
    truth = record("a", thing("cat", CAT), thing("dog", DOG))
    said = record("a", thing("cat", CAT, 0.9), thing("dog", DOG, 0.4), thing("cat", DOG, 0.3), thing("dog", CAT, 0.2))

    found = box_quality([(said, truth)], resamples=0)

    assert (found["best_f1"].value, found["best_score"].value) == (1.0, 0.4)
    assert found["f1"].value == pytest.approx(2 * 2 / (4 + 2))
    assert found["precision_at/0.5"].value == 1.0


def test_precision_at_a_recall_that_is_not_reached_is_none() -> None:
    truth = record("a", thing("cat", CAT), *(thing("dog", DOG) for _ in range(4)))
    found = box_quality([(record("a", thing("cat", CAT, 0.9)), truth)], resamples=0)

    assert found["precision_at/0.2"].value == 1.0
    assert found["precision_at/0.3"].count == 0


def test_a_box_in_a_dont_care_area_counts_neither_way() -> None:
    crowd = thing("cat", (40.0, 40.0, 100.0, 100.0), 0.0)
    truth = record("a", thing("cat", CAT), crowd)
    inside, other = thing("cat", DOG, 0.8), thing("dog", DOG, 0.7)

    found = box_quality([(record("a", thing("cat", CAT, 0.9), inside, other), truth)], resamples=0)

    assert found["precision"].value == 0.5  # of the cat that counts and the dog, which is in no crowd of dogs
    assert (found["recall"].value, found["recall"].count) == (1.0, 1)
