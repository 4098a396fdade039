"""Words in pictures: are they found, and read right?"""

from collections.abc import Sequence

import numpy as np
from rapidfuzz.distance import Levenshtein

from shards.folding import plain
from shards.record import Record, Region
from stages.evaluate.bootstrap import Estimate, estimate, f1, ratio
from stages.evaluate.cuts import words_in_order
from stages.evaluate.icdar import icdar_counts
from stages.evaluate.match import counted, matches


def word_quality(pairs: Sequence[tuple[Record, Record]], resamples: int) -> dict[str, Estimate]:
    """place_recall: gold words with a predicted text region on them (IoU 0.5 of the boxes). cer: edits per gold
    character of these. f1: place and text both right (end to end). cut_precision, cut_recall, cut_f1: of words, however
    both sides cut the text into regions (cuts.py). icdar_precision, _recall, _f1, icdar_read_f1: by ICDAR's protocol,
    place alone and with the text (icdar.py). Upper and lower case count as equal."""
    placed, edited, ended, cut, icdar = [], [], [], [], []
    for predicted, gold in pairs:
        read, truth = counted(_words(predicted), _words(gold), False)
        where = matches(read, truth, False)
        texts = [(plain(read[i].text), plain(truth[j].text)) for i, j in where]
        placed.append((len(where), len(truth)))
        edited.append((sum(Levenshtein.distance(a, b) for a, b in texts), sum(len(b) for _, b in texts)))
        ended.append((sum(a == b for a, b in texts), len(read), len(truth)))
        cut.append(words_in_order(read, truth))
        icdar.append(icdar_counts(_words(predicted), _words(gold)))
    sums = [np.array(rows, dtype=np.float64) for rows in (placed, edited, ended, cut, icdar)]
    words = int(sums[0][:, 1].sum())
    return {
        "place_recall": estimate(sums[0], ratio, words, resamples),
        "cer": estimate(sums[1], ratio, int(sums[1][:, 1].sum()), resamples),
        "f1": estimate(sums[2], f1, words, resamples),
        "cut_precision": estimate(sums[3][:, [0, 1]], ratio, int(sums[3][:, 1].sum()), resamples),
        "cut_recall": estimate(sums[3][:, [0, 2]], ratio, int(sums[3][:, 2].sum()), resamples),
        "cut_f1": estimate(sums[3], f1, int(sums[3][:, 2].sum()), resamples),
        "icdar_precision": estimate(sums[4][:, [0, 2]], ratio, int(sums[4][:, 2].sum()), resamples),
        "icdar_recall": estimate(sums[4][:, [0, 3]], ratio, words, resamples),
        "icdar_f1": estimate(sums[4][:, [0, 2, 3]], f1, words, resamples),
        "icdar_read_f1": estimate(sums[4][:, [1, 2, 3]], f1, words, resamples),
    }


def _words(record: Record) -> list[Region]:
    return [region for region in record.regions if region.kind == "text"]
