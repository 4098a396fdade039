"""Phrases under a calibration: who points at a place, and who sees a thing there that the phrase names.

Comes in: the phrases and the objects of one image. Goes out: a `Sighting` per phrase, from which its probability comes.

    grounder/3 "a red dog" 0.41   yolo/0 "dog" 0.83 lies there    Sighting("", {"grounder": 0.41, "yolo/object": 0.83})

A phrase has no label that others could confirm word for word, but a detector that finds a dog where "a red dog" points
bears it out: it is one more voice, under a name of its own, since what its objects are worth by themselves is another
matter.
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from filters.nouns import names
from shards.finding import SCORE_DECIMALS, Box, Detection, PhraseGrounding, Span
from shards.geometry import iou_matrix
from stages.calibrate.consensus import Consensus, Sighting
from stages.fuse.boxes import compared
from stages.fuse.ledger import Statement
from stages.fuse.settings import FuseSettings

SAME_PLACE_IOU = 0.5
"""From here on a phrase points at what another one points at, or at a thing."""
_OF_OBJECTS = "/object"

PhraseStatement = Statement[PhraseGrounding]


def speaker(voice: str) -> str:
    """The annotator whose voice it is: `speaker("yolo/object")` is "yolo"."""
    return voice.removesuffix(_OF_OBJECTS)


def phrase_sightings(
    phrases: Sequence[PhraseStatement], objects: Sequence[Statement[Detection]], settings: FuseSettings
) -> list[Sighting]:
    """One per phrase; one without a box is seen by its annotator alone. Objects that came with the image are no
    witnesses: where there are some differs from image to image."""
    witnesses = [each for each in objects if not each.is_human]
    labels = [compared(each.finding.text, settings) for each in witnesses]
    seen = _Speakers([*zip(witnesses, labels, strict=True)], _OF_OBJECTS)
    by_phrase: dict[tuple[str, Span], list[tuple[PhraseStatement, str]]] = {}
    for phrase in phrases:
        by_phrase.setdefault(_slot(phrase), []).append((phrase, ""))
    pointing = {slot: _Speakers(rivals, "") for slot, rivals in by_phrase.items()}
    return [
        Sighting(
            "",
            {
                **pointing[_slot(phrase)].at(phrase.box, ""),
                **seen.at(phrase.box, phrase.finding.text),
                phrase.source.annotator: phrase.finding.score,
            },
        )
        for phrase in phrases
    ]


def believed_phrases(
    phrases: list[PhraseStatement],
    objects: Sequence[Statement[Detection]],
    settings: FuseSettings,
    consensus: Consensus | None,
) -> list[PhraseStatement]:
    """The phrases, with their probability in place of the score of their box where a voice is known. `source` keeps
    what the annotator said; a human's phrase that the settings protect stays as it is."""
    if consensus is None:
        return phrases
    judged = [phrase for phrase in phrases if _is_judged(phrase, settings, consensus)]
    worth = {
        phrase.source.ref: round(consensus.probability(sighting), SCORE_DECIMALS)
        for phrase, sighting in zip(judged, phrase_sightings(judged, objects, settings), strict=True)
    }
    return [_with_score(phrase, worth.get(phrase.source.ref)) for phrase in phrases]


def _is_judged(phrase: PhraseStatement, settings: FuseSettings, consensus: Consensus) -> bool:
    is_protected = phrase.is_reviewed or (phrase.given and settings.given == "keep")
    return phrase.box is not None and not is_protected and phrase.source.annotator in consensus.voices


def _with_score(phrase: PhraseStatement, score: float | None) -> PhraseStatement:
    if score is None:
        return phrase
    return msgspec.structs.replace(phrase, finding=msgspec.structs.replace(phrase.finding, score=score))


def _slot(phrase: PhraseStatement) -> tuple[str, Span]:
    return phrase.finding.about, phrase.finding.span


class _Speakers:
    """Statements with a box and a label, many of them in one place if need be. suffix: of their voices' names."""

    def __init__(self, labelled: Sequence[tuple[PhraseStatement | Statement[Detection], str]], suffix: str) -> None:
        placed = [(each, label, each.box) for each, label in labelled if each.box is not None]
        scores = [each.finding.score for each, _, _ in placed]
        self._boxes = np.array([box for _, _, box in placed], dtype=np.float64).reshape(-1, 4)
        self._scores = np.array([-1.0 if score is None else score for score in scores])
        self._voices = np.array([f"{each.source.annotator}{suffix}" for each, _, _ in placed])
        self._labels = np.array([label for _, label, _ in placed])
        self._known = sorted({label for _, label, _ in placed})

    def at(self, box: Box | None, phrase: str) -> dict[str, float | None]:
        """Voice -> its best score there, None without one; of what `phrase` names, or of all if it is ""."""
        if box is None or not len(self._boxes):
            return {}
        there = iou_matrix([box], self._boxes)[0] >= SAME_PLACE_IOU
        if phrase and there.any():
            there &= np.isin(self._labels, [label for label in self._known if names(phrase, label)])
        found: dict[str, float | None] = {}
        for voice in sorted(set(self._voices[there].tolist())):
            best = float(self._scores[there & (self._voices == voice)].max())
            found[voice] = None if best < 0 else best
        return found
