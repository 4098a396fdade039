"""From the scores of a Grounding DINO, queries x tokens, to phrases of the text with boxes.

Comes in, per image and caption: boxes [q, 4] px and probabilities [q, t] that a query shows what a token names. Goes
out: phrases. Two ways to find them:

- model: the library's own (`groundingdino.util.inference.predict`), tokens above `text_floor` name the phrase of a
  query. A run of neighbouring tokens is one phrase, grown to whole words; the library glues all runs of a query.
- chunks: the phrases are given (noun chunks); a query's score for one is the mean over its tokens, as with the
  `token_spans` of the library's demo.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from shards.finding import Span
from specialists.roles import Boxes, Phrase, Scores
from specialists.spans import TokenizedCaption, whole_words


@dataclass(frozen=True, eq=False)
class Hits:
    """One phrase in several places: box_scores float32 [k] say how sure each is; score is the phrase's own."""

    span: Span
    score: float
    boxes: Boxes
    box_scores: Scores


def model_phrases(
    text: str, caption: TokenizedCaption, boxes: Boxes, scores: NDArray[np.float32], box_floor: float, text_floor: float
) -> list[Hits]:
    """Phrases that the model marks itself. A box counts for a run whose best token is above `box_floor`."""
    named = np.array([span is not None for span in caption.spans])
    scores = np.where(named, scores[:, : len(named)], 0)
    hits = []
    for query in np.flatnonzero(scores.max(axis=1, initial=0) > box_floor):
        row = scores[query]
        for first, last in _runs(row > text_floor):
            best = row[first : last + 1].max()
            if best > box_floor:
                span = whole_words(text, (_start(caption, first), _end(caption, last)))
                mean = float(row[first : last + 1].mean())
                hits.append(Hits(span, mean, boxes[query : query + 1], np.array([best], np.float32)))
    return hits


def chunk_phrases(
    chunks: Iterable[Span], caption: TokenizedCaption, boxes: Boxes, scores: NDArray[np.float32], box_floor: float
) -> list[Hits]:
    """One entry per chunk that has tokens in this caption, with all boxes above `box_floor`, perhaps none."""
    hits = []
    for start, end in chunks:
        tokens = [
            index
            for index, span in enumerate(caption.spans)
            if span is not None and span[0] < end and start < span[1] and index < scores.shape[1]
        ]
        if not tokens:
            continue
        means = scores[:, tokens].mean(axis=1)
        found = means > box_floor
        hits.append(Hits((start, end), float(means.max(initial=0)), boxes[found], means[found].astype(np.float32)))
    return hits


def merged(hits: list[Hits]) -> list[Phrase]:
    """Hits of one text as phrases in its order, each span once, its best box first."""
    phrases = []
    ordered = sorted(hits, key=lambda hit: hit.span)
    for (start, end), group in groupby(ordered, key=lambda hit: hit.span):
        same = list(group)
        box_scores = np.concatenate([hit.box_scores for hit in same])
        best_first = np.argsort(-box_scores, kind="stable")
        boxes = np.concatenate([hit.boxes for hit in same])[best_first]
        phrases.append(Phrase(start, end, max(hit.score for hit in same), boxes, box_scores[best_first]))
    return phrases


def pixel_boxes(boxes: NDArray[np.float32], width: int, height: int) -> Boxes:
    """Relative centre x y, width, height [n, 4] to xyxy px, clipped to the image."""
    centre, half = boxes[:, :2], boxes[:, 2:] / 2
    corners = np.concatenate([centre - half, centre + half], axis=1)
    clipped: Boxes = (np.clip(corners, 0, 1) * np.array([width, height] * 2)).astype(np.float32)
    return clipped


def _runs(above: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last index of every run of True."""
    steps = np.flatnonzero(np.diff(np.concatenate([[False], above, [False]]).astype(np.int8)))
    return [(int(first), int(end) - 1) for first, end in steps.reshape(-1, 2)]


def _start(caption: TokenizedCaption, token: int) -> int:
    span = caption.spans[token]
    assert span is not None, "runs hold named tokens only"
    return span[0]


def _end(caption: TokenizedCaption, token: int) -> int:
    span = caption.spans[token]
    assert span is not None, "runs hold named tokens only"
    return span[1]
