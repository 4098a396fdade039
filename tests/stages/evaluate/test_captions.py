import pytest

from shards.record import Text
from stages.evaluate.captions import caption_quality, cider, text_quality
from tests.stages.evaluate.records import SOURCE, record

SAID = ["a red fish swims above two cups", "a dog sits in the snow", "two cars drive on a street"]
TRUTH = [[text] for text in SAID]


def test_equal_texts_have_cider_ten_and_bleu_one_hundred() -> None:
    found = text_quality(SAID, TRUTH, resamples=0)

    assert found["exact"].value == 1.0
    assert found["cider"].value == pytest.approx(10.0)
    assert found["bleu"].value == pytest.approx(100.0)


def test_cider_of_one_changed_word_by_hand() -> None:
    # three one-word texts: every word is in one of three, so all weights are log 3; only n = 1 exists
    assert cider(["x", "b", "c"], [["a"], ["b"], ["c"]]) == pytest.approx([0.0, 2.5, 2.5])


def test_common_words_count_less_than_rare_ones() -> None:
    truth = [["a fish"], ["a dog"]]
    rare, common = cider(["a fish", "a dog"], truth), cider(["a dog", "a dog"], truth)

    assert common[0] == 0.0
    assert rare[0] > 4


def test_a_longer_text_is_penalised() -> None:
    [long, *_] = cider([SAID[0] + " and " + " ".join(["more"] * 12), *SAID[1:]], TRUTH)

    assert long < 2


def test_case_does_not_matter_and_a_missing_caption_scores_zero() -> None:
    pairs = [(record("a", brief="A Dog"), record("a", brief="a dog")), (record("b"), record("b", brief="a cat"))]

    found = caption_quality(pairs, resamples=0)

    assert found["brief/exact"].value == 0.5
    assert found["brief/exact"].count == 2
    assert set(found) == {"brief/exact", "brief/cider", "brief/bleu"}


REFERENCES = [
    ["a red fish swims above two cups", "one fish in a tank", "a fish over cups"],
    ["a dog sits in the snow", "a brown dog outside in winter"],
    ["two cars drive on a street", "traffic on a street", "cars", "a street with two cars"],
]
ANSWERS = ["a red fish swims above cups", "a brown dog sits in the snow", "two cars drive on the street"]


def test_all_references_count_as_in_the_public_implementation() -> None:
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider

    answers = {place: [text] for place, text in enumerate(ANSWERS)}
    references = dict(enumerate(REFERENCES))
    found = text_quality(ANSWERS, REFERENCES, resamples=0)
    assert found["cider"].value == pytest.approx(Cider().compute_score(references, answers)[0])
    public = Bleu(4).compute_score(references, answers, verbose=0)[0][3]
    assert found["bleu"].value == pytest.approx(100 * public, rel=1e-3)
    one = text_quality(ANSWERS, [each[:1] for each in REFERENCES], resamples=0)
    assert one["cider"].value != pytest.approx(found["cider"].value, rel=0.01)


def test_any_reference_is_a_hit() -> None:
    truth = record("a", brief="a dog")
    truth.texts.append(Text("t1", "brief", "a brown dog", SOURCE))
    assert caption_quality([(record("a", brief="A brown dog"), truth)], resamples=0)["brief/exact"].value == 1.0
