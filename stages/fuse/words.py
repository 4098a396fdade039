"""Several readers, one list of words: quads that overlap and say nearly the same become one text region.

    easyocr/4   "EXlT"  0.55  quad over the sign       region "EXIT" 0.93, quad of rapidocr/0
    rapidocr/0  "EXIT"  0.93  quad over the sign       votes: rapidocr/0 with 1.0, easyocr/4 with 0.0

Text cannot be averaged, and a quad belongs to the text that was read in it: the best vote (a human's, then score x
trust) gives both, the others stay as votes. Two quads of one reader are never the same text.

Thousands of lines in one place (a picture of a page, read upside down, or an attack) must not make it quadratic: texts
are compared before quads, many at a time, and of those that say the same at most `_MOST_PLACES` quads are laid over
another.
"""

import heapq

from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import extract_iter

from shards.finding import Box, OcrLine, Quad
from shards.folding import normalised
from shards.geometry import box_quad, iou, quad_box, quad_iou
from shards.grid import BoxGrid
from stages.calibrate.consensus import Consensus
from stages.fuse.boxes import Cluster, mass, region_score
from stages.fuse.ledger import Statement
from stages.fuse.settings import FuseSettings

_MOST_PLACES = 64
"""Clusters of nearly the same text whose quads are compared with one more: those whose bounds overlap its most."""
_LONGEST = 2_000
"""Characters of a line whose distance to others is computed; longer ones are the same only if they are equal."""


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
    return float(Levenshtein.normalized_similarity(normalised(first), normalised(second)))


class _Words:
    """The clusters of one image, and for each reader a grid of those that its texts may still join."""

    def __init__(self, settings: FuseSettings, readers: set[str]) -> None:
        self.found: list[Cluster] = []
        self._texts: list[str] = []
        self._bounds: list[Box] = []
        self._settings = settings
        # half: of a convex quad, a part with a share t of its area is at least t/2 as wide as it
        self._open = {reader: BoxGrid(settings.word_iou / 2) for reader in readers}

    def add(self, statement: Statement[OcrLine], box: Box, mass: float) -> None:
        """Put a text into the cluster of other readers that it is, or open one for it."""
        quad = statement.finding.quad or box_quad(box)
        text = normalised(statement.finding.text)
        index = self._best(statement, text, quad)
        if index is None:
            self.found.append(Cluster(box, statement.is_human, [statement], [mass], quad=quad))
            self._texts.append(text)
            self._bounds.append(quad_box(quad))
            for reader, grid in self._open.items():
                if reader != statement.source.annotator:
                    grid.add(len(self.found) - 1, quad_box(quad))
            return
        cluster = self.found[index]
        cluster.members.append(statement)
        cluster.masses.append(mass)
        self._open[statement.source.annotator].remove(index)

    def _best(self, statement: Statement[OcrLine], text: str, quad: Quad) -> int | None:
        """The cluster of other readers that it overlaps most, among those that say nearly the same."""
        best, most = None, self._settings.word_iou
        near = self._alike(self._open[statement.source.annotator].near(quad_box(quad)), text)
        for index in self._closest(near, quad):
            cluster = self.found[index]
            overlap = 0.0 if cluster.quad is None else quad_iou(cluster.quad, quad)
            if overlap >= most:
                best, most = index, overlap
        return best

    def _alike(self, near: list[int], text: str) -> list[int]:
        """Those of the clusters that say nearly the same."""
        if len(text) > _LONGEST:
            return [index for index in near if self._texts[index] == text]
        short = [index for index in near if len(self._texts[index]) <= _LONGEST]
        texts = [self._texts[index] for index in short]
        least = self._settings.word_similarity
        found = extract_iter(text, texts, scorer=Levenshtein.normalized_similarity, score_cutoff=least)
        return [short[place] for _, similar, place in found if similar > 0]

    def _closest(self, near: list[int], quad: Quad) -> list[int]:
        """All of a few clusters, of many those whose bounds overlap the quad's most, in their order."""
        if len(near) <= _MOST_PLACES:
            return near
        bounds = quad_box(quad)
        return sorted(heapq.nlargest(_MOST_PLACES, near, key=lambda index: iou(bounds, self._bounds[index])))
