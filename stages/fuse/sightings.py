"""Clusters as the calibration sees them: who spoke of a thing, with what score, and who gave the place another label.

Comes in: the clusters of one image. Goes out: a `Sighting` each, from which it gets its probability (`weigh`), or from
which, over a corpus, what annotators are worth is found (`seen`).
"""

from collections.abc import Mapping, Sequence

from shards.finding import Detection, Finding
from shards.geometry import iou_matrix
from stages.calibrate.consensus import Consensus, Sighting
from stages.calibrate.voice import Voice
from stages.fuse.boxes import Cluster, compared, fuse_boxes
from stages.fuse.ledger import Boxed, Statement, of_type
from stages.fuse.settings import FuseSettings

RIVAL_IOU = 0.5
"""From here on two boxes are one place, which can have one label."""


def weigh(clusters: Sequence[Cluster], settings: FuseSettings, consensus: Consensus | None) -> None:
    """Give every cluster its probability as its score, unless a human's label protects it or nobody in it has a
    voice."""
    if consensus is None or not clusters:
        return
    for cluster, sighting in zip(clusters, sightings(clusters, settings, consensus.voices), strict=True):
        if not cluster.human and any(name in consensus.voices for name in sighting.scores):
            cluster.score = consensus.probability(sighting)
            cluster.is_probable = True


def sightings(clusters: Sequence[Cluster], settings: FuseSettings, voices: Mapping[str, Voice]) -> list[Sighting]:
    """One per cluster. voices: what statements are worth by themselves, for those of rivals; {}: rivals do not count.
    What a text reads is no label."""
    is_text = bool(clusters) and clusters[0].quad is not None
    labels = ["" if is_text else compared(cluster.label, settings) for cluster in clusters]
    scores = [_scores(cluster) for cluster in clusters]
    if is_text or not voices:
        return [Sighting(*fields) for fields in zip(labels, scores, strict=True)]
    probabilities = [
        {name: voices[name].probability(label, score) for name, score in given.items() if name in voices}
        for label, given in zip(labels, scores, strict=True)
    ]
    boxes = [cluster.box for cluster in clusters]
    rivals: list[dict[str, float]] = [{} for _ in clusters]
    rows, columns = (iou_matrix(boxes, boxes) >= RIVAL_IOU).nonzero() if boxes else ((), ())
    for row, column in zip(list(rows), list(columns), strict=True):
        if labels[row] != labels[column]:
            for name, probability in probabilities[column].items():
                rivals[row][name] = max(rivals[row].get(name, 0.0), probability)
    return [Sighting(*fields) for fields in zip(labels, scores, rivals, strict=True)]


def seen(stated: Sequence[Statement[Finding]], settings: FuseSettings, consensus: Consensus | None) -> list[Cluster]:
    """The clusters of the objects among `stated` (one image), as a round would make them. consensus: what is known of
    the scores so far; None: as they are."""
    return fuse_boxes(
        [statement for statement in of_type(stated, Detection) if is_sound(statement)], settings, [], consensus
    )


def is_sound(statement: Boxed) -> bool:
    """It has a box, and a score that is one."""
    score = statement.finding.score
    return statement.box is not None and (score is None or 0.0 <= score <= 1.0)


def _scores(cluster: Cluster) -> dict[str, float | None]:
    """Annotator -> the score of its best statement in the cluster."""
    scores: dict[str, float | None] = {}
    for member in cluster.members:
        scores.setdefault(member.source.annotator, member.finding.score)  # members come by falling mass
    return scores
