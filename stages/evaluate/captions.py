"""Texts against gold texts: exact match, CIDEr-D and BLEU, per granularity."""

import re
from collections.abc import Sequence

import numpy as np

from shards.finding import Granularity
from shards.folding import plain
from shards.record import Record
from specialists.weights import require_package
from stages.evaluate.bootstrap import Estimate, estimate, interval, ratio

GRANULARITIES: tuple[Granularity, ...] = ("brief", "detailed", "more_detailed")


def first_text(record: Record, granularity: Granularity) -> str:
    """The first text of a granularity, "" if there is none."""
    return next((text.text for text in record.texts if text.granularity == granularity), "")


def all_texts(record: Record, granularity: Granularity) -> list[str]:
    """All texts of a granularity: of gold, the references."""
    return [text.text for text in record.texts if text.granularity == granularity and text.text]


def caption_quality(pairs: Sequence[tuple[Record, Record]], resamples: int) -> dict[str, Estimate]:
    """For every granularity that the gold has: <granularity>/exact, /cider, /bleu. A missing text scores 0. All texts
    of the gold are references: COCO has five of each picture."""
    estimates: dict[str, Estimate] = {}
    for granularity in GRANULARITIES:
        texts = [(first_text(p, granularity), all_texts(g, granularity)) for p, g in pairs]
        texts = [(text, references) for text, references in texts if references]
        if texts:
            scores = text_quality([text for text, _ in texts], [references for _, references in texts], resamples)
            estimates |= {f"{granularity}/{name}": value for name, value in scores.items()}
    return estimates


def text_quality(
    predictions: Sequence[str], references: Sequence[Sequence[str]], resamples: int
) -> dict[str, Estimate]:
    """exact (one of its references up to case and spaces, in [0, 1]), cider (CIDEr-D, in [0, 10]) and bleu (sacrebleu,
    in [0, 100]). references: one at least of each text."""
    count = len(references)
    exact = [float(plain(text) in map(plain, own)) for text, own in zip(predictions, references, strict=True)]
    scores = {"exact": exact, "cider": cider(predictions, references)}
    estimates = {
        name: estimate(np.stack([values, np.ones(count)], axis=1), ratio, count, resamples)
        for name, values in scores.items()
    }
    return estimates | {"bleu": _bleu(predictions, references, resamples)}


def words(text: str) -> list[str]:
    """Lower-case words and numbers; punctuation does not count, as in the COCO caption evaluation."""
    return re.findall(r"\w+(?:'\w+)?", text.lower())


def cider(predictions: Sequence[str], truth: Sequence[Sequence[str]]) -> list[float]:
    """CIDEr-D of each text (Vedantam et al. 2015, section 6) by pycocoevalcap, with all its references. Document
    frequencies come from `truth`; a set of one text has none, so its scores are 0. The words are ours (`words`): the
    package's own tokenizer is a Java program, which differs in rare cases such as hyphens and contractions."""
    require_package("CIDEr", "pycocoevalcap", "eval")
    from pycocoevalcap.cider.cider import Cider

    if not any(words(text) for references in truth for text in references):
        return [0.0] * len(truth)
    references = {i: [" ".join(words(text)) for text in texts] for i, texts in enumerate(truth)}
    answers = {i: [" ".join(words(text))] for i, text in enumerate(predictions)}
    _, scores = Cider().compute_score(references, answers)
    return [float(score) for score in scores]


def _bleu(predictions: Sequence[str], truth: Sequence[Sequence[str]], resamples: int) -> Estimate:
    """Corpus BLEU-4 of sacrebleu (13a tokens, lower case), with all references, over resampled sets of texts."""
    require_package("BLEU", "sacrebleu", "eval")
    from sacrebleu.metrics.bleu import BLEU

    most = max(map(len, truth))
    streams = [[own[min(place, len(own) - 1)] for own in truth] for place in range(most)]
    if resamples < 2:
        value = BLEU(lowercase=True).corpus_score(list(predictions), streams).score
        return interval(value, np.array([]), len(truth))
    metric, texts, references = BLEU(lowercase=True), list(predictions), streams
    value = metric.corpus_score(texts, references).score
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(min(resamples, 50)):
        chosen = rng.integers(len(texts), size=len(texts))
        some = [texts[i] for i in chosen], [[stream[i] for i in chosen] for stream in references]
        drawn.append(metric.corpus_score(*some).score)
    return interval(value, np.array(drawn), len(truth))
