"""Who else saw what one annotator saw? From the votes behind the objects of a round.

Comes in: records. Goes out: for every pair of annotators how many objects each and both of them saw, and how often they
gave one name; for every label how many objects it has, how many of them a second annotator saw, and their mean score.

    objects that yolo saw: 120; detr saw 90 of them, and named 81 of those 90 alike

"a blue sign" and "sign" are alike: the words of one stand in the other.

A grounder saw an object where a phrase of its own lies on it; it gives no name. All this is after fusion: what only one
annotator saw and the filters dropped is not there.
"""

from collections import Counter

import msgspec

from shards.folding import normalised
from shards.record import Record, Region
from shards.summary import label_of


class Pair(msgspec.Struct, frozen=True):
    """both: objects that both saw; named: of these those to which both gave a name; alike: the same name."""

    one: str
    other: str
    both: int
    named: int
    alike: int


class LabelAgreement(msgspec.Struct, frozen=True):
    """objects: how many are called so; supported: those that two annotators or more saw; score: their mean."""

    name: str
    objects: int
    supported: int
    score: float


class Agreement(msgspec.Struct, frozen=True):
    """saw: annotator -> objects; votes: number of annotators -> objects that so many saw; labels: the most frequent
    first."""

    saw: dict[str, int]
    votes: dict[int, int]
    pairs: list[Pair]
    labels: list[LabelAgreement]


class AgreementCounts:
    """Adds records up. Memory grows with the number of different labels alone."""

    def __init__(self) -> None:
        self._saw: Counter[str] = Counter()
        self._votes: Counter[int] = Counter()
        self._pairs: dict[str, Counter[tuple[str, str]]] = {name: Counter() for name in ("both", "named", "alike")}
        self._labels: dict[str, list[float]] = {}

    def add(self, record: Record) -> None:
        """One image."""
        grounders: dict[str, set[str]] = {}
        for grounding in record.groundings:
            for box in grounding.boxes:
                if box.region_id is not None:
                    grounders.setdefault(box.region_id, set()).add(box.source.annotator)
        for region in record.regions:
            if region.kind == "object":
                self._add(region, grounders.get(region.id, set()))

    def _add(self, region: Region, grounders: set[str]) -> None:
        names: dict[str, set[str]] = {}
        for vote in region.votes:
            names.setdefault(vote.source.annotator, set()).update({normalised(vote.label)} - {""})
        witnesses = sorted(names.keys() | grounders)
        self._saw.update(witnesses)
        self._votes[len(witnesses)] += 1
        sums = self._labels.setdefault(label_of(region), [0, 0, 0.0])
        for place, amount in enumerate((1, len(witnesses) > 1, region.score)):
            sums[place] += amount
        for position, annotator in enumerate(witnesses):
            for other in witnesses[position + 1 :]:
                self._pairs["both"][annotator, other] += 1
                if names.get(annotator) and names.get(other):
                    self._pairs["named"][annotator, other] += 1
                    self._pairs["alike"][annotator, other] += _is_alike(names[annotator], names[other])

    def total(self) -> Agreement:
        """All that was added."""
        pairs = [
            Pair(*pair, both, self._pairs["named"][pair], self._pairs["alike"][pair])
            for pair, both in sorted(self._pairs["both"].items())
        ]
        labels = [
            LabelAgreement(name, int(objects), int(supported), round(score / objects, 4))
            for name, (objects, supported, score) in self._labels.items()
        ]
        labels.sort(key=lambda label: (-label.objects, label.name))
        return Agreement(dict(sorted(self._saw.items())), dict(sorted(self._votes.items())), pairs, labels)


def _is_alike(texts: set[str], other: set[str]) -> bool:
    return any(f" {a} " in f" {b} " or f" {b} " in f" {a} " for a in texts for b in other)
