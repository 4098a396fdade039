"""Reliability without gold: what annotators are worth, read from how they bear each other out over a corpus.

Comes in: the sightings of a corpus. Goes out: a `Consensus` ("agreed"), or why there is none.

    1. of an annotator's statements with about this score, how many does another one make, too?     a first line
    2. again, where a statement counts as much as the first line of who bears it out says           its line
    3. of all that an annotator claims (weighted by its scores), how much is borne out (step 2)?    its reliability

The second step is the first two of the iteration whose fixed point Dawid and Skene's EM finds, too. It stops there on
purpose: annotators are not independent given the truth (they miss the same small things and fall for the same
look-alikes), and further steps, or a likelihood that assumes independence, take their shared mistakes for truth and the
better annotator's lone finds for mistakes. Two steps gave the right probabilities on photographs (0.07 0.12 0.25 0.35
0.45 0.56 were right in 0.07 0.12 0.28 0.35 0.48 0.56 of the cases). A reliability is squared before it weighs.

What it cannot: of two annotators that say equally much and err differently much, nothing shows which one errs more.
Their pool is better than their greatest score, and worse than the better one; only gold, or a third one, tells.

People have no scores, and no annotator is a measure of them: their statements are right in `HUMAN` of the cases.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stages.calibrate.consensus import Consensus, Sighting
from stages.calibrate.interval import wilson
from stages.calibrate.platt import Floats, PlattScaling, fit_scaling_to_shares, probabilities, share_scaling
from stages.calibrate.voice import Voice

HUMAN = 0.9
"""The share of people's labels that is right: of careful ones more, of BCCD's spoilt ones about this."""
LEAST_TOGETHER = 30
"""Statements of an annotator, and pairs that agree, without which nothing can be said."""
_BLIND = 0.1
"""Who says a label this much less often than another does not know it (counted by first lines)."""
_LEAST_KNOWN = 10.0


class _Table(NamedTuple):
    """scores [n, k], nan without one; there [n, k]: who speaks; labels [n]: places in `names`."""

    scores: Floats
    there: NDArray[np.bool_]
    labels: NDArray[np.intp]
    names: list[str]


def agreed(sightings: Sequence[Sighting], voices: Sequence[str], humans: frozenset[str]) -> Consensus | str:
    """The consensus of `voices` (two at least), or the reason why nothing can be said. humans: those of them who are
    people."""
    table = _table(sightings, voices)
    together = int((table.there.sum(axis=1) > 1).sum())
    if together < LEAST_TOGETHER:
        return (
            f"{', '.join(voices)} agree on {together} things, at least {LEAST_TOGETHER} are needed to tell who is right"
        )
    knows = np.ones((len(table.names), len(voices)), dtype=bool)
    first = [_line(table, table.there.astype(np.float64), knows, k, name in humans) for k, name in enumerate(voices)]
    credit = _credit(table, first)
    knows = _knowing(table, credit)
    second = [_line(table, credit, knows, k, name in humans) for k, name in enumerate(voices)]
    blind = {
        label: [voices[k] for k in np.flatnonzero(~known).tolist()]
        for label, known in zip(table.names, knows, strict=True)
        if not known.all()
    }
    heard = {
        name: _voice(table, credit, knows, k, line, name in humans)
        for k, (name, line) in enumerate(zip(voices, second, strict=True))
    }
    return Consensus("agreed", heard, blind)


def _table(sightings: Sequence[Sighting], voices: Sequence[str]) -> _Table:
    names: dict[str, int] = {}
    labels = np.array([names.setdefault(sighting.label, len(names)) for sighting in sightings], dtype=np.intp)
    scores = np.full((len(sightings), len(voices)), np.nan)
    there = np.zeros(scores.shape, dtype=bool)
    place = {name: k for k, name in enumerate(voices)}
    for row, sighting in enumerate(sightings):
        for name, score in sighting.scores.items():
            if name in place:
                there[row, place[name]] = True
                scores[row, place[name]] = np.nan if score is None else score
    return _Table(scores, there, labels, list(names))


def _borne_out(table: _Table, credit: Floats, knows: NDArray[np.bool_], k: int) -> tuple[NDArray[np.bool_], Floats]:
    """Which things annotator k speaks of that others could have seen, and the credit of the best of those who did."""
    others = [other for other in range(table.there.shape[1]) if other != k]
    able = knows[table.labels][:, others]
    rows = table.there[:, k] & able.any(axis=1)
    return rows, (credit[:, others] * able).max(axis=1)[rows]


def _line(table: _Table, credit: Floats, knows: NDArray[np.bool_], k: int, is_human: bool) -> PlattScaling:
    if is_human:
        return PlattScaling(0.0, float(np.log(HUMAN / (1 - HUMAN))))
    rows, targets = _borne_out(table, credit, knows, k)
    scores = table.scores[rows, k]
    scored = ~np.isnan(scores)
    if scored.sum() < LEAST_TOGETHER:
        return share_scaling(targets)
    return fit_scaling_to_shares(scores[scored], targets[scored])


def _credit(table: _Table, lines: Sequence[PlattScaling]) -> Floats:
    """[n, k]: the probability of each statement; 0 where there is none."""
    credit = np.zeros(table.scores.shape)
    for k, line in enumerate(lines):
        there = table.there[:, k]
        scores = table.scores[there, k]
        known = probabilities(np.nan_to_num(scores, nan=0.5), line)
        credit[there, k] = known
    return credit


def _knowing(table: _Table, credit: Floats) -> NDArray[np.bool_]:
    """[labels, k]: whether an annotator knows a label."""
    counts = np.stack([np.bincount(table.labels, column, len(table.names)) for column in credit.T], axis=1)
    most = counts.max(axis=1, keepdims=True)
    return np.asarray((counts >= _BLIND * most) | (most < _LEAST_KNOWN))


def _voice(
    table: _Table, credit: Floats, knows: NDArray[np.bool_], k: int, line: PlattScaling, is_human: bool
) -> Voice:
    rows, targets = _borne_out(table, credit, knows, k)
    scores = table.scores[rows, k]
    claims = np.nan_to_num(scores, nan=1.0)
    reliability = HUMAN if is_human else float((claims * targets).sum() / claims.sum()) if claims.sum() > 0 else 0.5
    low, high = wilson(float(targets.sum()), len(targets))
    weight = round(max(reliability, 0.01) ** 2, 4)
    return Voice(len(targets), round(float(targets.sum()), 1), low, high, line.slope, line.intercept, weight)


def annotator_reliability(consensus: Consensus) -> Mapping[str, float]:
    """Annotator -> its reliability, as `agreed` found it."""
    return {name: voice.weight**0.5 for name, voice in consensus.voices.items()}
