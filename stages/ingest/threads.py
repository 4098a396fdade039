"""Images to examine, over threads of this process: in order, and with an eye on those that take too long.

Nothing here can stop an image that hangs. `overdue` says that there is one; then somebody has to end the process
(stages/ingest/shard_worker.py does).
"""

import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from stages.ingest.examine import Examined, examine
from stages.ingest.fetch import Fetcher
from stages.ingest.settings import IngestSettings
from stages.ingest.workers import ImageSource, fetch_limit_s


class ThreadExaminer:
    """`threads` images are examined at a time, and at most twice as many are in memory. An `ImageExaminer`."""

    def __init__(self, settings: IngestSettings, fetcher: Fetcher, threads: int) -> None:
        self._settings = settings
        self._fetcher = fetcher
        self._ahead = 2 * threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="examine")
        self._due: dict[int, float] = {}

    def examine_all(self, images: Iterator[ImageSource]) -> Iterator[Examined]:
        """One outcome per image, same order."""
        waiting: deque[Future[Examined]] = deque()
        for number, image in enumerate(images):
            waiting.append(self._pool.submit(self._examine, number, image))
            if len(waiting) == self._ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def overdue(self) -> bool:
        """Whether an image has been fetched or checked for longer than the settings allow."""
        now = time.monotonic()
        return any(now > due for due in list(self._due.values()))

    def close(self) -> None:
        """Does not wait for an image that hangs."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _examine(self, number: int, image: ImageSource) -> Examined:
        def fetched() -> None:
            self._due[number] = time.monotonic() + self._settings.deadline_s

        self._due[number] = time.monotonic() + fetch_limit_s(self._settings.fetch)
        try:
            return examine(image.entry, self._settings, self._fetcher, image.known, fetched)
        finally:
            del self._due[number]
