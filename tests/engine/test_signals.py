"""A signal ends a command in the same way, whoever listens to it."""

import os
import signal
import sys

import pytest

from engine.signals import EndedBySignal, ended_by_signals, kept_handlers


def test_the_handler_of_a_library_ends_as_ours_does() -> None:
    """While Ray starts, SIGTERM is Ray's: it exits with the number of the signal, which is no exit code of ours."""
    with ended_by_signals(), pytest.raises(EndedBySignal) as ended, kept_handlers():
        signal.signal(signal.SIGTERM, lambda number, _: sys.exit(number))
        os.kill(os.getpid(), signal.SIGTERM)
    assert ended.value.signal is signal.SIGTERM


def test_another_exit_is_left_as_it_is() -> None:
    with pytest.raises(SystemExit) as ended, kept_handlers():
        sys.exit(3)
    assert ended.value.code == 3
