"""Weighted box fusion with a vote record: the object boxes of several annotators become regions.

Comes in: statements of detections about one image, already above their annotator's confidence. Goes out: clusters,
each with a fused box, a score, a label, and every statement in it with its share in the box:

    detector/0  "dog"  0.90  (10, 10, 90, 90)         region "dog" 0.90  (11.0, 10, 91.0, 90)
    yolo/2      "Dog"  0.60  (12.5, 10, 92.5, 90)     votes: detector/0 with 0.6, yolo/2 with 0.4

The clustering is that of Solovyev et al., "Weighted boxes fusion" (2021), and of their package ensemble-boxes (a test
compares the numbers); the package itself does not say which boxes it fused. What it does not have is added here:
labels are compared as text, class-less proposals join any label, two boxes of one annotator stay two (unless the
settings say otherwise), and a given (human) box is a region of its own that nothing here moves or renames: synthetic
boxes may only vote for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from shards.finding import GIVEN, Box, Detection, Quad
from shards.folding import normalised
from shards.geometry import iou
from shards.grid import BoxGrid
from shards.record import Candidate
from stages.calibrate.consensus import Consensus
from stages.fuse.ledger import Boxed, Statement
from stages.fuse.settings import FuseSettings


@dataclass(eq=False)
class Cluster:
    """Statements about one thing: a human's first, then by falling `masses` (score x trust). quad: of text only.
    best_label: the label of the best vote comes before the label with the most mass behind it. renamed: the candidate
    whose text is its label instead of any vote's (`labels.py`). is_probable: its score is a probability."""

    box: Box
    human: bool
    members: list[Boxed] = field(default_factory=list)
    masses: list[float] = field(default_factory=list)
    score: float = 0.0
    is_probable: bool = False
    quad: Quad | None = None
    best_label: bool = False
    renamed: Candidate | None = None

    def shares(self) -> list[float]:
        """How much of the fused box each member is, in [0, 1], together 1."""
        if self.human or self.quad is not None:
            return [1.0, *([0.0] * (len(self.members) - 1))]
        whole = sum(self.masses)
        return [mass / whole for mass in self.masses]

    def voters(self) -> set[str]:
        """The annotators that saw it."""
        return {member.source.annotator for member in self.members}

    @property
    def label(self) -> str:
        """The corrected label, else the heaviest, or the text that was read; "" if nobody named it."""
        if self.renamed is not None:
            return self.renamed.text
        named = self.named()
        return named[0].finding.text if named else ""

    @property
    def is_reviewed(self) -> bool:
        """Whether a person's correction made it: then nothing moves, renames or drops it."""
        return self.members[0].is_reviewed

    def named(self) -> list[Boxed]:
        """One statement per different label, the heaviest first. A human's label stands alone: no vote renames it."""
        if self.human and normalised(self.members[0].finding.text):
            return [self.members[0]]
        if len(self.members) == 1:
            return self.members[:1] if normalised(self.members[0].finding.text) else []
        masses: dict[str, float] = {}
        first: dict[str, Boxed] = {}
        for member, mass in zip(self.members, self.masses, strict=True):
            label = normalised(member.finding.text)
            masses[label] = masses.get(label, 0.0) + mass
            first.setdefault(label, member)  # members come by falling mass
        order = list(first) if self.best_label else sorted(masses, key=lambda label: -masses[label])
        return [first[label] for label in order if label]


def fuse_boxes(
    stated: list[Statement[Detection]],
    settings: FuseSettings,
    detectors: list[str],
    consensus: Consensus | None = None,
) -> list[Cluster]:
    """Clusters in the order of their first member: human first, then by falling score x trust. A statement without
    box is in none. `detectors`: the names of all detectors of the round, whether they found anything here or not.
    consensus: what the scores are worth, where that is known."""
    boxed = [
        (statement, statement.box, mass(statement, settings, consensus))
        for statement in stated
        if statement.box is not None
    ]
    annotators = sorted({statement.source.annotator for statement, _, _ in boxed})
    clusters = _Clusters(settings, annotators, settings.joins_above(consensus is not None))
    for statement, box, _ in boxed:
        if is_protected(statement, settings, consensus):
            clusters.start(statement, box, 1.0, human=True)
    for statement, box, weighed in sorted(boxed, key=lambda entry: -entry[2]):
        if not is_protected(statement, settings, consensus):
            clusters.add(statement, box, weighed)
    for cluster in clusters.all:
        cluster.score = region_score(cluster, settings, detectors)
    return clusters.all


def is_protected(statement: Boxed, settings: FuseSettings, consensus: Consensus | None) -> bool:
    """Whether it is a human's that wins over others: all are, unless a calibration knows what they are worth and the
    settings let them be judged."""
    return statement.is_reviewed or (
        statement.given and not (consensus and settings.given == "filter" and GIVEN in consensus.voices)
    )


