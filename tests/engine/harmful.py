"""A detector of the user's own that does harm to its process at one picture, as long as a file says so."""

import ctypes
import os
import signal
import time
from pathlib import Path

from specialists.roles import Detections, Image
from tests.engine.fake_specialists import RectangleDetector

MOST_GB = 4
"""A hungry one takes no more than this: nobody else's process shall suffer."""
VICTIM = 5
"""`fake_specialists.save_pictures` writes a picture's number into its corner."""


class HarmfulDetector(RectangleDetector):
    """options: `harm`, a file whose text is hang, segfault, killed or hungry; without the file it does no harm."""

    def detect(self, images: list[Image]) -> list[Detections]:
        harm = Path(str(self.options["harm"]))
        if harm.exists() and any(int(image[0, 0, 0]) == VICTIM for image in images):
            _do(harm.read_text())
        return super().detect(images)


def _do(harm: str) -> None:
    match harm:
        case "hang":
            time.sleep(3600)
        case "segfault":
            ctypes.string_at(0)
        case "killed":  # as the kernel does with a process that takes too much memory
            os.kill(os.getpid(), signal.SIGKILL)
        case "hungry":  # until somebody ends it
            taken = list[bytes]()
            while len(taken) < MOST_GB * 16:
                taken.append(b"x" * (1 << 26))
                time.sleep(0.02)
        case _:
            raise ValueError(f"hang, segfault, killed or hungry, got {harm!r}")
