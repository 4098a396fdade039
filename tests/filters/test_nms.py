import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torchvision.ops import nms

from filters.nms import Suppressed, suppress
from shards.geometry import iou_matrix


def boxes_like_a_detector(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Clusters of overlapping boxes in a 400 px image."""
    centers = rng.uniform(50, 350, (max(1, count // 3), 2))[rng.integers(0, max(1, count // 3), count)]
    corners = centers + rng.normal(0, 8, (count, 2))
    return np.hstack([corners, corners + rng.uniform(20, 60, (count, 2))]).astype(np.float32).astype(np.float64)


@pytest.mark.parametrize("count", [0, 1, 2, 10, 24, 25, 60, 600])
def test_same_boxes_as_torchvision(count: int) -> None:
    rng = np.random.default_rng(count)
    boxes, scores = boxes_like_a_detector(rng, count), rng.permutation(count) / max(1, count)
    found = suppress(boxes, scores, [""] * count, 0.5, None)
    kept = nms(torch.tensor(boxes, dtype=torch.float32), torch.tensor(scores, dtype=torch.float32), 0.5)
    assert sorted(kept.tolist()) == [place for place, entry in enumerate(found) if entry is None]


@pytest.mark.parametrize("count", [20, 400])
def test_each_suppressed_box_overlaps_a_kept_one_that_is_stronger(count: int) -> None:
    rng = np.random.default_rng(3)
    boxes, scores = boxes_like_a_detector(rng, count), rng.uniform(size=count)
    labels = [str(number) for number in rng.integers(0, 3, count)]
    found = suppress(boxes, scores, labels, 0.4, 0.7)
    overlaps = iou_matrix(boxes, boxes)
    for place, entry in enumerate(found):
        for other in (o for o in range(count) if found[o] is None and o != place):
            if entry is None:
                assert overlaps[place, other] <= (0.4 if labels[place] == labels[other] else 0.7)
        if entry is not None:
            assert found[entry.by] is None
            assert scores[entry.by] >= scores[place]
            assert entry.iou == pytest.approx(overlaps[place, entry.by])
            assert entry.iou > (0.4 if entry.same_label else 0.7)


def test_an_overlap_at_the_threshold_stays() -> None:
    boxes = np.array([[0.0, 0, 10, 10], [0, 0, 10, 5]])
    assert suppress(boxes, np.array([0.9, 0.8]), ["a", "a"], 0.5, None) == [None, None]
    assert suppress(boxes, np.array([0.9, 0.8]), ["a", "a"], 0.49, None) == [None, Suppressed(0, 0.5, True)]


def test_off_suppresses_nothing() -> None:
    boxes = np.array([[0.0, 0, 5, 5]] * 2)
    assert suppress(boxes, np.ones(2), ["a", "a"], None, None) == [None, None]


def test_equal_scores_are_ordered_by_coordinates() -> None:
    boxes = np.array([[1.0, 0, 11, 10], [0, 0, 10, 10]])
    assert suppress(boxes, np.ones(2), ["a", "a"], 0.5, None)[0] is not None
    assert suppress(boxes[::-1], np.ones(2), ["a", "a"], 0.5, None)[1] is not None


def test_empty_boxes_overlap_nothing() -> None:
    assert iou_matrix(np.zeros((2, 4)), np.array([[0.0, 0, 4, 4]])).tolist() == [[0.0], [0.0]]


@pytest.mark.parametrize(("same", "other"), [(0.5, 0.8), (0.7, None), (None, 0.6), (0.2, 0.9)])
def test_many_boxes_are_suppressed_by_the_same_rivals_as_few(same: float | None, other: float | None) -> None:
    """1,200 boxes take the way through the grid; judged in one matrix, the answer is the same."""
    rng = np.random.default_rng(5)
    corners = rng.uniform(0, 300, (1200, 2))
    boxes = np.concatenate((corners, corners + rng.uniform(5, 60, (1200, 2))), axis=1)
    scores, labels = rng.uniform(size=1200).round(2), rng.choice(["dog", "cat", "bird"], 1200).tolist()
    found = suppress(boxes, scores, labels, same, other)
    assert sum(each is not None for each in found) > 10
    assert found == greedy(boxes, scores, labels, same, other)


def greedy(
    boxes: NDArray[np.float64], scores: NDArray[np.float64], labels: list[str], same: float | None, other: float | None
) -> list[Suppressed | None]:
    """As the docstring says it, box by box."""
    order = sorted(range(len(boxes)), key=lambda at: (-scores[at], labels[at], *boxes[at]))
    found: list[Suppressed | None] = [None] * len(boxes)
    kept: list[int] = []
    for at in order:
        overlaps = iou_matrix(boxes[kept], boxes[at])[:, 0].tolist() if kept else []
        for strong, iou in zip(kept, overlaps, strict=True):
            same_label = labels[strong] == labels[at] and same is not None and iou > same
            if same_label or (other is not None and iou > other):
                found[at] = Suppressed(strong, iou, same_label)
                break
        else:
            kept.append(at)
    return found
