"""The texts of regions: of objects in the right place, is the selected text right?"""

from collections.abc import Sequence

import numpy as np

from shards.folding import plain
from shards.record import Record, Region
from stages.evaluate.bootstrap import Estimate, estimate, ratio
from stages.evaluate.boxes import objects
from stages.evaluate.match import counted, matches

_ARTICLES = ("a ", "an ", "the ")


def region_quality(pairs: Sequence[tuple[Record, Record]], resamples: int) -> dict[str, Estimate]:
    """accuracy: share of predicted objects in the right place (box IoU 0.5, any label) whose selected text is one of
    the gold object's texts, its label or a phrase for it. brief: the same of those whose selected text is more than a
    label, against the gold phrases. Case, blanks and a leading article do not count."""
    right, phrased = [], []
    for predicted, gold in pairs:
        detected, truth = counted(objects(predicted), objects(gold), False)
        both = [(detected[i], truth[j]) for i, j in matches(detected, truth, False)]
        right.append((sum(without_article(a.text) in _texts(b) for a, b in both), len(both)))
        sentences = [(a, b) for a, b in both if a.candidates[a.selected].kind != "phrase"]
        longer = [(without_article(a.text), _texts(b, "brief")) for a, b in sentences]
        phrased.append((sum(text in texts for text, texts in longer), len(longer)))
    estimates = {}
    for name, rows in {"accuracy": right, "brief": phrased}.items():
        sums = np.array(rows, dtype=np.float64)
        estimates[name] = estimate(sums, ratio, int(sums[:, 1].sum()), resamples)
    return estimates


def without_article(text: str) -> str:
    """A text as it is compared: lower case, single blanks, no article in front."""
    folded = plain(text)
    return next((folded.removeprefix(article) for article in _ARTICLES if folded.startswith(article)), folded)


def _texts(region: Region, kind: str | None = None) -> set[str]:
    return {without_article(candidate.text) for candidate in region.candidates if kind in (None, candidate.kind)}
