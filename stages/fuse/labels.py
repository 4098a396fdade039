"""A region is renamed to what the text about its picture says, where the matcher likes that text better than the label.

Comes in: the clusters of one image's objects and what was said about their boxes. Changes: `renamed` of those clusters
whose best text names another label of `fuse.labels`; fusion goes on with the new label, the votes stay as they are.

    objects/0   "balloon"                                 match 0.66
    crops/0     "a checkered purple ball on the grass"    match 0.92  <- the best text; its first chunk ends with "ball"
    clip        chunks "a checkered purple ball", "the grass"

    candidates: phrase "ball" 0.92 of crops/0 | phrase "balloon" 0.66 | brief "a checkered ..." 0.92 <- selected | ...

No parser is asked. The matcher has compared the noun chunks of the crop's text, and a chunk ends with its head: what
the text is about is the end of its first chunk. A person with the text "a man riding a horse" is no horse.
"""

import re

from shards.folding import normalised
from shards.record import Candidate
from stages.fuse.boxes import Cluster, compared
from stages.fuse.candidates import draft
from stages.fuse.ledger import Remark
from stages.fuse.settings import FuseSettings


def correct_labels(clusters: list[Cluster], about: dict[str, list[Remark]], settings: FuseSettings) -> None:
    """Rename the clusters that the text about them names otherwise. `about`: what was said of each reference."""
    if not settings.labels:
        return
    for cluster in clusters:
        if not cluster.human or (settings.given == "filter" and not cluster.is_reviewed):
            cluster.renamed = _better_label(cluster, draft(cluster, about, settings).candidates, settings)


def head_label(chunk: str, settings: FuseSettings) -> str | None:
    """The label of `fuse.labels` with which a noun chunk ends, the longest of several; None if with none."""
    words = normalised(chunk).split()
    ends = (" ".join(words[start:]) for start in range(len(words)))
    return next((settings.label_names[end] for end in ends if end in settings.label_names), None)


def first_chunk(text: str, chunks: list[str]) -> str | None:
    """The one of `chunks` that begins first in the text, the longest of several; None if none is in it."""
    where = [(re.search(rf"(?<!\w){re.escape(normalised(chunk))}(?!\w)", normalised(text)), chunk) for chunk in chunks]
    places = [(match.start(), -len(chunk), chunk) for match, chunk in where if match]
    return min(places)[2] if places else None


def _better_label(cluster: Cluster, candidates: list[Candidate], settings: FuseSettings) -> Candidate | None:
    """What the cluster should be called, with the similarity and the source of the text that says so; None: as it is.

    The label is the first candidate, so a text is better only if its similarity is higher. A label that the matcher did
    not see loses against a text that it saw, as in the choice of a region's text."""
    matched = [(candidate.similarity, candidate) for candidate in candidates if candidate.similarity is not None]
    if not matched:
        return None
    similarity, best = max(matched, key=lambda entry: entry[0])  # the first of equals
    if similarity < settings.label_similarity:
        return None
    chunks = [candidate.text for candidate in candidates if candidate.kind == "chunk"]
    chunk = first_chunk(best.text, chunks) if best.kind == "brief" else best.text
    label = None if chunk is None else head_label(chunk, settings)
    if label is None or compared(label, settings) == compared(cluster.label, settings):
        return None
    # Another vote may say it already (agreement: geometry): then that candidate leads.
    voted = (
        candidate
        for candidate in candidates
        if candidate.kind == "phrase" and normalised(candidate.text) == normalised(label)
    )
    return next(voted, Candidate("phrase", label, similarity, best.source))
