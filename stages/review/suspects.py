"""Which labels are probably wrong: regions of a record in the order in which a person should look at them.

    suspects(record)     [Suspect("r3", "swapped", 0.91, "dog", (10, 10, 90, 90)), ...]
    overruled(rows)      [Suspect("given/2", "overruled", 0.97, "cat", (12, 8, 91, 88)), ...]

Comes in: a record, with the votes behind every region. Goes out: a suspicion in [0, 1] per region, the highest first:

    swapped      another annotator sees another label here, and none sees this one: its score
    located      the votes for it disagree about the place: 1 - their least IoU, times the score of the other
    overlooked   models see a thing that people, who labelled this image, did not: its score
    unseen       people labelled a thing that no model sees
    overruled    a label of people that the consensus dropped (docs/fusion.md): 1 - its probability. It is in no record;
                 its row of the index says what it was

Only images that people labelled have suspects: where models alone spoke, a region's own probability says it. What was
reviewed is none. How often the first ones are truly wrong: docs/experiments.md.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from shards.finding import GIVEN, REVIEWER, Box
from shards.geometry import iou
from shards.reader import Row
from shards.record import Record, Region, Vote
from shards.summary import label_of
from stages.fuse.image import OVERRULED
from stages.fuse.sightings import RIVAL_IOU

UNSEEN = 0.3
"""That no model sees a thing says less than that one sees another."""
SuspicionKind = Literal["swapped", "located", "overlooked", "unseen", "overruled"]


class Suspect(NamedTuple):
    """A region, what may be wrong with it, and how much speaks for that, in [0, 1]. id: of the region, of an overruled
    label the reference of the finding. label, box: what people said, or where they said nothing the models."""

    id: str
    kind: SuspicionKind
    score: float
    label: str
    box: Box


class Rival(NamedTuple):
    """What models say in place of a label: another one, or another box."""

    label: str
    box: Box
    score: float


def suspects(record: Record) -> list[Suspect]:
    """Every object of the record that something speaks against."""
    objects = [region for region in record.regions if region.kind == "object"]
    human = {region.id for region in objects if any(is_human(vote) for vote in region.votes)}
    suspected = [_suspect(region, objects, human) for region in objects]
    return sorted(
        (suspect for suspect in suspected if suspect is not None and suspect.score > 0),
        key=lambda suspect: -suspect.score,
    )


def overruled(rows: Sequence[Row]) -> list[Suspect]:
    """The labels of people among the rows of an image that the consensus dropped."""
    return [
        Suspect(row["ref"], "overruled", 1.0 - (row["value"] or 0.0), row["text"], _box(row))
        for row in rows
        if row["rule"] == OVERRULED and row["box"] is not None
    ]


def _box(row: Row) -> Box:
    return row["box"]["x0"], row["box"]["y0"], row["box"]["x1"], row["box"]["y1"]


def doubts(record: Record) -> dict[str, float]:
    """Id of every suspected object -> `doubt`."""
    return {suspect.id: doubt(suspect) for suspect in suspects(record)}


def doubt(suspect: Suspect) -> float:
    """How likely it is wrong as it stands in the round, in [0, 1]: what people overlooked is in the round already, and
    what was overruled is not, so both are the more doubtful the less sure that was."""
    return 1 - suspect.score if suspect.kind in ("overlooked", "overruled") else suspect.score


def _suspect(region: Region, objects: list[Region], human: set[str]) -> Suspect | None:
    if any(vote.source.annotator == REVIEWER for vote in region.votes):
        return None
    models = [vote for vote in region.votes if not is_human(vote)]
    near = [other for other in objects if other is not region and iou(other.box, region.box) >= RIVAL_IOU]
    rivals = [other for other in near if label_of(other) != label_of(region)]
    if region.id not in human:
        if not human or any(other.id in human for other in near):
            return None  # nobody labelled the image, or it is the rival of a label that is suspected itself
        return _as(region, "overlooked", region.score)
    rival = max((other.score for other in rivals if other.id not in human), default=0.0)
    if rival and not models:
        return _as(region, "swapped", rival)
    if models:
        far = max((1 - iou(vote.box, region.box)) * (1.0 if vote.score is None else vote.score) for vote in models)
        return _as(region, "located", far)
    return _as(region, "unseen", UNSEEN)


def _as(region: Region, kind: SuspicionKind, score: float) -> Suspect:
    return Suspect(region.id, kind, score, label_of(region), region.box)


def rivals(record: Record, suspect: Suspect) -> list[Rival]:
    """What models say in place of a suspected label, the surest first: what they call it, or where they see it."""
    others: list[Rival] = []
    if suspect.kind in ("swapped", "overruled"):
        near = [
            region
            for region in record.regions
            if region.kind == "object" and iou(region.box, suspect.box) >= RIVAL_IOU and region.id != suspect.id
        ]
        others = [
            Rival(label_of(other), other.box, other.score)
            for other in near
            if suspect.kind == "overruled" or (label_of(other) != suspect.label and not any(map(is_human, other.votes)))
        ]
    elif suspect.kind == "located":
        votes = next(region.votes for region in record.regions if region.id == suspect.id)
        models = [vote for vote in votes if not is_human(vote)]
        others = [Rival(suspect.label, vote.box, 1.0 if vote.score is None else vote.score) for vote in models]
    return sorted(others, key=lambda rival: -rival.score)


def is_human(vote: Vote) -> bool:
    """Whether a person said it."""
    return vote.source.annotator in (GIVEN, REVIEWER)
