"""What a model said of images that others know: each score, and whether what it belongs to is right.

Comes in: raw findings of one model, those of all others, and the records they are compared with. Goes out: per kind the
scores, whether they were right, and whether anybody else saw the like (support.py).

    object   right: an object of the same label lies there (IoU 0.5); a box without label only claims a place
    phrase   right: an object that the phrase names lies there
    ocr      right: a text region that reads the same lies there

A second box on the same object is right, too: that it is one too many is for the filters (NMS) to see. But a box that
joins nobody else's *adds* something only if no strong box of others lies on that object already.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from filters.nouns import names
from shards.finding import Box, Detection, Finding, OcrLine, PhraseGrounding, kind_of
from shards.folding import normalised, plain
from shards.geometry import iou_matrix
from shards.record import Record, Region
from stages.calibrate.support import SUPPORTS, Support, strong_boxes, supports
from stages.evaluate.match import MATCH_IOU, compared_label

KINDS = ("object", "phrase", "ocr")
"""Of findings whose score belongs to a box."""
_Boxed = Detection | OcrLine | PhraseGrounding
_Row = tuple[float, bool, bool, int, int]


class ScoredPairs(NamedTuple):
    """scores, right, adds: [n]; support: [n], places in SUPPORTS; folds: [n], 0 or 1, by the hash of the image, so that
    no image is in both."""

    scores: NDArray[np.float64]
    right: NDArray[np.bool_]
    adds: NDArray[np.bool_]
    support: NDArray[np.intp]
    folds: NDArray[np.intp]

    def of(self, support: Support) -> "ScoredPairs":
        """Those with this support. Of boxes that others have, too, `right` says what is right, else `adds`."""
        chosen = self.support == SUPPORTS.index(support)
        right = self.right if support == "seen" else self.adds
        return ScoredPairs(
            self.scores[chosen], right[chosen], self.adds[chosen], self.support[chosen], self.folds[chosen]
        )


def pairs(
    predictions: Mapping[str, Sequence[Finding]],
    others: Mapping[str, Sequence[Finding]],
    reference: Sequence[Record],
    hashes: Mapping[str, str],
    synonyms: Mapping[str, str],
) -> dict[str, ScoredPairs]:
    """One entry per kind. predictions, others: key -> findings of the model, and of all others with what came with
    the image; an image that failed is missing, one that nobody knows is not looked at. hashes: key -> SHA-256 of the
    image, hex; synonyms: `FuseSettings.normal_synonyms`."""
    rows: dict[str, list[_Row]] = {kind: [] for kind in KINDS}
    for record in reference:
        mine, theirs = predictions.get(record.key, ()), others.get(record.key, ())
        fold = int(hashes[record.key][-1:] or "0", 16) % 2  # its first digits chose what is held out
        for finding, support in zip(mine, supports(mine, theirs), strict=True):
            if isinstance(finding, _Boxed) and finding.box and finding.score is not None:
                places = _places(finding, record)
                taken = [] if isinstance(finding, PhraseGrounding) else strong_boxes(kind_of(finding), theirs)
                right = _is_right(finding, places, synonyms)
                adds = right and _is_right(finding, _free(places, taken), synonyms)
                rows[kind_of(finding)].append((finding.score, right, adds, SUPPORTS.index(support), fold))
    return {kind: _arrays(of_kind) for kind, of_kind in rows.items()}


def _places(finding: _Boxed, record: Record) -> list[Region]:
    """The regions that it can mean."""
    return [
        region for region in record.regions if region.kind == ("text" if isinstance(finding, OcrLine) else "object")
    ]


def _free(places: Sequence[Region], taken: Sequence[Box]) -> list[Region]:
    """Those on which no box lies."""
    if not places or not taken:
        return list(places)
    covered = iou_matrix([region.box for region in places], taken).max(axis=1) >= MATCH_IOU
    return [region for region, is_covered in zip(places, covered.tolist(), strict=True) if not is_covered]


def _is_right(finding: _Boxed, places: Sequence[Region], synonyms: Mapping[str, str]) -> bool:
    if finding.box is None:
        return False
    there = iou_matrix([finding.box], [region.box for region in places])[0] >= MATCH_IOU
    return any(_agrees(finding, compared_label(places[i]), synonyms) for i in np.flatnonzero(there).tolist())


def _agrees(finding: _Boxed, label: str, synonyms: Mapping[str, str]) -> bool:
    if isinstance(finding, PhraseGrounding):
        return names(finding.text, label)
    if isinstance(finding, OcrLine):
        return plain(finding.text) == label
    label_given = normalised(finding.text)
    return not label_given or synonyms.get(label_given, label_given) == normalised(label)


def _arrays(rows: Sequence[_Row]) -> ScoredPairs:
    table = np.array(rows, dtype=np.float64).reshape(-1, 5)
    scores, right, adds, support, folds = table.T
    return ScoredPairs(scores, right > 0, adds > 0, support.astype(np.intp), folds.astype(np.intp))
