"""A process that works for ingest, as its parent sees it: frames in, frames out, and how it ended.

Whatever it does wrong, it costs the parent this process and nothing else; it ends when the parent does.
"""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import IO

from stages.ingest.frames import Inbox, Message, Setup, pack

_READ = 1 << 20


class WorkerProcess:
    """Starts `command` and sends it `setup`. Its stderr is kept for `end`."""

    def __init__(self, command: Sequence[str], setup: Setup) -> None:
        self._inbox = Inbox()
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  closed in `end`
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(_paths()), "OMP_NUM_THREADS": "1"},
        )
        self.send(setup)

    @property
    def output(self) -> IO[bytes]:
        """What to wait for before `receive`."""
        assert self._process.stdout is not None
        return self._process.stdout

    def send(self, message: Message, data: bytes = b"") -> None:
        """To a process that has ended: nothing; `receive` finds out."""
        assert self._process.stdin is not None
        try:
            for piece in pack(message, data):
                self._process.stdin.write(piece)
            self._process.stdin.flush()
        except BrokenPipeError:
            return

    def receive(self) -> list[tuple[Message, bytes]] | None:
        """The frames that are complete; None when the process has ended. Blocks until there are bytes."""
        data = os.read(self.output.fileno(), _READ)
        return self._inbox.feed(data) if data else None

    def end(self, patience_s: float = 0.0) -> str:
        """End the process, if it still runs, and say how it ended. patience_s: time to clean up before it is killed."""
        if patience_s:
            self._process.terminate()
            try:
                self._process.wait(patience_s)
            except subprocess.TimeoutExpired:
                patience_s = 0.0
        self._process.kill()
        code = self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue  # what was still to be written has no reader any more
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        self._errors.close()
        return signal.Signals(-code).name if code < 0 else (lines or [f"exit code {code}"])[-1][:200]


def _paths() -> list[str]:
    """Where this process finds modules. cv2 puts the inside of its package there while another thread imports it, where
    a second process would find half of it."""
    return [path for path in sys.path if path and not os.path.exists(os.path.join(path, "__init__.py"))]
