import math

import numpy as np
import pytest

from filters.confidence import AnnotatorScores, ConfidenceSettings, judge_probability, judge_score
from filters.region import OcrSettings, RegionSettings
from filters.verdict import KEPT, dropped


@pytest.mark.parametrize("score", [0.3, 0.7, 0.1, 0.45])
def test_a_score_equal_to_the_threshold_is_kept_also_as_float32(score: float) -> None:
    settings = ConfidenceSettings(min_score=score)
    below = round(score - 0.001, 4)
    assert judge_score(float(np.float32(score)), "detector", "dog", settings) == KEPT
    assert judge_score(float(np.float32(below)), "detector", "dog", settings) == dropped("region.score", below, score)


def test_no_score_is_no_reason_to_drop() -> None:
    assert judge_score(None, "given", "dog", ConfidenceSettings(min_score=1.0)) == KEPT


@pytest.mark.parametrize("score", [math.nan, -0.1, 1.1, math.inf])
def test_a_broken_score_is_an_error(score: float) -> None:
    with pytest.raises(ValueError, match=r"annotator 'yolo', label 'dog': a score must be a number in \[0, 1\], got"):
        judge_score(score, "yolo", "dog", ConfidenceSettings())


@pytest.mark.parametrize(
    ("annotator", "label", "threshold"),
    [
        ("other", "tree", 0.2),
        ("other", "Dog ", 0.4),
        ("yolo", "tree", 0.5),
        ("yolo", "dog", 0.4),
        ("yolo", "CAT", 0.9),
        ("silent", "tree", 0.2),
    ],
)
def test_the_most_specific_threshold_counts(annotator: str, label: str, threshold: float) -> None:
    settings = ConfidenceSettings(
        min_score=0.2,
        labels={"dog": 0.4, "cat": 0.6},
        annotators={"yolo": AnnotatorScores(min_score=0.5, labels={"Cat": 0.9}), "silent": AnnotatorScores()},
    )
    below = dropped("region.score", round(threshold - 0.01, 4), threshold)
    assert judge_score(threshold, annotator, label, settings) == KEPT
    assert judge_score(threshold - 0.01, annotator, label, settings) == below


@pytest.mark.parametrize(
    ("settings", "score", "probability"), [(RegionSettings(), 0.3, 0.01), (OcrSettings(), 0.5, 0.3)]
)
def test_what_is_left_open_is_one_threshold_of_scores_and_another_of_probabilities(
    settings: ConfidenceSettings, score: float, probability: float
) -> None:
    assert judge_score(score, "reader", "EXIT", settings) == KEPT
    assert judge_score(score - 0.001, "reader", "EXIT", settings).threshold == score
    assert judge_probability(probability, "EXIT", settings) == KEPT
    assert judge_probability(probability - 0.001, "EXIT", settings).threshold == probability
