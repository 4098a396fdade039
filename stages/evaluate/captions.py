"""Texts against gold texts: exact match, CIDEr-D and BLEU, per granularity."""

import math
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from shards.finding import Granularity
from shards.record import Record
from stages.evaluate.bootstrap import Estimate, estimate, interval, ratio

GRANULARITIES: tuple[Granularity, ...] = ("brief", "detailed", "more_detailed")
ORDERS = 4
SIGMA = 6.0
"""Width of CIDEr-D's length penalty, in words."""

Grams = Counter[tuple[str, ...]]


def text_of(record: Record, granularity: Granularity) -> str:
    """The first text of a granularity, "" if there is none."""
    return next((text.text for text in record.texts if text.granularity == granularity), "")


def caption_quality(pairs: Sequence[tuple[Record, Record]], resamples: int) -> dict[str, Estimate]:
    """For every granularity that the gold has: <granularity>/exact, /cider, /bleu. A missing text scores 0."""
    found: dict[str, Estimate] = {}
    for granularity in GRANULARITIES:
        texts = [(text_of(p, granularity), text_of(g, granularity)) for p, g in pairs]
        texts = [(said, truth) for said, truth in texts if truth]
        if texts:
            scores = text_quality([said for said, _ in texts], [truth for _, truth in texts], resamples)
            found |= {f"{granularity}/{name}": value for name, value in scores.items()}
    return found


def text_quality(said: Sequence[str], truth: Sequence[str], resamples: int) -> dict[str, Estimate]:
    """exact (up to case and spaces, in [0, 1]), cider (CIDEr-D, in [0, 10]) and bleu (sacrebleu, in [0, 100])."""
    count = len(truth)
    exact = [float(_plain(a) == _plain(b)) for a, b in zip(said, truth, strict=True)]
    scores = {"exact": exact, "cider": cider(said, truth)}
    found = {
        name: estimate(np.stack([values, np.ones(count)], axis=1), ratio, count, resamples)
        for name, values in scores.items()
    }
    return found | {"bleu": _bleu(said, truth, resamples)}


def _plain(text: str) -> str:
    return " ".join(text.lower().split())


def words(text: str) -> list[str]:
    """Lower-case words and numbers; punctuation does not count, as in the COCO caption evaluation."""
    return re.findall(r"\w+(?:'\w+)?", text.lower())


def cider(said: Sequence[str], truth: Sequence[str]) -> list[float]:
    """CIDEr-D of each text (Vedantam et al. 2015, section 6), with one reference each: the mean over n = 1..4 of the
    clipped tf-idf cosine, times a penalty for another length, times 10. Document frequencies come from `truth`; a set
    of one text has none, so its scores are 0."""
    references = [_grams(text) for text in truth]
    frequency: Counter[tuple[str, ...]] = Counter(gram for grams in references for gram in grams)
    return [
        _cider_d(_grams(one), reference, frequency, len(truth)) for one, reference in zip(said, references, strict=True)
    ]


def _grams(text: str) -> Grams:
    tokens = words(text)
    return Counter(tuple(tokens[i : i + n]) for n in range(1, ORDERS + 1) for i in range(len(tokens) - n + 1))


def _cider_d(said: Grams, truth: Grams, frequency: Counter[tuple[str, ...]], documents: int) -> float:
    lengths = [sum(count for gram, count in grams.items() if len(gram) == 1) for grams in (said, truth)]
    penalty = math.exp(-((lengths[0] - lengths[1]) ** 2) / (2 * SIGMA**2))
    total = 0.0
    for n in range(1, ORDERS + 1):
        a, b = (_weights(grams, n, frequency, documents) for grams in (said, truth))
        norms = [math.sqrt(sum(weight * weight for weight in grams.values())) for grams in (a, b)]
        if min(norms) > 0:
            shared = sum(min(weight, b.get(gram, 0.0)) * b.get(gram, 0.0) for gram, weight in a.items())
            total += shared / (norms[0] * norms[1])
    return 10 * penalty * total / ORDERS


def _weights(grams: Grams, n: int, frequency: Counter[tuple[str, ...]], documents: int) -> dict[tuple[str, ...], float]:
    """tf-idf of the n-grams; one that no reference has counts as if one had it."""
    return {
        gram: count * math.log(documents / max(1, frequency[gram])) for gram, count in grams.items() if len(gram) == n
    }


def _bleu(said: Sequence[str], truth: Sequence[str], resamples: int) -> Estimate:
    """Corpus BLEU-4 of sacrebleu (13a tokens, lower case) with its own bootstrap."""
    from sacrebleu.metrics.bleu import BLEU

    if resamples < 2:
        value = BLEU(lowercase=True).corpus_score(list(said), [list(truth)]).score
        return interval(value, np.array([]), len(truth))
    metric, texts, references = BLEU(lowercase=True), list(said), [list(truth)]
    value = metric.corpus_score(texts, references).score
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(min(resamples, 50)):
        chosen = rng.integers(len(texts), size=len(texts))
        some = [texts[i] for i in chosen], [[references[0][i] for i in chosen]]
        drawn.append(metric.corpus_score(*some).score)
    return interval(value, np.array(drawn), len(truth))
