"""What a model said of images that others know: each score, and whether what it belongs to is right.

Comes in: raw findings of one model, those of all others, and the records they are compared with. Goes out: per kind the
scores, whether they were right, and whether anybody else saw the like (support.py).

    object   right: an object of the same label lies there (IoU 0.5); a box without label only claims a place
    phrase   right: an object that the phrase names lies there
    ocr      right: a text region that reads the same lies there

A second box on the same object is right, too: that it is one too many is for the filters (NMS) to see, not for a score.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from shards.finding import Finding
from shards.record import Record, Region
from stages.evaluate.boxes import objects
from stages.evaluate.match import MATCH_IOU, iou, label_of
from stages.evaluate.phrases import names
from stages.fuse.settings import normalised
from stages.gate.support import supported

KINDS = ("object", "phrase", "ocr")
"""Of findings whose score belongs to a box."""


class Pairs(NamedTuple):
    """scores, right, seen: [n], seen: by somebody else, too; folds: [n], 0 or 1, by the hash of the image, so that no
    image is in both."""

    scores: NDArray[np.float64]
    right: NDArray[np.bool_]
    seen: NDArray[np.bool_]
    folds: NDArray[np.intp]

    def where(self, chosen: NDArray[np.bool_]) -> "Pairs":
        """Some of them."""
        return Pairs(self.scores[chosen], self.right[chosen], self.seen[chosen], self.folds[chosen])


def pairs(
    said: Mapping[str, Sequence[Finding]],
    others: Mapping[str, Sequence[Finding]],
    wanted: Sequence[Record],
    hashes: Mapping[str, str],
    synonyms: Mapping[str, str],
) -> dict[str, Pairs]:
    """One entry per kind. said, others: key -> findings of the model, and of all others with what came with the image;
    an image that failed is missing, one that nobody knows is not looked at. hashes: key -> SHA-256 of the image, hex;
    synonyms: `FuseSettings.normal_synonyms`."""
    rows: dict[str, list[tuple[float, bool, bool, int]]] = {kind: [] for kind in KINDS}
    for record in wanted:
        places = {"object": objects(record), "ocr": [region for region in record.regions if region.kind == "text"]}
        places["phrase"] = places["object"]
        fold = int(hashes[record.key][-1:] or "0", 16) % 2  # its first digits chose what is held out
        mine = said.get(record.key, ())
        for finding, seen in zip(mine, supported(mine, others.get(record.key, ())), strict=True):
            if finding.kind in rows and finding.box is not None and finding.score is not None:
                is_right = _is_right(finding, places[finding.kind], synonyms)
                rows[finding.kind].append((finding.score, is_right, seen, fold))
    return {kind: _arrays(each) for kind, each in rows.items()}


def _is_right(finding: Finding, places: Sequence[Region], synonyms: Mapping[str, str]) -> bool:
    if finding.box is None:
        return False
    there = iou([finding.box], [region.box for region in places])[0] >= MATCH_IOU
    return any(_agrees(finding, label_of(places[i]), synonyms) for i in np.flatnonzero(there).tolist())


def _agrees(finding: Finding, label: str, synonyms: Mapping[str, str]) -> bool:
    if finding.kind == "phrase":
        return names(finding.text, label)
    if finding.kind == "ocr":
        return " ".join(finding.text.lower().split()) == label
    said = normalised(finding.text)
    return not said or synonyms.get(said, said) == normalised(label)


def _arrays(rows: Sequence[tuple[float, bool, bool, int]]) -> Pairs:
    table = np.array(rows, dtype=np.float64).reshape(-1, 4)
    return Pairs(table[:, 0], table[:, 1] > 0, table[:, 2] > 0, table[:, 3].astype(np.intp))
