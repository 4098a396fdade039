"""Images per call: all of a batch unless an image is so slow that a batch would be late."""

import pytest

from engine.runtime.pace import Pace
from stages.annotate.resources import Resources


@pytest.mark.parametrize(("seconds", "size"), [(0.1, 16), (4.6, 16), (10.0, 7), (100.0, 1), (1000.0, 1), (0.0, 16)])
def test_a_call_takes_a_quarter_of_its_time_at_most(seconds: float, size: int) -> None:
    pace = Pace(Resources(batch_size=16, timeout_s=300))
    pace.rehearsed(seconds)
    assert pace.size == size


def test_nothing_is_known_before_the_first_image() -> None:
    assert not Pace(Resources(batch_size=16)).measured


def test_what_calls_took_corrects_the_first_image() -> None:
    pace = Pace(Resources(batch_size=16, timeout_s=300))
    pace.rehearsed(60.0)  # with all that is set up once
    assert pace.size == 1
    pace.took(1, 10.0)
    assert pace.size == 7
    pace.took(7, 6.0)
    assert pace.size == 16


def test_a_first_image_that_failed_says_nothing() -> None:
    pace = Pace(Resources(batch_size=16, timeout_s=300))
    pace.rehearsed(None)
    assert (pace.measured, pace.size) == (True, 16)


def test_a_lack_of_memory_is_for_good() -> None:
    pace = Pace(Resources(batch_size=16, timeout_s=300))
    pace.rehearsed(0.1)
    pace.limit(8)
    pace.limit(12)
    pace.took(8, 0.1)
    assert pace.size == 8


def test_a_paid_answer_is_not_asked_for_to_see_how_long_it_takes() -> None:
    assert Pace(Resources(), is_paid=True).measured
    assert Pace(Resources(batch_size=1)).measured
