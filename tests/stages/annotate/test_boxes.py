from collections.abc import Mapping, Sequence

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from pydantic import ValidationError

from shards.finding import Box, Detection, Finding, OcrLine, PhraseGrounding
from stages.annotate.boxes import BoxInputs, choose_boxes, crop


def found(box: Box, score: float | None = 0.9) -> Finding:
    return Detection("dog", score, box=box)


def refs(findings: Mapping[str, Sequence[Finding]], **settings: object) -> list[str]:
    return [one.ref for one in choose_boxes(findings, 100, 80, BoxInputs.model_validate(settings))]


def test_best_scores_come_first_and_ties_by_name_and_position() -> None:
    findings = {
        "yolo": [found((0, 0, 10, 10), 0.5), found((20, 0, 30, 10), 0.9)],
        "detr": [found((40, 0, 50, 10), 0.5), found((60, 0, 70, 10), 0.5)],
    }
    assert refs(findings) == ["yolo/1", "detr/0", "detr/1", "yolo/0"]
    assert refs(findings, max_boxes=2) == ["yolo/1", "detr/0"]


def test_near_repeats_are_represented_by_the_better_box() -> None:
    findings = {"a": [found((0, 0, 50, 50), 0.6)], "b": [found((0, 0, 50, 51), 0.7), found((0, 0, 50, 30), 0.9)]}
    assert refs(findings) == ["b/1", "b/0"]
    assert refs(findings, same_box_iou=1.0) == ["b/1", "b/0", "a/0"]


def test_exact_repeats_go_even_at_iou_one() -> None:
    assert refs({"a": [found((0, 0, 50, 50)), found((0, 0, 50, 50))]}, same_box_iou=1.0) == ["a/0"]


def test_a_score_at_the_floor_is_handed_on_and_no_score_counts_as_certain() -> None:
    findings = {
        "a": [found((0, 0, 10, 10), 0.1), found((20, 0, 30, 10), 0.099)],
        "given": [found((40, 0, 50, 9), None)],
    }
    assert refs(findings, min_score=0.1) == ["given/0", "a/0"]


def test_only_the_named_kinds_are_handed_on() -> None:
    nowhere = PhraseGrounding("a dog", about="b/0", span=(0, 5))
    findings = {"a": [found((0, 0, 10, 10)), OcrLine("dog", box=(20, 0, 30, 10)), nowhere]}
    assert refs(findings) == ["a/0"]
    assert refs(findings, kinds=["ocr", "phrase"]) == ["a/1"]


def test_boxes_are_clipped_and_those_outside_or_too_thin_are_left_out() -> None:
    findings = {
        "a": [found((-5, -5, 200, 200)), found((100, 0, 120, 10)), found((9, 9, 5, 20)), found((0, 0, 3.9, 50))]
    }
    [only] = choose_boxes(findings, 100, 80, BoxInputs())
    assert (only.ref, only.box, only.label, only.score) == ("a/0", (0, 0, 100, 80), "dog", 0.9)


def test_no_findings_no_boxes() -> None:
    assert refs({}) == refs({"a": []}) == []


def test_crop_takes_every_pixel_that_the_box_touches() -> None:
    image = np.arange(80 * 100 * 3, dtype=np.uint32).astype(np.uint8).reshape(80, 100, 3)
    assert np.array_equal(crop(image, (10.2, 20.9, 30.0, 40.1)), image[20:41, 10:30])
    assert np.array_equal(crop(image, (10, 20, 30, 40), padding=0.5), image[10:50, 0:40])
    assert np.shares_memory(crop(image, (0, 0, 100, 80)), image)


@hypothesis.given(st.tuples(*[st.floats(-50, 150)] * 4), st.floats(0, 1))
def test_a_crop_is_never_empty(box: Box, padding: float) -> None:
    part = crop(np.zeros((80, 100, 3), dtype=np.uint8), box, padding)
    assert part.shape[0] >= 1
    assert part.shape[1] >= 1


def test_settings_refuse_what_makes_no_sense() -> None:
    with pytest.raises(ValidationError, match="kinds"):
        BoxInputs.model_validate({"kinds": []})
    with pytest.raises(ValidationError, match="min_scores"):
        BoxInputs.model_validate({"min_scores": 0.1})
