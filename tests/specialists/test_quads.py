import pytest
from hypothesis import given
from hypothesis import strategies as st

from shards.geometry import signed_area
from specialists.quads import as_words

coordinate = st.floats(-500, 500)


def test_corners_outside_the_image_move_onto_its_border() -> None:
    words = as_words([[(-9, 2), (50, 2), (50, 40), (-9, 40)]], [0.5], ["a"], width=40, height=30)
    assert words.quads.tolist() == [[0, 2, 40, 2, 40, 30, 0, 30]]


def test_a_quad_that_runs_the_wrong_way_is_refused() -> None:
    with pytest.raises(ValueError, match=r"quads\[0\] must run clockwise"):
        as_words([[(0, 0), (0, 9), (9, 9), (9, 0)]], [0.5], ["a"], 10, 10)


def test_no_quads_are_an_empty_array() -> None:
    assert as_words([], [], [], 10, 10).quads.shape == (0, 8)


@given(x=coordinate, y=coordinate, width=st.floats(1, 100), height=st.floats(1, 100))
def test_the_area_of_a_clockwise_box_is_positive(x: float, y: float, width: float, height: float) -> None:
    box = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
    assert signed_area(box) == pytest.approx(width * height, rel=1e-6)
    assert signed_area(box[::-1]) == pytest.approx(-width * height, rel=1e-6)
