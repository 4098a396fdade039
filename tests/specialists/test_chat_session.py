"""The pause that a server asks for."""

import email.utils
import time

import pytest

from specialists.chat_session import retry_after


@pytest.mark.parametrize(
    ("value", "pause"),
    [("3", 3.0), ("1.5", 1.5), ("²", None), ("soon", None), ("-5", None), (None, None), ("9" * 30, 1e30)],
)
def test_a_pause_is_read_as_seconds(value: str | None, pause: float | None) -> None:
    assert retry_after(value) == pause


def test_a_pause_is_read_as_a_date() -> None:
    at = email.utils.formatdate(time.time() + 60, usegmt=True)
    pause = retry_after(at)
    assert pause is not None
    assert 50 < pause <= 60
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0
