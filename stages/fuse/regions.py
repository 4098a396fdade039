"""Which clusters are regions: consensus first, then the region filters.

Comes in: the clusters of one image and the boxes of its kept phrases. Goes out: one verdict per cluster. Consensus
is judged before suppression, so that a box nobody believes cannot suppress one that is believed. A phrase's box that
lies on a cluster is a *late vote*: it counts for consensus, and lifts a lone box over `lone_box_score`.
"""

import numpy as np

from filters.confidence import judge_probability
from filters.region import RegionSettings, judge_regions
from filters.verdict import KEPT, Verdict, dropped
from shards.finding import PhraseGrounding
from shards.geometry import iou
from shards.grid import BoxGrid
from stages.fuse.boxes import Cluster, compared
from stages.fuse.ledger import Statement
from stages.fuse.settings import ConsensusRule, FuseSettings


def judge_clusters(
    clusters: list[Cluster],
    phrases: list[Statement[PhraseGrounding]],
    fuse: FuseSettings,
    filters: RegionSettings,
    size_wh: tuple[int, int],
) -> list[Verdict]:
    """One verdict per cluster of objects; `phrases` have a box each."""
    late = phrases if fuse.consensus.late_votes else []
    verdicts = []
    late_voters = _late_voters(clusters, late, fuse)
    for cluster, joining in zip(clusters, late_voters, strict=True):
        rule = fuse.consensus.rule(compared(cluster.label, fuse))
        voters = cluster.voters() | joining
        verdicts.append(judge_consensus(cluster, len(voters), rule, fuse))
    return _filtered(clusters, verdicts, [cluster.label for cluster in clusters], fuse, filters, size_wh)


def judge_words(
    clusters: list[Cluster], fuse: FuseSettings, filters: RegionSettings, size_wh: tuple[int, int]
) -> list[Verdict]:
    """One verdict per cluster of text, judged apart from the objects: a sign's words lie in the sign's box."""
    verdicts = [judge_consensus(cluster, len(cluster.voters()), fuse.word_consensus, fuse) for cluster in clusters]
    return _filtered(clusters, verdicts, [cluster.label for cluster in clusters], fuse, filters, size_wh)


def judge_consensus(cluster: Cluster, voters: int, rule: ConsensusRule, fuse: FuseSettings) -> Verdict:
    """Kept if a human drew it, or enough annotators saw it and it is not a lone weak box."""
    if cluster.human:
        return KEPT
    if voters < rule.min_votes:
        return dropped("fuse.min_votes", voters, rule.min_votes)
    if voters == 1:
        scores = [member.source.score for member in cluster.members]
        best = max([fuse.missing_score if score is None else score for score in scores])
        if best < rule.lone_box_score:
            return dropped("fuse.lone_box_score", best, rule.lone_box_score)
    return KEPT


def _late_voters(
    clusters: list[Cluster], phrases: list[Statement[PhraseGrounding]], fuse: FuseSettings
) -> list[set[str]]:
    """Per cluster the annotators of the phrases whose box lies on it."""
    voters: list[set[str]] = [set() for _ in clusters]
    grid = BoxGrid(fuse.link_iou)
    for number, cluster in enumerate(clusters):
        grid.add(number, cluster.box)
    for phrase in phrases:
        for number in grid.near(phrase.box) if phrase.box is not None else ():
            if phrase.box is not None and iou(phrase.box, clusters[number].box) >= fuse.link_iou:
                voters[number].add(phrase.source.annotator)
    return voters


def _filtered(
    clusters: list[Cluster],
    verdicts: list[Verdict],
    labels: list[str],
    fuse: FuseSettings,
    filters: RegionSettings,
    size_wh: tuple[int, int],
) -> list[Verdict]:
    """The verdicts of consensus, and of the region filters for those that it kept. Raw scores were judged before
    fusion, each against its annotator's threshold; the fused one only ranks, unless it is a probability."""
    for index, cluster in enumerate(clusters):
        if cluster.is_probable and verdicts[index].kept:
            verdicts[index] = judge_probability(cluster.score, labels[index], filters)
    kept = [index for index, verdict in enumerate(verdicts) if verdict.kept]
    if not kept:
        return verdicts
    judged = judge_regions(
        np.array([clusters[index].box for index in kept], np.float32).reshape(-1, 4),
        np.array([clusters[index].score for index in kept], np.float32),
        [labels[index] for index in kept],
        *size_wh,
        filters,
    )
    out = list(verdicts)
    for index, verdict in zip(kept, judged, strict=True):
        # A human's box takes part, so that it suppresses the synthetic ones on it, but stays whatever comes out.
        stays = clusters[index].is_reviewed or (clusters[index].human and fuse.given == "keep")
        out[index] = KEPT if stays else verdict
    return out
