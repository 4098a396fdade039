import re

import numpy as np
import pytest

from engine.report.draw import LIGHT, SHADE, _fitting, colour, draw_record
from engine.report.drops import DASHED
from engine.report.fonts import font_for
from shards.record import Candidate, GroundedBox, Grounding, Record, Region, Source

SOURCE = Source("detector", "f0", 0, 0.9, "detector/0")


def a_record(**parts: list[Region] | list[Grounding]) -> Record:
    return Record(key="k", uri="k.png", sha256="0", width=600, height=500, round=0, **parts)  # type: ignore[arg-type]


def a_region(**parts: object) -> Region:
    candidates = [Candidate("phrase", "a very long label " * 5, None, SOURCE)]
    whole = {"id": "r0", "kind": "object", "box": (100.0, 200.0, 300.0, 400.0), "score": 0.9}
    return Region(**(whole | {"candidates": candidates, "selected": 0, "votes": []} | parts))  # type: ignore[arg-type]


def grey() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.full((500, 600, 3), 128, np.uint8)


def test_a_box_is_outlined_where_it_is_and_nothing_else_changes() -> None:
    drawn = np.asarray(draw_record(grey(), a_record(regions=[a_region()])))
    assert drawn.shape == (500, 600, 3)
    assert tuple(drawn[300, 100]) == colour(0)
    assert tuple(drawn[400, 200]) == colour(0)
    assert tuple(drawn[300, 200]) == (128, 128, 128)
    assert tuple(drawn[450, 500]) == (128, 128, 128)


def test_a_mask_is_filled_and_its_hole_is_not() -> None:
    outer = [120.0, 220.0, 280.0, 220.0, 280.0, 380.0, 120.0, 380.0]
    hole = [180.0, 280.0, 180.0, 320.0, 220.0, 320.0, 220.0, 280.0]
    drawn = np.asarray(draw_record(grey(), a_record(regions=[a_region(polygons=[hole, outer])])))
    assert tuple(drawn[250, 150]) != (128, 128, 128)
    assert tuple(drawn[300, 200]) == (128, 128, 128)


def test_a_quad_is_drawn_instead_of_its_box() -> None:
    quad = (100.0, 300.0, 200.0, 200.0, 300.0, 300.0, 200.0, 400.0)
    drawn = np.asarray(draw_record(grey(), a_record(regions=[a_region(kind="text", quad=quad)])))
    assert tuple(drawn[350, 150]) == colour(0)
    assert tuple(drawn[300, 298]) == colour(0)
    assert tuple(drawn[395, 110]) == (128, 128, 128)


def test_grounded_phrases_are_drawn_on_request() -> None:
    place = GroundedBox((400.0, 50.0, 500.0, 90.0), 0.5, SOURCE)
    record = a_record(groundings=[Grounding("t0", (0, 5), "a dog", 0.5, [place])])
    assert np.array_equal(np.asarray(draw_record(grey(), record)), grey())
    assert tuple(np.asarray(draw_record(grey(), record, groundings=True))[50, 450]) == colour(0)


def test_a_label_that_would_leave_the_picture_is_moved_into_it() -> None:
    candidates = [Candidate("phrase", "ends in here", None, SOURCE)]
    region = a_region(box=(560.0, 200.0, 590.0, 400.0), candidates=candidates)
    drawn = np.asarray(draw_record(grey(), a_record(regions=[region])))
    assert tuple(drawn[199, 540]) == colour(0)
    assert tuple(drawn[199, 598]) == colour(0)


@pytest.mark.parametrize(("size", "wanted"), [((60, 40), (720, 480)), ((1, 1), (480, 480))])
def test_a_tiny_picture_is_enlarged(size: tuple[int, int], wanted: tuple[int, int]) -> None:
    record = Record(key="k", uri="k.png", sha256="0", width=size[0], height=size[1], round=0)
    assert draw_record(np.zeros((size[1], size[0], 3), np.uint8), record).size == wanted


def test_no_label_lies_on_a_word_that_was_read() -> None:
    quad = (100.0, 200.0, 300.0, 200.0, 300.0, 240.0, 100.0, 240.0)
    word = a_region(kind="text", box=(100.0, 200.0, 300.0, 240.0), quad=quad)
    below = a_region(id="r1", box=(110.0, 241.0, 290.0, 400.0))
    drawn = np.asarray(draw_record(grey(), a_record(regions=[word, below])))
    assert (drawn[205:236, 105:296] == 128).all()


def dropped_row(value: float | None, top: float) -> dict[str, object]:
    return {"box": {"x0": 400.0, "y0": top, "x1": 500.0, "y1": top + 40.0}, "value": value, "threshold": 0.3}


def test_dropped_boxes_are_drawn_dashed_on_request() -> None:
    row = dropped_row(0.2, 50.0)
    drawn = np.asarray(draw_record(grey(), a_record(), dropped=[row, row | {"box": None}]))
    assert {tuple(pixel) for pixel in drawn[50, 400:500].tolist()} == {LIGHT, SHADE}
    assert tuple(drawn[70, 450]) == (128, 128, 128)


def test_of_many_dropped_boxes_the_nearest_to_their_thresholds_are_drawn() -> None:
    far, near = dropped_row(0.05, 50.0), dropped_row(0.29, 150.0)
    drawn = np.asarray(draw_record(grey(), a_record(), dropped=[far, *[near] * DASHED]))
    assert (drawn[50, 400:500] == 128).all()
    assert {tuple(pixel) for pixel in drawn[150, 400:500].tolist()} == {LIGHT, SHADE}


def test_a_label_wider_than_the_picture_is_shortened_before_its_score() -> None:
    long = _fitting("an umbrella that somebody left beside the door 0.87", 14, 200)
    assert re.fullmatch(r"an umbrella .*… 0\.87", long)
    assert font_for(long, 14).getlength(long) <= 200
    assert _fitting("cat 0.87", 14, 200) == "cat 0.87"
