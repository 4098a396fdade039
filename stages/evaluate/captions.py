"""Texts against gold texts: exact match, CIDEr-D and BLEU, per granularity."""

import re
from collections.abc import Sequence

import numpy as np

from shards.finding import Granularity
from shards.folding import plain
from shards.record import Record
from stages.evaluate.bootstrap import Estimate, estimate, interval, ratio

GRANULARITIES: tuple[Granularity, ...] = ("brief", "detailed", "more_detailed")


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


def text_quality(predictions: Sequence[str], references: Sequence[str], resamples: int) -> dict[str, Estimate]:
    """exact (up to case and spaces, in [0, 1]), cider (CIDEr-D, in [0, 10]) and bleu (sacrebleu, in [0, 100])."""
    count = len(references)
    exact = [float(plain(a) == plain(b)) for a, b in zip(predictions, references, strict=True)]
    scores = {"exact": exact, "cider": cider(predictions, references)}
    found = {
        name: estimate(np.stack([values, np.ones(count)], axis=1), ratio, count, resamples)
        for name, values in scores.items()
    }
    return found | {"bleu": _bleu(predictions, references, resamples)}


def words(text: str) -> list[str]:
    """Lower-case words and numbers; punctuation does not count, as in the COCO caption evaluation."""
    return re.findall(r"\w+(?:'\w+)?", text.lower())


def cider(said: Sequence[str], truth: Sequence[str]) -> list[float]:
    """CIDEr-D of each text (Vedantam et al. 2015, section 6) by pycocoevalcap, with one reference each. Document
    frequencies come from `truth`; a set of one text has none, so its scores are 0. The words are ours (`words`): the
    package's own tokenizer is a Java program, which differs in rare cases such as hyphens and contractions."""
    from pycocoevalcap.cider.cider import Cider

    if not any(map(words, truth)):
        return [0.0] * len(truth)
    references = {i: [" ".join(words(text))] for i, text in enumerate(truth)}
    answers = {i: [" ".join(words(text))] for i, text in enumerate(said)}
    _, scores = Cider().compute_score(references, answers)
    return [float(score) for score in scores]


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
