"""Images per call: all of a batch unless an image is so slow that a batch would be late."""

import pytest

from engine.runtime.pace import Pace
from stages.annotate.resources import Resources


@pytest.mark.parametrize(("seconds", "size"), [(0.1, 16), (4.6, 16), (4.8, 2), (10.0, 1), (1000.0, 1), (0.0, 16)])
def test_a_full_batch_takes_a_quarter_of_its_time_or_a_call_takes_seconds(seconds: float, size: int) -> None:
    pace = Pace(Resources(batch_size=16, timeout_s=300))
    pace.rehearsed(seconds)
    assert pace.size == size


def test_nothing_is_known_before_the_first_image() -> None:
    assert not Pace(Resources(batch_size=16)).measured


def test_what_calls_took_corrects_the_first_image() -> None:
    pace = Pace(Resources(batch_size=16, timeout_s=300))
    pace.rehearsed(60.0)  # with all that is set up once
    assert pace.size == 1
    pace.took(1, 5.0)
    assert pace.size == 2
    pace.took(2, 4.0)
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
    assert not Pace(Resources(batch_size=1)).measured


def test_a_call_that_had_no_more_time_says_how_slow_the_model_is_at_least() -> None:
    pace = Pace(Resources(batch_size=16, timeout_s=300))
    pace.rehearsed(0.5)
    pace.took(16, 300.0)
    assert pace.size == 1


def test_the_first_answer_counts_where_its_batch_would_be_cut_anyway() -> None:
    fast, slow, single = (Pace(Resources(batch_size=size)) for size in (16, 16, 1))
    for pace, seconds in ((fast, 0.1), (slow, 60.0), (single, 0.1)):
        pace.rehearsed(seconds)
    assert (fast.keeps_first, slow.keeps_first, single.keeps_first) == (False, True, True)


def test_a_time_that_is_named_is_obeyed_and_without_one_a_process_at_work_has_an_hour() -> None:
    named, free = Pace(Resources(timeout_s=20)), Pace(Resources())
    assert (named.timeout_s, named.longest_s) == (20, 20)
    assert (free.timeout_s, free.longest_s) == (300, 3600)
