"""How many calls run side by side, before and after it was seen."""

import pytest

from engine.runtime.column import pools
from engine.runtime.together import EXPECTED_S, Together, shares
from stages.annotate.resources import Resources
from tests.engine.fakes import column


def test_pools_that_fit_have_all_their_actors() -> None:
    found = shares(pools([column("a"), column("b", resources=Resources(max_actors=3))]), 4, 0)
    assert found == {"a": 1.0, "b": 3.0}


def test_pools_that_do_not_fit_take_turns() -> None:
    found = shares(pools([column(name) for name in "abcdefg"]), 2, 0)
    assert found == pytest.approx(dict.fromkeys("abcdefg", 2 / 7))
    assert sum(found.values()) == pytest.approx(2)


def test_gpus_limit_those_that_need_them_and_what_needs_nothing_has_all() -> None:
    columns = [
        column("large", resources=Resources(num_gpus=1, max_actors=4)),
        column("words", resources=Resources(max_actors=2)),
        column("endpoint", resources=Resources(num_cpus=0, max_actors=8)),
    ]
    assert shares(pools(columns), 64, 2) == {"large": 2.0, "words": 2.0, "endpoint": 8.0}
    assert shares(pools(columns), 3, 2) == {"large": 2.0, "words": 1.0, "endpoint": 8.0}


def test_what_is_seen_takes_the_place_of_what_is_expected() -> None:
    together = Together()
    assert together.at_once({"a": 1.0, "b": 2.0}) == 3.0
    assert together.at_once({"a": 0.2}) == 1.0
    together.worked(9 * EXPECTED_S)
    together.booked(9 * EXPECTED_S)
    assert together.at_once({"a": 11.0}) == 2.0
    together.rehearsed()
    assert together.at_once({"a": 11.0}) == 11.0
