"""The FLD record: everything the engine keeps about one image, as `key.json` in a round's shards.

Comes in: the fused and filtered findings of a round (`stages/`). Goes out: JSON bytes (`encode`), read back with
validation (`decode`). Every coordinate is absolute pixels, float, of the *oriented* image: the stored file after its
EXIF orientation is applied. Boxes are x0 y0 x1 y1, origin top left; quads 8 numbers clockwise from the top left of
the text; polygons lists of rings, outer rings clockwise. One record (shortened):

    {"version": 1, "key": "dog", "uri": "photos/dog.jpg", "width": 640, "height": 480, "round": 0, ...
     "texts": [{"id": "t0", "granularity": "brief", "text": "a dog with a ball", "source": {...}}],
     "regions": [{"id": "r0", "kind": "object", "box": [12.0, 30.5, 200.0, 180.25], "score": 0.91, "selected": 1,
                  "candidates": [{"kind": "phrase", "text": "dog", ...}, {"kind": "brief", "text": "a brown dog", ...}],
                  "votes": [{"box": [...], "label": "dog", "score": 0.91, "weight": 1.0, "source": {...}}]}],
     "groundings": [{"text_id": "t0", "span": [0, 5], "phrase": "a dog", "score": 0.8,
                     "boxes": [{"box": [...], "score": 0.77, "region_id": "r0", "source": {...}}]}]}

The three annotation types are those of FLD-5B (Florence-2, section 4): text, region-text, text-phrase-region.
"""

from pathlib import Path
from typing import Any, Literal

import msgspec

from shards.errors import InputError
from shards.finding import Box, Granularity, Polygons, Quad, Span

AnnotationType = Literal["image", "text", "region", "ocr", "phrase"]
"""What filters of the user's own judge, and people correct. region: of an object, ocr: of text."""
VERSION = 1


class RecordError(InputError):
    """A record that cannot be read: malformed, or of another version."""


class Source(msgspec.Struct, frozen=True):
    """Who said it: the annotator's name in the config, the fingerprint of its raw column, the round in which it
    entered the corpus, its raw score (None where the model gives none) and its reference in the raw column."""

    annotator: str
    fingerprint: str
    round: int
    score: float | None
    ref: str


class Text(msgspec.Struct, frozen=True):
    """A text about the whole image. merge: the policy (`fuse.merge`) under which it was kept beside the labels of the
    loop's own model, "" in a round without it; likewise below."""

    id: str
    granularity: Granularity
    text: str
    source: Source
    merge: str = ""


class Candidate(msgspec.Struct, frozen=True):
    """One possible text of a region and its image-text similarity (None where no matcher ran)."""

    kind: Literal["phrase", "brief", "chunk", "ocr"]
    text: str
    similarity: float | None
    source: Source


class Vote(msgspec.Struct, frozen=True):
    """One annotator's own box that was fused into a region. weight: its share in the fused box, in [0, 1]."""

    box: Box
    label: str
    score: float | None
    weight: float
    source: Source


class Region(msgspec.Struct, frozen=True):
    """A region and its text. `selected` is an index into `candidates`; `score` in [0, 1] is the fused confidence."""

    id: str
    kind: Literal["object", "text"]
    box: Box
    score: float
    candidates: list[Candidate]
    selected: int
    votes: list[Vote]
    quad: Quad | None = None
    polygons: Polygons | None = None
    merge: str = ""

    @property
    def text(self) -> str:
        """The selected text."""
        return self.candidates[self.selected].text


class GroundedBox(msgspec.Struct, frozen=True):
    """One place where a phrase was found; region_id names the region it coincides with, if any."""

    box: Box
    score: float | None
    source: Source
    region_id: str | None = None
    polygons: Polygons | None = None


class Grounding(msgspec.Struct, frozen=True):
    """A noun phrase of a text, tied to boxes. text[span[0]:span[1]] == phrase; score: the phrase's own, in [0, 1]."""

    text_id: str
    span: Span
    phrase: str
    score: float | None
    boxes: list[GroundedBox]
    merge: str = ""


class Missing(msgspec.Struct, frozen=True):
    """An annotator that said nothing about the image because it failed, or because one that it needs failed: what it
    would have found there is not known. round: in which it entered the corpus, as in a `Source`."""

    annotator: str
    fingerprint: str
    round: int
    role: str
    reason: str


class Record(msgspec.Struct, frozen=True):
    """All that a round kept about one image. missing: UNSET of an image about which every annotator spoke."""

    key: str
    uri: str
    sha256: str
    width: int
    height: int
    round: int
    texts: list[Text] = []
    regions: list[Region] = []
    groundings: list[Grounding] = []
    version: int = VERSION
    missing: list[Missing] | msgspec.UnsetType = msgspec.UNSET


class _Header(msgspec.Struct):
    version: int | None = None


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Record)
_header = msgspec.json.Decoder(_Header)


def encode(record: Record) -> bytes:
    """UTF-8 JSON, fields in the order of the class, no spaces: equal records give equal bytes."""
    return _encoder.encode(record)


def decode(data: bytes) -> Record:
    """The record in `data`. Raises RecordError naming the field that is wrong, or the version that is not read."""
    try:
        found = _header.decode(data).version
        if found is None:
            raise RecordError("not an FLD record: it has no version; docs/record.schema.json says what a record has")
        if found != VERSION:
            raise RecordError(
                f"record version must be {VERSION}, got {found}: write the round again with `fld filter`"
                " of this release, or read it with the release that wrote it"
            )
        return _decoder.decode(data)
    except msgspec.DecodeError as error:
        raise RecordError(f"not an FLD record: {error}") from error


def json_schema() -> dict[str, Any]:
    """The record as JSON schema (draft 2020-12); `docs/record.schema.json` holds a copy."""
    return msgspec.json.schema(Record)


def read_record_lines(path: Path | str) -> list[Record]:
    """The records of a file with one per line, such as a gold.jsonl. Raises RecordError for a line that is none."""
    records = []
    for number, line in enumerate(Path(path).read_bytes().splitlines(), 1):
        if line.strip():
            try:
                records.append(decode(line))
            except RecordError as error:
                raise RecordError(f"{path}, line {number}: {error}") from error
    return records
