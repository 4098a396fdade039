"""What one annotator said about one image, before any filter.

Comes in: the output of a specialist, turned into `Finding`s by its stage. Goes out: rows of a raw column
(`shards/raw.py`). A finding is never changed and never dropped here; filters decide later, from the stored score.

One image, seen by a detector named `detector` and a captioner named `crops` that captions each of its boxes:

    detector/0  kind=object  text="dog"          score=0.91  box=(12.0, 30.5, 200.0, 180.25)
    detector/1  kind=object  text="ball"         score=0.33  box=(210.0, 150.0, 240.0, 181.0)
    crops/0     kind=text    text="a brown dog"  score=0.80  about="detector/0"  granularity="brief"

`detector/0` is the *reference* of a finding: annotator name, slash, position in that annotator's list for the image.
"""

from collections.abc import Iterable
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

COORDINATE_DECIMALS = 2
SCORE_DECIMALS = 4


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """One statement of one annotator. Which fields are set depends on `kind`:

    - `text`:   text, granularity; `about` names a box when the text describes a crop, else "" (the whole image)
    - `object`: box, text = label ("" for a class-less proposal); optional polygons
    - `ocr`:    quad, box = its bounds, text = what it reads
    - `phrase`: `about` = the text finding, span and text = the phrase, phrase_score; box and score = one place
                where it is. A phrase in several places is several findings with one span; nowhere: box is None.
    - `mask`:   `about` = the finding whose box it fills, polygons
    - `match`:  `about` = the box, slot and text = the candidate, score = similarity; or `about` = a text
                about the image, text and granularity = that text's, score = its likelihood

    score is in [0, 1] as the model gave it, None where the model gives none.
    """

    kind: Kind
    text: str = ""
    score: float | None = None
    about: str = ""
    granularity: Granularity | None = None
    box: Box | None = None
    quad: Quad | None = None
    polygons: Polygons | None = None
    span: Span | None = None
    phrase_score: float | None = None
    slot: Literal["phrase", "brief", "chunk", "ocr"] | None = None


def reference(annotator: str, index: int) -> str:
    """`reference("detector", 3)` is "detector/3"."""
    return f"{annotator}/{index}"


def rounded(finding: Finding) -> Finding:
    """The finding as it is stored: 0.01 px and 0.0001 score.

    Models give slightly different last bits when a batch is cut differently (after a crash, say). Rounding makes
    the stored column, and so the final shards, the same bytes either way.
    """
    return msgspec.structs.replace(
        finding,
        score=None if finding.score is None else round(float(finding.score), SCORE_DECIMALS),
        phrase_score=None if finding.phrase_score is None else round(float(finding.phrase_score), SCORE_DECIMALS),
        box=None if finding.box is None else cast(Box, tuple(_pixels(finding.box))),
        quad=None if finding.quad is None else cast(Quad, tuple(_pixels(finding.quad))),
        polygons=None if finding.polygons is None else [_pixels(ring) for ring in finding.polygons],
    )


def _pixels(values: Iterable[float]) -> list[float]:
    return [round(float(value), COORDINATE_DECIMALS) for value in values]
