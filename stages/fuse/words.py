"""Several readers, one list of words: quads that overlap and say nearly the same become one text region.

    easyocr/4   "EXlT"  0.55  quad over the sign       region "EXIT" 0.93, quad of rapidocr/0
    rapidocr/0  "EXIT"  0.93  quad over the sign       votes: rapidocr/0 with 1.0, easyocr/4 with 0.0

Text cannot be averaged, and a quad belongs to the text that was read in it: the best vote (a human's, then score x
trust) gives both, the others stay as votes. Two quads of one reader are never the same text.
"""

from rapidfuzz.distance import Levenshtein

from shards.finding import Box, OcrLine, Quad
from shards.folding import normalised
from shards.geometry import box_quad, quad_box, quad_iou
from shards.grid import BoxGrid
from stages.calibrate.consensus import Consensus
from stages.fuse.boxes import Cluster, mass, region_score
from stages.fuse.ledger import Statement
from stages.fuse.settings import FuseSettings


def fuse_words(
    stated: list[Statement[OcrLine]], settings: FuseSettings, readers: list[str], consensus: Consensus | None = None
) -> list[Cluster]:
    """Clusters in the order in which the first reader that saw each came upon it (its reading order). A statement
    without box is in none. `readers`: the names of all readers of the round. consensus: what the scores are worth."""
    places = {statement.source.ref: index for index, statement in enumerate(stated)}
    clusters = _Words(settings, {statement.source.annotator for statement in stated})
    ranked = [(statement, 1.0 if statement.is_human else mass(statement, settings, consensus)) for statement in stated]
    for statement, weighed in sorted(ranked, key=_rank):
        if statement.box is not None:
            clusters.add(statement, statement.box, weighed)
    for cluster in clusters.found:
        cluster.score = region_score(cluster, settings, readers)
    return sorted(
        clusters.found, key=lambda cluster: min(places[statement.source.ref] for statement in cluster.members)
    )


def _rank(entry: tuple[Statement[OcrLine], float]) -> tuple[bool, bool, float]:
    """Corrections first, then what people gave, then by falling mass."""
    return not entry[0].is_reviewed, not entry[0].given, -entry[1]


def text_similarity(first: str, second: str) -> float:
    """1 - edit distance / length of the longer, of the normalised texts; 1.0 for two empty ones."""
    first, second = normalised(first), normalised(second)
    longest = max(len(first), len(second))
    return 1.0 - Levenshtein.distance(first, second) / longest if longest else 1.0


class _Words:
    """The clusters of one image, and for each reader a grid of those that its texts may still join."""

    def __init__(self, settings: FuseSettings, readers: set[str]) -> None:
        self.found: list[Cluster] = []
        self._settings = settings
        # half: of a convex quad, a part with a share t of its area is at least t/2 as wide as it
        self._open = {reader: BoxGrid(settings.word_iou / 2) for reader in readers}

    def add(self, statement: Statement[OcrLine], box: Box, mass: float) -> None:
        """Put a text into the cluster of other readers that it is, or open one for it."""
        quad = statement.finding.quad or box_quad(box)
        index = self._best(statement, quad)
        if index is None:
            index = len(self.found)
            self.found.append(Cluster(box, statement.is_human, [statement], [mass], quad=quad))
            for reader, grid in self._open.items():
                if reader != statement.source.annotator:
                    grid.add(index, quad_box(quad))
            return
        cluster = self.found[index]
        cluster.members.append(statement)
        cluster.masses.append(mass)
        self._open[statement.source.annotator].remove(index)

    def _best(self, statement: Statement[OcrLine], quad: Quad) -> int | None:
        """The cluster of other readers that it overlaps most, among those that say nearly the same."""
        best, most = None, self._settings.word_iou
        for index in self._open[statement.source.annotator].near(quad_box(quad)):
            cluster = self.found[index]
            overlap = 0.0 if cluster.quad is None else quad_iou(cluster.quad, quad)
            similar = overlap >= most and text_similarity(cluster.members[0].finding.text, statement.finding.text)
            if similar and similar >= self._settings.word_similarity:
                best, most = index, overlap
        return best
