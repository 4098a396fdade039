import pytest

from stages.evaluate.captions import caption_quality, cider, text_quality
from tests.stages.evaluate.records import record

TRUTH = ["a red fish swims above two cups", "a dog sits in the snow", "two cars drive on a street"]


def test_equal_texts_have_cider_ten_and_bleu_one_hundred() -> None:
    found = text_quality(TRUTH, TRUTH, resamples=0)

    assert found["exact"].value == 1.0
    assert found["cider"].value == pytest.approx(10.0)
    assert found["bleu"].value == pytest.approx(100.0)


def test_cider_of_one_changed_word_by_hand() -> None:
    # three one-word texts: every word is in one of three, so all weights are log 3; only n = 1 exists
    assert cider(["x", "b", "c"], ["a", "b", "c"]) == pytest.approx([0.0, 2.5, 2.5])


def test_common_words_count_less_than_rare_ones() -> None:
    rare, common = cider(["a fish", "a dog"], ["a fish", "a dog"]), cider(["a dog", "a dog"], ["a fish", "a dog"])

    assert common[0] == 0.0
    assert rare[0] > 4


def test_a_longer_text_is_penalised() -> None:
    [long, *_] = cider([TRUTH[0] + " and " + " ".join(["more"] * 12), *TRUTH[1:]], TRUTH)

    assert long < 2


def test_case_does_not_matter_and_a_missing_caption_scores_zero() -> None:
    pairs = [(record("a", brief="A Dog"), record("a", brief="a dog")), (record("b"), record("b", brief="a cat"))]

    found = caption_quality(pairs, resamples=0)

    assert found["brief/exact"].value == 0.5
    assert found["brief/exact"].count == 2
    assert set(found) == {"brief/exact", "brief/cider", "brief/bleu"}