def mass(statement: Boxed, settings: FuseSettings, consensus: Consensus | None = None) -> float:
    """Score x trust, or probability x trust where the annotator has a voice: how much a box weighs."""
    score, name = statement.finding.score, statement.source.annotator
    if consensus is not None and name in consensus.voices:
        label = compared(statement.finding.text, settings) if isinstance(statement.finding, Detection) else ""
        return consensus.mass(name, label, score) * settings.weight(name)
    # A score of 0 would leave the weighted mean undefined; the least that a column stores is 0.0001.
    return max(settings.missing_score if score is None else score, 1e-6) * settings.weight(name)


def region_score(cluster: Cluster, settings: FuseSettings, detectors: list[str]) -> float:
    """The confidence in a cluster, in [0, 1]. A human's is 1."""
    if cluster.human:
        return 1.0
    trusts = [settings.weight(member.source.annotator) for member in cluster.members]
    if settings.score == "max":
        return min(max(cluster.masses) / max(trusts), 1.0)
    if settings.score == "mean":
        return min(sum(cluster.masses) / sum(trusts), 1.0)
    present = {*detectors, *cluster.voters()}
    all_trust = sum(settings.weight(name) for name in present)
    mean = sum(cluster.masses) / len(cluster.masses)
    return min(mean * min(len(present), len(cluster.masses)) / all_trust, 1.0)


class _Clusters:
    """The clusters of one image; and for each annotator a grid of those that its boxes may still join, so that a box
    meets only those around it."""

    def __init__(self, settings: FuseSettings, annotators: Sequence[str], joins_above: float) -> None:
        self.all: list[Cluster] = []
        self._settings = settings
        self._joins_above = joins_above
        self._sums: list[Box] = []  # of mass x box, over the members
        self._labels: list[str] = []  # as compared; "" agrees with every other
        self._open = {name: BoxGrid(joins_above) for name in annotators}

    def start(self, statement: Boxed, box: Box, mass: float, human: bool) -> None:
        """Open a cluster with its first member."""
        index = len(self.all)
        self.all.append(Cluster(box, human, [statement], [mass]))
        self._sums.append(_times(box, mass))
        self._labels.append(compared(statement.finding.text, self._settings))
        for grid in self._open_to(self.all[index]):
            grid.add(index, box)

    def add(self, statement: Boxed, box: Box, mass: float) -> None:
        """Put a synthetic box into the cluster it overlaps most, a human's first, or open one for it."""
        label = compared(statement.finding.text, self._settings)
        index = self._best(statement.source.annotator, label, box)
        if index is None:
            self.start(statement, box, mass, human=False)
            return
        cluster = self.all[index]
        cluster.members.append(statement)
        cluster.masses.append(mass)
        if cluster.human:
            return
        for grid in self._open.values():
            grid.remove(index)
        x0, y0, x1, y1 = self._sums[index]
        dx0, dy0, dx1, dy1 = _times(box, mass)
        x0, y0, x1, y1 = self._sums[index] = (x0 + dx0, y0 + dy0, x1 + dx1, y1 + dy1)
        whole = sum(cluster.masses)
        cluster.box = (x0 / whole, y0 / whole, x1 / whole, y1 / whole)
        for grid in self._open_to(cluster):
            grid.add(index, cluster.box)
        self._labels[index] = self._labels[index] or label

    def _best(self, annotator: str, label: str, box: Box) -> int | None:
        any_label = self._settings.agreement == "geometry" or not label
        best, most = None, 0.0
        for index in self._open[annotator].near(box):
            if not (any_label or self._labels[index] in (label, "")):
                continue
            cluster = self.all[index]
            overlap = iou(box, cluster.box)
            rank = overlap + cluster.human  # a human's comes before any other that fits
            if overlap > self._joins_above and rank > most:  # the first of equal ones
                best, most = index, rank
        return best

    def _open_to(self, cluster: Cluster) -> list[BoxGrid]:
        """The grids of the annotators whose boxes may join a cluster."""
        if self._settings.within_annotator or cluster.human:
            return list(self._open.values())
        voters = cluster.voters()
        return [grid for name, grid in self._open.items() if name not in voters]


def _times(box: Box, mass: float) -> Box:
    x0, y0, x1, y1 = box
    return x0 * mass, y0 * mass, x1 * mass, y1 * mass


def compared(label: str, settings: FuseSettings) -> str:
    """A label as agreement sees it: normalised, then its synonym."""
    plain = normalised(label)
    return settings.normal_synonyms.get(plain, plain)
