"""SIGTERM and SIGHUP end a command as Ctrl-C does: actors are stopped, the lock is released, what was finished stays.

Clusters send SIGTERM before they kill, a terminal that closes sends SIGHUP. `nohup` ignores SIGHUP, and then so do we.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ENDING = (signal.SIGTERM, signal.SIGHUP)


class EndedBySignal(KeyboardInterrupt):
    """Unwinds as Ctrl-C does. signal: which one it was; the exit code is 128 and its number."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.signal = signal.Signals(number)


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """While in here, the signals raise EndedBySignal in the main thread. In another thread nothing changes.

    Ray's waiting, interrupted by whatever a handler raises, raises a plain KeyboardInterrupt instead."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []

    def end(number: int, frame: FrameType | None) -> None:
        del frame
        received.append(number)
        raise EndedBySignal(number)

    before = {number: signal.getsignal(number) for number in ENDING}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, end)
    try:
        yield
    except KeyboardInterrupt:
        if received:
            raise EndedBySignal(received[0]) from None
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def kept_handlers() -> Iterator[None]:
    """Puts back what a library installed for itself in here: Ray takes SIGTERM for its own exit."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, *ENDING)}
    try:
        yield
    except SystemExit as ended:
        if ended.code == signal.SIGTERM:  # Ray's handler, in force while Ray starts, exits with the signal's number
            raise EndedBySignal(signal.SIGTERM) from None
        raise
    finally:
        for number, handler in before.items():
            if handler is not None:
                signal.signal(number, handler)
