"""Two records of one image, of two rounds: what is new, gone, changed and the same.

Regions are one where their boxes overlap by half and more, best overlap first; texts by their size; phrases by their
text. Nothing here is stored: it is worked out when it is looked at.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from shards.geometry import iou
from shards.record import Record, Region
from shards.summary import label_of

_SAME_PLACE = 0.5
_MOVED = 0.9
"""IoU below which a box that stayed in its place was moved."""


@dataclass(frozen=True)
class RegionChange:
    """kind: same, new, gone, renamed or moved. before, after: None where there is none. why: for people."""

    kind: str
    before: Region | None
    after: Region | None
    why: str = ""

    @property
    def region(self) -> Region:
        """The one to draw: as it is now, else as it was."""
        region = self.after or self.before
        if region is None:
            raise ValueError("a change is of a region that was or is there")
        return region


@dataclass(frozen=True)
class TextChange:
    """One size of text, word by word: (what, words) with what in same, new, gone."""

    granularity: str
    words: list[tuple[str, str]]
    same: bool


@dataclass(frozen=True)
class Diff:
    """All changes between two records."""

    regions: list[RegionChange]
    texts: list[TextChange]
    new_phrases: list[str]
    gone_phrases: list[str]

    def count(self, kind: str) -> int:
        """Regions that changed in this way."""
        return sum(change.kind == kind for change in self.regions)


def compare(before: Record, after: Record) -> Diff:
    """What changed from `before` to `after`."""
    old = {grounding.phrase for grounding in before.groundings}
    new = {grounding.phrase for grounding in after.groundings}
    return Diff(_regions(before.regions, after.regions), _texts(before, after), sorted(new - old), sorted(old - new))


def _regions(before: Sequence[Region], after: Sequence[Region]) -> list[RegionChange]:
    pairs = sorted(
        (
            (overlap, old, new)
            for old, was in enumerate(before)
            for new, is_ in enumerate(after)
            if was.kind == is_.kind and (overlap := iou(was.box, is_.box)) >= _SAME_PLACE
        ),
        key=lambda pair: (-pair[0], label_of(before[pair[1]]) != label_of(after[pair[2]])),
    )
    partner: dict[int, tuple[int, float]] = {}
    used: set[int] = set()
    for overlap, old, new in pairs:
        if old not in used and new not in partner:
            partner[new] = (old, overlap)
            used.add(old)
    changes = [
        RegionChange("new", None, region)
        if new not in partner
        else _changed(before[partner[new][0]], region, partner[new][1])
        for new, region in enumerate(after)
    ]
    return [*changes, *(RegionChange("gone", was, None) for old, was in enumerate(before) if old not in used)]


def _changed(before: Region, after: Region, overlap: float) -> RegionChange:
    if label_of(before) != label_of(after):
        return RegionChange("renamed", before, after, f"was “{label_of(before)}”")
    if overlap < _MOVED:
        return RegionChange("moved", before, after, f"IoU {overlap:.2f}")
    return RegionChange("same", before, after)


def _texts(before: Record, after: Record) -> list[TextChange]:
    changes = []
    for size in ("brief", "detailed", "more_detailed"):
        old, new = (
            " · ".join(text.text for text in record.texts if text.granularity == size).split()
            for record in (before, after)
        )
        if old or new:
            changes.append(TextChange(size.replace("_", " "), _words(old, new), old == new))
    return changes


def _words(old: list[str], new: list[str]) -> list[tuple[str, str]]:
    found = []
    for what, i, j, k, m in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if what == "equal":
            found.append(("same", " ".join(new[k:m])))
            continue
        found += [("gone", " ".join(old[i:j]))] if j > i else []
        found += [("new", " ".join(new[k:m]))] if m > k else []
    return found
