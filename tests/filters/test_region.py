import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.region import ShapeSettings, judge_regions
from filters.verdict import KEPT, Verdict, dropped

BOX = [10.0, 10.0, 60.0, 90.0]


def judge(
    box: list[float] = BOX,
    score: float | None = 0.9,
    label: str = "dog",
    settings: ShapeSettings | None = None,
) -> Verdict:
    return judge_regions([box], [score], [label], 640, 480, settings or ShapeSettings())[0]


def test_no_boxes() -> None:
    assert judge_regions(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), [], 640, 480, ShapeSettings()) == []


def test_a_score_ranks_and_drops_nothing() -> None:
    assert judge(score=0.0) == judge(score=None) == KEPT


@pytest.mark.parametrize("score", [math.nan, -0.1, 1.1, math.inf])
def test_a_broken_score_is_an_error(score: float) -> None:
    with pytest.raises(ValueError, match=r"regions: a score must be a number in \[0, 1\], got"):
        judge(score=score)


def test_label_lists() -> None:
    assert judge(label=" DOG", settings=ShapeSettings(allow_labels=["dog"])) == KEPT
    assert judge(label="cat", settings=ShapeSettings(allow_labels=["dog"])) == dropped("region.label")
    assert judge(label="dog", settings=ShapeSettings(deny_labels=["Dog"])) == dropped("region.label")
    assert judge(label="dog", settings=ShapeSettings(allow_labels=["dog"], deny_labels=["dog"])) == dropped(
        "region.label"
    )


@pytest.mark.parametrize(
    ("box", "settings", "expected"),
    [
        ([0, 0, 3, 50], {}, dropped("region.min_side", 3, 4)),
        ([0, 0, 4, 50], {}, KEPT),
        ([0, 0, 8, 8], {}, KEPT),
        ([0, 0, 8, 7], {}, dropped("region.min_area", 56, 64)),
        ([0, 0, 64, 48], {"min_area_share": 0.01}, KEPT),
        ([0, 0, 64, 47], {"min_area_share": 0.01}, dropped("region.min_area_share", 0.0098, 0.01)),
        ([0, 0, 640, 240], {"max_area_share": 0.5}, KEPT),
        ([0, 0, 640, 241], {"max_area_share": 0.5}, dropped("region.max_area_share", 0.5021, 0.5)),
        ([0, 0, 10, 200], {}, KEPT),
        ([0, 0, 10, 201], {}, dropped("region.aspect_ratio", 20.1, 20)),
        ([0, 0, 210, 10], {}, dropped("region.aspect_ratio", 21, 20)),
        ([50, 50, 40, 40], {}, dropped("region.min_side", 0, 4)),
    ],
)
def test_size_and_proportions(box: list[float], settings: dict[str, float], expected: Verdict) -> None:
    assert judge(box, settings=ShapeSettings.model_validate(settings)) == expected


def test_a_flat_box_is_beyond_every_ratio() -> None:
    assert judge([0, 0, 100, 0], settings=ShapeSettings(min_side=0, min_area=0)).rule == "region.aspect_ratio"


def test_the_first_failing_rule_is_named() -> None:
    dogs = ShapeSettings(allow_labels=["dog"])
    assert judge([0, 0, 1, 1], label="cat", settings=dogs).rule == "region.label"
    assert judge([0, 0, 1, 1]).rule == "region.min_side"


def test_a_double_is_dropped_with_its_overlap() -> None:
    verdicts = judge_regions(
        [[0, 0, 10, 9], [0, 0, 10, 10], [50, 50, 60, 60]],
        [0.6, 0.9, 0.5],
        ["dog", "Dog", "dog"],
        99,
        99,
        ShapeSettings(),
    )
    assert verdicts == [dropped("region.nms", 0.9, 0.7), KEPT, KEPT]


def test_other_labels_may_overlap_more() -> None:
    boxes: list[list[float]] = [[0, 0, 10, 10], [0, 0, 10, 9], [0, 0, 10, 9.5]]
    scores, labels = [0.9, 0.8, 0.7], ["dog", "cat", "fox"]
    verdicts = judge_regions(boxes, scores, labels, 99, 99, ShapeSettings())
    assert verdicts == [KEPT, KEPT, dropped("region.nms_any_label", 0.95, 0.9)]
    assert judge_regions(boxes, scores, labels, 99, 99, ShapeSettings(nms_iou_any_label=None)) == [KEPT] * 3


def test_a_box_that_fails_another_rule_suppresses_nothing() -> None:
    verdicts = judge_regions(
        [[0.0, 0, 10, 10], [0, 0, 10, 9]],
        [0.9, 0.8],
        ["cat", "dog"],
        99,
        99,
        ShapeSettings(deny_labels=["cat"], nms_iou_any_label=0.5),
    )
    assert verdicts == [dropped("region.label"), KEPT]


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="must have one length, got 1 boxes, 2 scores and 1 labels"):
        judge_regions([BOX], [0.5, 0.5], ["dog"], 640, 480, ShapeSettings())


def test_boxes_must_be_boxes() -> None:
    with pytest.raises(ValueError, match=r"regions: boxes must be \[n, 4\] \(x0, y0, x1, y1\), got \[1, 3\]"):
        judge_regions([[1, 2, 3]], [0.5], ["dog"], 640, 480, ShapeSettings())
    with pytest.raises(ValueError, match=r"regions: box coordinates must be finite, got \[0\.0, 0\.0, nan, 1\.0\]"):
        judge_regions([[0, 0, math.nan, 1]], [0.5], ["dog"], 640, 480, ShapeSettings())


def test_an_image_has_pixels() -> None:
    with pytest.raises(ValueError, match="image size must be at least 1 x 1 px, got 0 x 480"):
        judge_regions([BOX], [0.5], ["dog"], 0, 480, ShapeSettings())


coordinates = st.integers(0, 20).map(float)
rows = st.tuples(
    st.tuples(coordinates, coordinates, coordinates, coordinates),
    st.sampled_from([0.2, 0.3, 0.5, 0.5, 0.9]),
    st.sampled_from(["dog", "cat"]),
)


@given(st.lists(rows, max_size=12), st.randoms(use_true_random=False))
def test_verdicts_do_not_depend_on_the_order_of_the_input(
    found: list[tuple[tuple[float, float, float, float], float, str]], shuffler: random.Random
) -> None:
    settings = ShapeSettings(min_side=1, min_area=1, nms_iou=0.4, nms_iou_any_label=0.6)

    def judged(order: list[int]) -> list[tuple[object, Verdict]]:
        verdicts = judge_regions(
            [found[i][0] for i in order], [found[i][1] for i in order], [found[i][2] for i in order], 20, 20, settings
        )
        return sorted(((found[i], verdict) for i, verdict in zip(order, verdicts, strict=True)), key=repr)

    order = list(range(len(found)))
    shuffled = order.copy()
    shuffler.shuffle(shuffled)
    assert judged(shuffled) == judged(order)
