"""What one annotator said about one image, before any filter.

Comes in: the output of a specialist, turned into findings by its stage. Goes out: rows of a raw column
(`shards/raw.py`). A finding is never changed and never dropped here; filters decide later, from the stored score.

One image, seen by a detector named `detector` and a captioner named `crops` that captions each of its boxes:

    detector/0  Detection("dog", 0.91, box=(12.0, 30.5, 200.0, 180.25))
    detector/1  Detection("ball", 0.33, box=(210.0, 150.0, 240.0, 181.0))
    crops/0     Caption("a brown dog", 0.80, "detector/0", "brief")

`detector/0` is the *reference* of a finding: annotator name, slash, position in that annotator's list for the image.

In JSON, and in the parquet column of `shards/table.py`, a finding says its kind:

    {"kind": "object", "text": "dog", "score": 0.91, "box": [12.0, 30.5, 200.0, 180.25]}
"""

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Literal, cast

import msgspec

Box = tuple[float, float, float, float]
"""x0, y0, x1, y1 in pixels of the oriented image, origin top left."""
Quad = tuple[float, float, float, float, float, float, float, float]
"""x y of four corners in pixels, clockwise from the top left corner of the text as it is read."""
Ring = list[float]
"""x y x y ... of one closed contour in pixels; outer rings clockwise on screen (y down), holes counter-clockwise."""
Polygons = list[Ring]
Span = tuple[int, int]
"""start, end (exclusive) character offsets into the text that `about` names."""
Granularity = Literal["brief", "detailed", "more_detailed"]
Kind = Literal["text", "object", "ocr", "phrase", "mask", "match"]

GIVEN = "given"
"""The reserved annotator name of what came with an image (`ImageRow.given`): no raw column, always ready."""
REVIEWER = "reviewer"
"""The reserved annotator name of people's corrections (`shards/reviews.py`)."""
COORDINATE_DECIMALS = 2
SCORE_DECIMALS = 4


class _Scored(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind"):
    """text: what was said. score: in [0, 1] as the model gave it, None where the model gives none."""

    text: str = ""
    score: float | None = None


class Caption(_Scored, frozen=True, tag="text"):
    """A text. about: the box whose picture it describes, "" for the whole image."""

    about: str = ""
    granularity: Granularity | None = None


class Detection(_Scored, frozen=True, tag="object", kw_only=True):
    """A thing in its box, with its outline where the detector draws one. text: its label, "" for a class-less
    proposal."""

    box: Box
    polygons: Polygons | None = None


class OcrLine(_Scored, frozen=True, tag="ocr", kw_only=True):
    """A word or line in the picture. text: what it reads; box: the bounds of the quad."""

    box: Box
    quad: Quad | None = None


class PhraseGrounding(_Scored, frozen=True, tag="phrase", kw_only=True):
    """One place of a phrase. about: the caption that has it; span, text: the phrase in there; score: of the box,
    phrase_score: of the phrase. A phrase in several places is several groundings of one span; nowhere: box is None."""

    about: str
    box: Box | None = None
    span: Span
    phrase_score: float | None = None


class Mask(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag_field="kind", tag="mask"):
    """What fills a box. about: the finding whose box it is; no polygons: nothing was found in it."""

    score: float | None = None
    about: str
    polygons: Polygons


class Match(_Scored, frozen=True, tag="match", kw_only=True):
    """How well a text fits. about: a box, then slot and text are the candidate for it and score is the similarity of
    its picture; or a caption of the image, then text and granularity are the caption's and score is its likelihood."""

    about: str
    granularity: Granularity | None = None
    slot: Literal["phrase", "brief", "chunk", "ocr"] | None = None


Finding = Caption | Detection | OcrLine | PhraseGrounding | Mask | Match
"""One statement of one annotator."""
_IN_BOXES = (Detection, OcrLine)
_WITH_BOX = (Detection, OcrLine, PhraseGrounding)
_KINDS: Mapping[type[Finding], Kind] = {
    Caption: "text", Detection: "object", OcrLine: "ocr", PhraseGrounding: "phrase", Mask: "mask", Match: "match"
}  # fmt: skip


def kind_of(finding: Finding) -> Kind:
    """Its name on disk: "object" for a Detection."""
    return _KINDS[type(finding)]


def reference(annotator: str, index: int) -> str:
    """`reference("detector", 3)` is "detector/3"."""
    return f"{annotator}/{index}"


def text_of(finding: Finding) -> str:
    """Caption, label, word, phrase or candidate; "" for a mask, which has none."""
    return "" if isinstance(finding, Mask) else finding.text


def about_of(finding: Finding) -> str:
    """The reference of the finding that it is about, "" if it is about the image."""
    return "" if isinstance(finding, _IN_BOXES) else finding.about


def box_of(finding: Finding) -> Box | None:
    """Where it is, if it says so itself."""
    return finding.box if isinstance(finding, _WITH_BOX) else None


def scores_of(finding: Finding) -> list[float]:
    """Those that it has."""
    scores = (finding.score, finding.phrase_score) if isinstance(finding, PhraseGrounding) else (finding.score,)
    return [score for score in scores if score is not None]


def coordinates_of(finding: Finding) -> Iterable[float]:
    """Every number in pixels."""
    match finding:
        case Caption() | Match():
            return ()
        case Detection():
            return chain(finding.box, *(finding.polygons or ()))
        case OcrLine():
            return chain(finding.box, finding.quad or ())
        case PhraseGrounding():
            return finding.box or ()
        case Mask():
            return chain(*finding.polygons)


def rounded(finding: Finding) -> Finding:
    """The finding as it is stored: 0.01 px and 0.0001 score.

    Models give slightly different last bits when a batch is cut differently (after a crash, say). Rounding makes
    the stored column, and so the final shards, the same bytes either way.
    """
    score = _score(finding.score)
    match finding:
        case Detection():
            return Detection(finding.text, score, box=_box(finding.box), polygons=_polygons(finding.polygons))
        case OcrLine():
            quad = None if finding.quad is None else cast(Quad, tuple(_pixels(finding.quad)))
            return OcrLine(finding.text, score, box=_box(finding.box), quad=quad)
        case PhraseGrounding():
            box, phrase_score = finding.box and _box(finding.box), _score(finding.phrase_score)
            return msgspec.structs.replace(finding, score=score, box=box, phrase_score=phrase_score)
        case Mask():
            return Mask(score=score, about=finding.about, polygons=[_pixels(ring) for ring in finding.polygons])
        case Caption() | Match():
            return msgspec.structs.replace(finding, score=score)


def _score(value: float | None) -> float | None:
    return None if value is None else round(float(value), SCORE_DECIMALS)


def _box(box: Box) -> Box:
    return cast(Box, tuple(_pixels(box)))


def _polygons(polygons: Polygons | None) -> Polygons | None:
    return None if polygons is None else [_pixels(ring) for ring in polygons]


def _pixels(values: Iterable[float]) -> list[float]:
    return [round(float(value), COORDINATE_DECIMALS) for value in values]
