"""What the functions of `engine` return, and how the long ones tell of each part as it is finished.

report = engine.run(["photos/"], "corpus")
report.kept, report.dropped, report.failed                 images of round 0
report.filter.tally["region", "region.score"]              boxes dropped for their score
engine.run(["photos/"], "corpus", tell=print)              every part's report when it is there
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.runtime.annotate import AnnotateReport
    from engine.runtime.refilter import Tally
    from shards.commit import ImageCounts
    from stages.ingest.report import IngestReport

Location = str | Path
"""A folder or file; as text also an fsspec URL."""
Changes = Mapping[str, object] | Sequence[str]
"""Single settings: {"filters.region.min_score": 0.4}, or as on the command line, ["filters.region.min_score=0.4"]."""
Tell = Callable[[object], None]
"""Called with the report of each part as soon as it is finished."""


def untold(part: object) -> None:
    """Nobody listens."""
    del part


@dataclass(frozen=True)
class FilterReport:
    """A round fused and filtered. before, tally: (type of annotation, "kept" or the rule that dropped it) -> how many,
    in the round as it was (nothing for a new one) and as it is. dry_run: as it would be. chosen: the settings of
    fusion and filters that are not the profile's, as a sentence; "" for none. scores: what they are, likewise."""

    round: int
    images: "ImageCounts"
    before: "Tally"
    tally: "Tally"
    written: int = 0
    unchanged: int = 0
    dry_run: bool = False
    chosen: str = ""
    scores: str = ""

    @property
    def kept(self) -> int:
        """Images with a record."""
        return self.images.kept

    @property
    def incomplete(self) -> int:
        """Of the kept images those on which an annotator failed; their records say which."""
        return self.tally["missing", "image.incomplete"]

    @property
    def incomplete_before(self) -> int:
        """The same in the round as it was."""
        return self.before["missing", "image.incomplete"]


@dataclass(frozen=True)
class RunReport:
    """A round from a list of images to its shards: read == kept + dropped + failed."""

    ingest: "IngestReport"
    annotate: "AnnotateReport"
    filter: FilterReport

    @property
    def read(self) -> int:
        """Images of the list."""
        return self.filter.images.read

    @property
    def kept(self) -> int:
        """Images with a record."""
        return self.filter.images.kept

    @property
    def dropped(self) -> int:
        """Images that a rule left out: duplicates, or empty ones where the settings say so."""
        return self.filter.images.dropped

    @property
    def failed(self) -> int:
        """Images that could not be read or annotated; `fld status` says why."""
        return self.filter.images.failed


@dataclass(frozen=True)
class ExportReport:
    """A file that was written and what is in it."""

    path: str
    images: int
    objects: int
    categories: int
