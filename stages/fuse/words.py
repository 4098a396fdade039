"""Several readers, one list of words: quads that overlap and say nearly the same become one text region.

    easyocr/4   "EXlT"  0.55  quad over the sign       region "EXIT" 0.93, quad of rapidocr/0
    rapidocr/0  "EXIT"  0.93  quad over the sign       votes: rapidocr/0 with 1.0, easyocr/4 with 0.0

Text cannot be averaged, and a quad belongs to the text that was read in it: the best vote (a human's, then score x
trust) gives both, the others stay as votes. Two quads of one reader are never the same text.
"""

from rapidfuzz.distance import Levenshtein

from shards.finding import Quad
from shards.folding import normalised
from shards.geometry import box_quad, quad_iou
from stages.fuse.boxes import Cluster, mass, region_score
from stages.fuse.ledger import Statement
from stages.fuse.settings import FuseSettings


def fuse_words(stated: list[Statement], settings: FuseSettings, readers: list[str]) -> list[Cluster]:
    """Clusters in the order in which the first reader that saw each came upon it (its reading order). A statement
    without box is in none. `readers`: the names of all readers of the round."""
    places = {each.source.ref: index for index, each in enumerate(stated)}
    clusters: list[Cluster] = []
    ranked = [(each, 1.0 if each.given else mass(each, settings)) for each in stated]
    for each, weighed in sorted(ranked, key=lambda entry: (not entry[0].given, -entry[1])):
        if each.box is None:
            continue
        quad = each.finding.quad or box_quad(each.box)
        same = _best(clusters, each, quad, settings)
        if same is None:
            clusters.append(Cluster(each.box, each.given, [each], [weighed], quad=quad))
        else:
            same.members.append(each)
            same.masses.append(weighed)
    for cluster in clusters:
        cluster.score = region_score(cluster, settings, readers)
    return sorted(clusters, key=lambda cluster: min(places[each.source.ref] for each in cluster.members))


def text_similarity(first: str, second: str) -> float:
    """1 - edit distance / length of the longer, of the normalised texts; 1.0 for two empty ones."""
    first, second = normalised(first), normalised(second)
    longest = max(len(first), len(second))
    return 1.0 - Levenshtein.distance(first, second) / longest if longest else 1.0


def _best(clusters: list[Cluster], statement: Statement, quad: Quad, settings: FuseSettings) -> Cluster | None:
    """The cluster of other readers that it overlaps most, among those that say nearly the same."""
    best, most = None, settings.word_iou
    for cluster in clusters:
        if statement.source.annotator in cluster.voters() or cluster.quad is None:
            continue
        overlap = quad_iou(cluster.quad, quad)
        similar = overlap >= most and text_similarity(cluster.members[0].finding.text, statement.finding.text)
        if similar and similar >= settings.word_similarity:
            best, most = cluster, overlap
    return best
