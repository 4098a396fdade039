"""A worker of ingest: a process that fetches and examines images, and that may be killed at any time.

    python -m stages.ingest.worker    frames on stdin, frames on stdout (stages/ingest/frames.py)

It starts without torch, writes nothing to disk, and ends when its stdin does. Several threads share it: fetching
waits, and decoding releases the GIL. An image that hangs or crashes it costs the parent this process and nothing else.
"""

import os
import queue
import signal
import sys
import threading
import traceback
from typing import IO

from stages.ingest.examine import examine
from stages.ingest.fetch import Fetcher
from stages.ingest.frames import Done, Examination, Fetched, Message, Ready, Setup, pack, read_frame

_CRASHED = 70


class _Outbox:
    """Frames from several threads, one after the other."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._lock = threading.Lock()

    def send(self, message: Message, data: bytes = b"") -> None:
        with self._lock:
            for piece in pack(message, data):
                self._file.write(piece)
            self._file.flush()


def serve(jobs: IO[bytes], results: IO[bytes]) -> None:
    """Work until `jobs` ends."""
    first = read_frame(jobs)
    if first is None or not isinstance(first[0], Setup):
        return
    setup, waiting = first[0], queue.SimpleQueue[tuple[Examination, bytes]]()
    settings, outbox = setup.parsed(), _Outbox(results)
    fetcher = Fetcher(settings.fetch, setup.sources)

    def work() -> None:
        while True:
            job, data = waiting.get()
            known = data if job.is_known else None
            done = examine(job.entry, settings, fetcher, known, lambda: outbox.send(Fetched(job.id)))  # noqa: B023
            outbox.send(Done(job.id, done.row, done.outside), done.data or b"")

    for _ in range(setup.threads):
        threading.Thread(target=work, daemon=True).start()
    outbox.send(Ready())
    while (frame := read_frame(jobs)) is not None:
        if isinstance(frame[0], Examination):
            waiting.put((frame[0], frame[1]))


def _end(error: threading.ExceptHookArgs) -> None:
    """A mistake of ours ends the process; the parent then finds out which image does it."""
    traceback.print_exception(error.exc_type, error.exc_value, error.exc_traceback)
    sys.stderr.flush()
    os._exit(_CRASHED)


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the parent too, which then closes our stdin
    threading.excepthook = _end
    with os.fdopen(os.dup(1), "wb") as results:
        os.dup2(2, 1)  # what a library prints must not end up between frames
        serve(sys.stdin.buffer, results)
        os._exit(0)  # without waiting for an image that hangs


if __name__ == "__main__":
    main()
