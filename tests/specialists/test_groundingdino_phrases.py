import numpy as np

from specialists.groundingdino_phrases import Hits, chunk_phrases, merged, model_phrases, pixel_boxes
from specialists.spans import TokenizedCaption

TEXT = "a dog and two cats"
CAPTION = TokenizedCaption(
    "a dog and two cats.", [None, (0, 1), (2, 5), (6, 9), (10, 13), (14, 17), (17, 18), None, None]
)
BOXES = np.array([[0, 0, 10, 10], [5, 5, 20, 20]], np.float32)


def scores(*rows: dict[int, float]) -> np.ndarray:
    table = np.zeros((len(rows), 256), np.float32)
    for index, row in enumerate(rows):
        for token, score in row.items():
            table[index, token] = score
    return table


def test_neighbouring_tokens_are_a_phrase_and_pieces_grow_to_words() -> None:
    found = model_phrases(TEXT, CAPTION, BOXES, scores({1: 0.5, 2: 0.75}, {5: 0.5}), box_floor=0.3, text_floor=0.25)
    assert [TEXT[slice(*hit.span)] for hit in found] == ["a dog", "cats"]
    assert found[0].box_scores.tolist() == [0.75]
    assert found[0].score == 0.625
    assert found[1].boxes.tolist() == [[5, 5, 20, 20]]


def test_one_box_can_stand_for_two_phrases() -> None:
    found = model_phrases(TEXT, CAPTION, BOXES[:1], scores({2: 0.9, 4: 0.4, 5: 0.4}), box_floor=0.3, text_floor=0.25)
    assert [(TEXT[slice(*hit.span)], round(float(hit.box_scores[0]), 3)) for hit in found] == [
        ("dog", 0.9),
        ("two cats", 0.4),
    ]


def test_tokens_that_name_nothing_make_no_phrase() -> None:
    table = scores({0: 0.9, 7: 0.9, 8: 0.9, 40: 0.9})
    assert model_phrases(TEXT, CAPTION, BOXES[:1], table, box_floor=0.3, text_floor=0.25) == []


def test_chunks_are_scored_by_the_mean_of_their_tokens() -> None:
    table = scores({1: 0.2, 2: 0.8}, {1: 0.1, 2: 0.1})
    dog, cats = chunk_phrases([(0, 5), (10, 18)], CAPTION, BOXES, table, box_floor=0.3)
    assert dog.span == (0, 5)
    np.testing.assert_allclose(dog.box_scores, [0.5])
    assert dog.boxes.tolist() == [[0, 0, 10, 10]]
    assert len(cats.boxes) == 0
    assert cats.score == 0


def test_a_phrase_is_listed_once_in_the_order_of_the_text_best_box_first() -> None:
    hits = [
        Hits((10, 18), 0.4, BOXES[:1], np.array([0.4], np.float32)),
        Hits((0, 5), 0.3, BOXES[:1], np.array([0.3], np.float32)),
        Hits((0, 5), 0.6, BOXES[1:], np.array([0.7], np.float32)),
    ]
    dog, cats = merged(hits)
    assert (dog.start, dog.end, dog.score) == (0, 5, 0.6)
    np.testing.assert_allclose(dog.box_scores, [0.7, 0.3])
    assert dog.boxes.tolist() == BOXES[::-1].tolist()
    assert (cats.start, cats.end) == (10, 18)


def test_boxes_are_clipped_to_the_image() -> None:
    boxes = pixel_boxes(np.array([[0.5, 0.5, 1.5, 0.5]], np.float32), width=200, height=100)
    assert boxes.tolist() == [[0, 25, 200, 75]]
