"""When a call has had its time: at once where a time was named, else only if its process does not work. No Ray here."""

import time

import pytest

from engine.runtime.call import Call
from engine.runtime.ray_actors import ANSWER_S, Actor


class Told:
    """A method of an actor's handle; what it returns stands for the answer on its way."""

    def __init__(self, name: str) -> None:
        self.name, self.times = name, 0

    def remote(self, *given: object) -> str:
        del given
        self.times += 1
        return f"{self.name} {self.times}"


class Handle:
    """What Ray gives for an actor."""

    def __init__(self) -> None:
        self.run, self.worked = Told("run"), Told("worked")


def busy(timeout_s: float, longest_s: float) -> Actor:
    """An actor that was sent a call at 0."""
    actor = Actor(Handle(), "a", None, None, "ready")
    actor.send(Call(0, "a", "a", "000000", (0,), b"", {}, timeout_s, longest_s=longest_s))
    actor.since = actor.checked = 0.0
    return actor


def test_a_time_that_was_named_is_all_there_is() -> None:
    actor = busy(20, 20)
    assert not actor.overdue(19, lambda _: 20.0)
    assert actor.overdue(20, lambda _: 20.0)
    assert actor.limit_s(20) == 20
    assert actor.handle.worked.times == 0


@pytest.mark.parametrize(("cpu_s", "is_over"), [(0.0, True), (0.2, True), (5.0, False), (299.0, False)])
def test_a_process_is_asked_whether_it_works(cpu_s: float, is_over: bool) -> None:
    actor = busy(300, 3600)
    answers: dict[str, float] = {}

    def answer(question: str) -> float | None:
        return answers.get(question)

    assert not actor.overdue(299, answer)
    assert not actor.overdue(300, answer), "asked first"
    assert actor.left_s(300) == pytest.approx(ANSWER_S)
    assert not actor.overdue(305, answer)
    answers["worked 1"] = cpu_s
    assert actor.overdue(310, answer) == is_over
    assert actor.limit_s(310) == 300
    if not is_over:
        assert actor.left_s(310) == pytest.approx(300)


def test_a_process_that_does_not_answer_does_not_work() -> None:
    actor = busy(300, 3600)
    assert not actor.overdue(300, lambda _: None)
    assert not actor.overdue(359, lambda _: None)
    assert actor.overdue(360, lambda _: None)


def test_after_the_longest_time_nobody_is_asked_any_more() -> None:
    actor = busy(300, 3600)
    now = 0.0
    while now < 3600:
        assert not actor.overdue(now, lambda _: 300.0)
        now += 10
    assert actor.overdue(now, lambda _: 300.0)
    assert actor.limit_s(now) == 3600


def test_the_next_call_has_all_its_time_and_a_pause_of_the_driver_counts_for_nobody() -> None:
    actor = busy(300, 3600)
    assert not actor.overdue(300, lambda _: None)
    actor.took()
    actor.send(Call(1, "a", "a", "000000", (1,), b"", {}, 300, longest_s=3600))
    now = time.monotonic()
    actor.forgive(1000)
    assert actor.asked is None
    assert actor.left_s(now) == pytest.approx(1300, abs=60)
