"""A process that writes whole shards of images, and that may be killed at any time.

    python -m stages.ingest.shard_worker    frames on stdin, frames on stdout (stages/ingest/frames.py)

It fetches, checks, hashes and writes, so that its parent has next to nothing to do per image and no byte of an image
goes through a pipe. It never decides that an image is to blame: one that takes too long, a crash, a full disk end the
process, and the parent sees to that shard itself, image by image (stages/ingest/workers.py).
"""

import os
import pickle
import select
import signal
import sys
import threading
import traceback
from contextlib import suppress
from types import TracebackType
from typing import IO

from stages.ingest.fetch import Fetcher
from stages.ingest.frames import Alive, Message, Ready, Setup, ShardJob, pack, read_frame
from stages.ingest.settings import IngestSettings
from stages.ingest.shard import write_shard
from stages.ingest.threads import ThreadExaminer

_TOO_SLOW, _FAILED = 71, 70
BEAT_S = 1.0


class _Outbox:
    """Frames from two threads, one after the other."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._lock = threading.Lock()

    def send(self, message: Message) -> None:
        with self._lock:
            self._file.write(b"".join(pack(message)))
            self._file.flush()


def serve(jobs: IO[bytes], results: IO[bytes]) -> None:
    """Work until `jobs` ends."""
    first = read_frame(jobs)
    if first is None or not isinstance(first[0], Setup):
        return
    setup = first[0]
    settings, store, outbox = setup.parsed(), pickle.loads(setup.store), _Outbox(results)
    examiner = ThreadExaminer(settings, Fetcher(settings.fetch, setup.sources), setup.threads)
    threading.Thread(target=_watch, args=(jobs.fileno(), outbox, examiner, settings), daemon=True).start()
    outbox.send(Ready())
    while (frame := read_frame(jobs)) is not None:
        if isinstance(frame[0], ShardJob):
            outbox.send(write_shard(store, frame[0], settings, examiner))


def _watch(jobs: int, outbox: _Outbox, examiner: ThreadExaminer, settings: IngestSettings) -> None:
    """Say that all is well, as long as it is. End with the parent, in the middle of a shard too: somebody else may
    have the corpus by now."""
    parent = select.poll()
    parent.register(jobs, 0)  # of a closed pipe it tells without being asked
    beat_ms = int(1000 * min(BEAT_S, settings.deadline_s / 4))
    while not parent.poll(beat_ms):
        if examiner.overdue():
            sys.stderr.write("an image takes longer than ingest.deadline_s\n")
            sys.stderr.flush()
            os._exit(_TOO_SLOW)
        try:
            outbox.send(Alive())
        except BrokenPipeError:
            break
    os._exit(0)


def _end(kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
    """Anything else ends the process, without waiting for an image that hangs. The parent writes the shard itself then,
    and meets the same fault, or none."""
    traceback.print_exception(kind, error, where)
    sys.stderr.flush()
    os._exit(_FAILED)


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the parent too, which then ends this process
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # the file that is being written is removed on the way out
    sys.excepthook = _end
    results = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not end up between frames
    with suppress(SystemExit):
        serve(sys.stdin.buffer, results)
    os._exit(0)  # without waiting for an image that hangs


if __name__ == "__main__":
    main()
