"""Which labels are probably wrong: regions of a record in the order in which a person should look at them.

    suspects(record)    [Suspect("r3", "swapped", 0.91), Suspect("r7", "located", 0.55), ...]

Comes in: a record, with the votes behind every region. Goes out: a suspicion in [0, 1] per region, the highest first:

    swapped      another annotator sees another label here, and none sees this one: its score
    located      the votes for it disagree about the place: 1 - their least IoU, times the score of the other
    overlooked   models see a thing that people, who labelled this image, did not: its score
    unseen       people labelled a thing that no model sees

Only images that people labelled have suspects: where models alone spoke, a region's own probability says it. What was
reviewed is none. How often the first ones are truly wrong: docs/experiments.md.
"""

from typing import Literal, NamedTuple

from shards.finding import GIVEN, REVIEWER, Box
from shards.geometry import iou
from shards.record import Record, Region, Vote
from shards.summary import label_of
from stages.fuse.sightings import RIVAL_IOU

UNSEEN = 0.3
"""That no model sees a thing says less than that one sees another."""
SuspicionKind = Literal["swapped", "located", "overlooked", "unseen"]


class Suspect(NamedTuple):
    """A region, what may be wrong with it, and how much speaks for that, in [0, 1]."""

    id: str
    kind: SuspicionKind
    score: float


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


def doubts(record: Record) -> dict[str, float]:
    """Id of every suspected object -> `doubt`."""
    return {suspect.id: doubt(suspect) for suspect in suspects(record)}


def doubt(suspect: Suspect) -> float:
    """How likely it is wrong as it stands in the round, in [0, 1]: what people overlooked is in the round already, and
    is the more doubtful the less the model was sure of it."""
    return 1 - suspect.score if suspect.kind == "overlooked" else suspect.score


def _suspect(region: Region, objects: list[Region], human: set[str]) -> Suspect | None:
    if any(vote.source.annotator == REVIEWER for vote in region.votes):
        return None
    models = [vote for vote in region.votes if not is_human(vote)]
    near = [other for other in objects if other is not region and iou(other.box, region.box) >= RIVAL_IOU]
    rivals = [other for other in near if label_of(other) != label_of(region)]
    if region.id not in human:
        if not human or any(other.id in human for other in near):
            return None  # nobody labelled the image, or it is the rival of a label that is suspected itself
        return Suspect(region.id, "overlooked", region.score)
    rival = max((other.score for other in rivals if other.id not in human), default=0.0)
    if rival and not models:
        return Suspect(region.id, "swapped", rival)
    if models:
        far = max((1 - iou(vote.box, region.box)) * (1.0 if vote.score is None else vote.score) for vote in models)
        return Suspect(region.id, "located", far)
    return Suspect(region.id, "unseen", UNSEEN)


def rivals(record: Record, region: Region, kind: SuspicionKind) -> list[Rival]:
    """What models say in place of a suspected label, the surest first: what they call it, or where they see it."""
    if kind == "swapped":
        near = [other for other in record.regions if other.kind == "object" and iou(other.box, region.box) >= RIVAL_IOU]
        others = [
            Rival(label_of(other), other.box, other.score)
            for other in near
            if label_of(other) != label_of(region) and not any(map(is_human, other.votes))
        ]
    elif kind == "located":
        models = [vote for vote in region.votes if not is_human(vote)]
        others = [Rival(label_of(region), vote.box, 1.0 if vote.score is None else vote.score) for vote in models]
    else:
        return []
    return sorted(others, key=lambda rival: -rival.score)


def is_human(vote: Vote) -> bool:
    """Whether a person said it."""
    return vote.source.annotator in (GIVEN, REVIEWER)
