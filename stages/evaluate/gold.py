"""Gold files in, gold records out: our own records, or a COCO instances file.

gold.jsonl        one record per line, as `fld scenes` writes it
instances.json    COCO: boxes, masks, captions (`stages.ingest.coco`); file names become keys as at ingest

A gold region with a score of 0 is a don't-care area, as COCO's crowds are; so is a text region that reads "###", as in
ICDAR's gold. Several texts of one granularity are all references.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import msgspec

from shards.finding import Caption, Detection
from shards.images import ImageRow
from shards.record import Candidate, Record, Region, Source, Text, read_record_lines
from stages.held_out import is_held_out
from stages.ingest.coco import category_names, read_coco
from stages.ingest.entry import Entry, SourceError
from stages.ingest.frame import place_given
from stages.ingest.keys import own_key
from stages.ingest.left_out import LeftOut
from stages.ingest.settings import IngestSettings

SHOWN = 3
"""Keys in an error."""
SOURCE = Source("gold", "gold", 0, None, "gold")


@dataclass(frozen=True)
class Gold:
    """The gold of the images of a corpus. read: images in the file; elsewhere: those that the corpus has not;
    unlabelled: images of the corpus that the file has not; left_out: those that a held-out share does not choose."""

    records: list[Record]
    read: int
    elsewhere: int
    unlabelled: int
    left_out: int


def gold_of(path: str, images: Iterable[ImageRow], settings: IngestSettings, held_out: float | None) -> Gold:
    """The gold for `images`, in their order; of the others, however many, none is kept in memory. Raises SourceError
    for a file that is neither, that names none of the images, or of whose images none is held out; RecordError for a
    line that is no record."""
    named = _read(path, settings)
    known: list[ImageRow] = []
    first: list[str] = []
    count = 0
    for row in images:
        count += 1
        if row.key in named:
            known.append(row)
        elif len(first) < SHOWN:
            first.append(row.key)
    if not named:
        raise SourceError(f"gold {path}: there is nothing in it: give a gold.jsonl or a COCO instances json")
    if not known:
        raise SourceError(
            f"gold {path}: none of its {len(named):,} images is in the corpus: it has keys like"
            f" {_some(named)}, the corpus has {_some(first)}"
        )
    chosen = [row for row in known if held_out is None or is_held_out(row.sha256, held_out)]
    if not chosen:
        raise SourceError(
            f"gold {path}: none of its {len(known):,} images in the corpus is held out: a share of {held_out} chooses"
            " by the hash of each image; take a larger share or more images"
        )
    truth = {row.key: said if isinstance(said := named[row.key], Record) else _record(path, said, row) for row in known}
    unlabelled, left_out = count - len(known), len(known) - len(chosen)
    return Gold([truth[row.key] for row in chosen], len(named), len(named) - len(known), unlabelled, left_out)


def labels_looked_for(path: str) -> list[str] | None:
    """The labels that people looked for when they made this gold, where the file says so (a COCO's categories); None:
    it does not. Raises SourceError as `gold_of`."""
    return (category_names(path, Path(path).read_bytes()) or None) if path.endswith(".json") else None


def _read(path: str, settings: IngestSettings) -> Mapping[str, Record | Entry]:
    """What the file says, by key."""
    if not Path(path).is_file():
        raise SourceError(f"gold {path} is no file: give a gold.jsonl or a COCO instances json")
    if path.endswith(".json"):
        return _from_coco(path, settings)
    return {record.key: record for record in read_record_lines(path)}


def _from_coco(path: str, settings: IngestSettings) -> dict[str, Entry]:
    """Keys come from file names by the corpus's own rule; a list's own key is none that COCO could know."""
    rule = "path" if settings.key == "column" else settings.key
    naming = settings.model_copy(update={"key": rule})
    left_out = LeftOut()
    entries = list(read_coco(path, Path(path).read_bytes(), str(Path(path).parent), left_out, crowds=True))
    if left_out.unreadable:  # truth with holes would count what models find there as wrong
        raise SourceError(f"gold {path}: {'; '.join(left_out.lines())}")
    return {own_key(entry, naming): entry for entry in entries}


def _record(path: str, entry: Entry, row: ImageRow) -> Record:
    """In the frame of the corpus. A file that gives another size than the picture's would put boxes elsewhere."""
    size_wh = (row.width, row.height)
    if entry.given_wh not in (None, size_wh):
        raise SourceError(
            f"gold {path}: {entry.name} must be {size_wh[0]}x{size_wh[1]}, the size of the oriented image in the"
            f" corpus, got {entry.given_wh}: its boxes are of another picture"
        )
    findings, _ = place_given(entry.given, size_wh, False, size_wh, 1, "auto")
    texts = [
        Text(f"t{i}", "brief", caption.text, SOURCE)
        for i, caption in enumerate(caption for caption in findings if isinstance(caption, Caption))
    ]
    regions = [
        _region(f"r{i}", detection)
        for i, detection in enumerate(detection for detection in findings if isinstance(detection, Detection))
    ]
    return Record(row.key, entry.uri, row.sha256, *size_wh, 0, texts, regions)


def _region(id: str, finding: Detection) -> Region:
    candidate = Candidate("phrase", finding.text, None, SOURCE)
    score = 1.0 if finding.score is None else finding.score  # 0: a don't-care area (`match.is_counted`)
    return msgspec.structs.replace(
        Region(id, "object", finding.box, score, [candidate], 0, []), polygons=finding.polygons
    )


def _some(keys: Iterable[str]) -> str:
    return ", ".join(map(repr, islice(keys, SHOWN))) or "none"
