"""What annotators are worth, learned from gold.

Comes in: every statement with whether it was right, and every sighting with whether the thing is one. Goes out: a
`Consensus` ("learned"), or why there is none.

    1. per annotator: score -> probability (Platt), and the same for each label of which there is enough
    2. logistic regression of the sightings: the logits of 1, who speaks, whether several do, and what those say who
       give the place another label; coefficients are shrunk as if by a normal prior of variance 1

A second statement about the same thing is wrong: it adds nothing. The reliability diagram and the errors are of
probabilities that either half of the images gets from the other half.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from stages.calibrate.consensus import Bin, Consensus, Sighting
from stages.calibrate.platt import Bools, Floats, calibration_error, is_mixed, logits, weights_of_evidence
from stages.calibrate.voice import Enough, Judged, Voice, voice_of

LEAST_SIGHTINGS = 50
"""Things, right and wrong ones, without which nothing is learned."""
LEAST_RIGHT = 20
"""Right ones among them. From gold of one to three photographs with fewer, YOLOX-Nano's scores were worth nothing, and
the round's AP on 40 others was 0.18 to 0.28; by agreement it is 0.28."""
ENOUGH = Enough(of_either=5, of_label=20, without_score=40)
"""Statements for a line of an annotator, or of one of its labels. With 5 for a label, the lines of COCO's rarer labels
were noise: best F1 fell by 0.015 on other pictures."""
_AS_ALL = 20
"""Right boxes that an annotator is taken to have drawn as closely as all do, besides its own."""
_RIDGE = 1.0
_BINS = 10
_DECIMALS = 4


class Stated(NamedTuple):
    """One statement. fold: 0 or 1, the half of its image. iou: of its box with that of the thing, if it is right."""

    label: str
    score: float | None
    right: bool
    fold: int
    iou: float = 1.0


class LabelledSighting(NamedTuple):
    """A sighting, whether the thing is one, and the half of its image."""

    sighting: Sighting
    right: bool
    fold: int


def voices_of(stated: Mapping[str, Sequence[Stated]]) -> dict[str, Voice]:
    """Annotator -> what its statements are worth by themselves; none for an annotator that said nothing."""
    exactness = _exactness(stated)
    return {
        name: voice_of(_judged(statements), ENOUGH, exactness[name])
        for name, statements in stated.items()
        if statements
    }


def learned(judged: Sequence[LabelledSighting], voices: Mapping[str, Voice]) -> Consensus | str:
    """The consensus of `voices` (those of `voices_of`), or the reason why nothing can be learned."""
    right = np.array([thing.right for thing in judged], dtype=bool)
    if len(right) < LEAST_SIGHTINGS or right.sum() < LEAST_RIGHT or not is_mixed(right):
        return (
            f"{len(right)} things were seen, {int(right.sum())} of them right: at least {LEAST_SIGHTINGS} are needed,"
            f" and of them {LEAST_RIGHT} right ones and a wrong one: give gold of more images"
        )
    sightings = [thing.sighting for thing in judged]
    whole = _regression(sightings, right, voices)
    folds = np.array([thing.fold for thing in judged])
    crossed = np.full(len(right), np.nan)
    for fold in (0, 1):
        fitted, judged_here = folds != fold, folds == fold
        if is_mixed(right[fitted]) and judged_here.any():
            half = _regression([s for s, is_in in zip(sightings, fitted, strict=True) if is_in], right[fitted], voices)
            places = np.flatnonzero(judged_here)
            crossed[places] = [half.probability(sightings[place]) for place in places.tolist()]
    known = ~np.isnan(crossed)
    if not known.any():
        return whole
    error = round(calibration_error(crossed[known], right[known]), _DECIMALS)
    return msgspec.structs.replace(whole, bins=diagram(crossed[known], right[known]), ece=error)


def diagram(probabilities: Floats, right: Bools) -> list[Bin]:
    """The share of right ones in bins of equal width."""
    places = np.minimum((probabilities * _BINS).astype(int), _BINS - 1)
    bins = []
    for place in range(_BINS):
        there = places == place
        if there.any():
            mean, share_right = float(probabilities[there].mean()), float(right[there].mean())
            bins.append(Bin(round(mean, _DECIMALS), round(share_right, _DECIMALS), int(there.sum())))
    return bins


def _exactness(stated: Mapping[str, Sequence[Stated]]) -> dict[str, float]:
    """Annotator -> the weight of its boxes in a mean of several: the inverse of their mean squared miss, 1 - IoU, as in
    any mean of measurements that are not equally precise. Few right boxes are taken to miss as all do."""
    misses = {
        name: np.array([1.0 - statement.iou for statement in statements if statement.right])
        for name, statements in stated.items()
    }
    everybody = np.concatenate([*misses.values(), np.zeros(0)]) ** 2
    if not everybody.any():
        return dict.fromkeys(stated, 1.0)
    mean = float(everybody.mean())
    errors = {
        name: (float((losses**2).sum()) + _AS_ALL * mean) / (len(losses) + _AS_ALL) for name, losses in misses.items()
    }
    return {name: round(min(errors.values()) / error, _DECIMALS) for name, error in errors.items()}


def _judged(statements: Sequence[Stated]) -> Judged:
    return Judged(
        scores=np.array([np.nan if statement.score is None else statement.score for statement in statements]),
        right=np.array([statement.right for statement in statements], dtype=bool),
        folds=np.array([statement.fold for statement in statements], dtype=np.intp),
        labels=np.array([statement.label for statement in statements]),
    )


def _regression(sightings: Sequence[Sighting], right: Bools, voices: Mapping[str, Voice]) -> Consensus:
    names = list(voices)
    design = np.stack([_row(sighting, voices, names) for sighting in sightings])
    bias, seconded, *rest = weights_of_evidence(design, right, _RIDGE).tolist()
    count = len(names)
    weighed = {
        name: msgspec.structs.replace(
            voices[name],
            presence=round(rest[k], _DECIMALS),
            weight=round(max(rest[count + k], 0.0), _DECIMALS),
            rival=round(rest[2 * count + k], _DECIMALS),
        )
        for k, name in enumerate(names)
    }
    return Consensus("learned", weighed, bias=round(bias, _DECIMALS), seconded=round(seconded, _DECIMALS))


def _row(sighting: Sighting, voices: Mapping[str, Voice], names: Sequence[str]) -> NDArray[np.float64]:
    there = np.array([name in sighting.scores for name in names], dtype=np.float64)
    evidence = [
        voices[name].probability(sighting.label, sighting.scores[name]) if name in sighting.scores else 0.5
        for name in names
    ]
    rivals = [sighting.rivals.get(name, 0.0) for name in names]
    several = float(there.sum() > 1)
    return np.concatenate([[1.0, several], there, there * logits(np.array(evidence)), rivals])
