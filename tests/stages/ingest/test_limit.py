"""What takes too long is given up, what fails says why."""

import threading

import pytest

from stages.ingest.entry import SourceError
from stages.ingest.http import FetchError
from stages.ingest.limit import within


def test_a_task_that_hangs_is_given_up() -> None:
    never = threading.Event()

    def hang() -> bytes:
        never.wait(60)
        return b""

    with pytest.raises(FetchError, match=r"longer than 0\.05 s \(ingest\.fetch\.list_timeout_s\)"):
        within(0.05, hang)
    never.set()


def test_an_answer_and_a_failure_come_as_they_are() -> None:
    assert within(5, lambda: b"list") == b"list"

    def fail() -> bytes:
        raise SourceError("no such bucket")

    with pytest.raises(SourceError, match="no such bucket"):
        within(5, fail)


def test_an_error_of_a_library_comes_at_once() -> None:
    def fail() -> bytes:
        raise LookupError("a store of its own kind")

    with pytest.raises(LookupError, match="a store of its own kind"):
        within(5, fail)
