"""An examiner without processes, which take half a second to start: for tests of what is around it."""

from collections.abc import Iterator

from stages.ingest.examine import Examined, examine
from stages.ingest.fetch import Fetcher
from stages.ingest.settings import IngestSettings
from stages.ingest.workers import ImageSource


class Inline:
    """Examines one image after the other, here."""

    def __init__(self, settings: IngestSettings, fetcher: Fetcher) -> None:
        self._settings = settings
        self._fetcher = fetcher

    def examine_all(self, images: Iterator[ImageSource]) -> Iterator[Examined]:
        for wanted in images:
            yield examine(wanted.entry, self._settings, self._fetcher, wanted.known)

    def close(self) -> None:
        """Nothing to close."""
