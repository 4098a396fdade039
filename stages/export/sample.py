"""What every format is given, image by image, and the contract of a format.

    for sample in samples(round_, where, held_out, place):    Sample(record, "val", "val/dog.jpg", ...)
        target.add(sample)
    target.close()

Boxes stay what they are in the record: x0 y0 x1 y1 in pixels of the oriented image, origin top left.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

from shards.record import Record, Region

Split = Literal["train", "val"]
"""val: held out, by the rule of the trainer (`stages/held_out.py`)."""


@dataclass(frozen=True, eq=False)
class Sample:
    """One kept image. file_name: its picture, below OUT/images where pictures are copied or linked, else its name in
    the round's tar. data: the original bytes. url: what a browser or a tool on this machine opens."""

    record: Record
    split: Split
    file_name: str
    url: str
    data: bytes

    @property
    def objects(self) -> list[Region]:
        """The regions that are things."""
        return [region for region in self.record.regions if region.kind == "object"]

    @property
    def words(self) -> list[Region]:
        """The regions that are written text."""
        return [region for region in self.record.regions if region.kind == "text"]


class ExportTarget(Protocol):
    """A format. Memory does not grow with the number of samples."""

    def add(self, sample: Sample) -> None:
        """Write one image and what is known about it."""
        ...

    def close(self) -> None:
        """Write what stands once per export. Not called where the export failed."""
        ...


def votes(region: Region) -> list[dict[str, object]]:
    """Who found the region: annotator, its own label and raw score (None where it gives none)."""
    return [{"annotator": vote.source.annotator, "label": vote.label, "score": vote.score} for vote in region.votes]


def votes_line(region: Region) -> str:
    """The votes in one line, for formats that hold texts only: "yolox: dog 0.91; human: dog"."""
    return "; ".join(
        f"{vote.source.annotator}: {vote.label}" + ("" if vote.score is None else f" {vote.score:.2f}")
        for vote in region.votes
    )
