"""How probable a thing is of which several annotators spoke: the model, and what it says.

Comes in: a `Sighting`, that is who saw the thing, with what score, and who calls it otherwise. Goes out: a probability.

    {"yolox": 0.62, "fastest": 0.71}   0.66      both: mostly the word of the one that is borne out more often
    {"yolox": 0.62}                    0.57      the other would hardly have changed it
    {"fastest": 0.71}                  0.03      nobody bears it out who sees nearly everything that is there

Every score is first made a probability by the line of its annotator, or of its annotator for this label (voice.py).
Then there are two ways to put them together, by what is known:

learned (from gold, learned.py): logistic regression, one `presence` and one `weight` of the logit per annotator, one
for being seen by several, and what others make of it who give the place another label.

agreed (without gold, agreement.py): a logarithmic opinion pool. The logit is the mean of the logits of those that
speak, weighted by how reliable they are; from it goes `ABSENCE` times the share of reliability that is silent. Evidence
is not added up, since detectors make the same mistakes: on photographs, of boxes to which the better detector gives a
certain score, those that the weaker one has, too, are hardly more often right.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

import msgspec

from shards.finding import SCORE_DECIMALS
from stages.calibrate.voice import Voice, logit_of, sigmoid_of

ABSENCE = 2.0
"""Logits that a thing loses of which nobody else speaks, all of whom could have seen it."""
SECONDED = 0.3
"""Logits that a thing gains of which all speak that could have seen it."""
_EDGE = 0.5 * 10.0**-SCORE_DECIMALS


class Bin(msgspec.Struct, frozen=True):
    """Of a reliability diagram: things to which about this probability is given, and how many of them were right."""

    mean: float
    right: float
    count: int


class Sighting(NamedTuple):
    """label: as labels are compared. scores: annotator -> the score of its statement, None without one. rivals:
    annotator -> the probability of its strongest statement here that gives another label."""

    label: str
    scores: Mapping[str, float | None]
    rivals: Mapping[str, float] = {}


class Consensus(msgspec.Struct, frozen=True, omit_defaults=True):
    """Of one kind of finding. voices: by annotator. blind: label -> annotators that never speak of it, whose silence
    says nothing. bias, seconded: of the regression. bins: the reliability diagram."""

    method: Literal["learned", "agreed"]
    voices: dict[str, Voice]
    blind: dict[str, list[str]] = {}
    bias: float = 0.0
    seconded: float = 0.0
    bins: list[Bin] = []
    ece: float | None = None

    def mass(self, name: str, label: str, score: float | None) -> float:
        """How much the box of a statement weighs in that of the thing: its probability, times how closely the boxes of
        its annotator lie, or, where nobody knows that, times how reliable it is."""
        voice = self.voices[name]
        reliability = voice.weight**0.5 if self.method == "agreed" else voice.exactness
        return voice.probability(label, score) * reliability

    def probability(self, sighting: Sighting) -> float:
        """Of a thing, in (0, 1); at least one of those that saw it has a voice."""
        evidence = {
            name: logit_of(self.voices[name].probability(sighting.label, score))
            for name, score in sighting.scores.items()
            if name in self.voices
        }
        logit = self._learned(evidence, sighting) if self.method == "learned" else self._agreed(evidence, sighting)
        return sigmoid_of(logit)

    def _learned(self, evidence: Mapping[str, float], sighting: Sighting) -> float:
        spoken = sum(self.voices[name].presence + self.voices[name].weight * e for name, e in evidence.items())
        rivals = sum(self.voices[name].rival * p for name, p in sighting.rivals.items() if name in self.voices)
        return self.bias + spoken + rivals + (self.seconded if len(evidence) > 1 else 0.0)

    def _agreed(self, evidence: Mapping[str, float], sighting: Sighting) -> float:
        blind = self.blind.get(sighting.label, ())
        heard = sum(self.voices[name].weight for name in evidence)
        whole = sum(each.weight for name, each in self.voices.items() if name in evidence or name not in blind)
        mean = sum(self.voices[name].weight * e for name, e in evidence.items()) / heard
        silent = 1.0 - heard / whole
        return mean - ABSENCE * silent + (SECONDED if len(evidence) > 1 and silent < _EDGE else 0.0)


class AnnotatorCalibration(msgspec.Struct, frozen=True):
    """Of a corpus. reference: what decided what is right; images: how many were looked at; kinds: by kind of finding
    ("object", "ocr", "phrase", "mask");
    columns: annotator -> fingerprint, of those that it knows; fingerprint: of what it was made of; reasons: kind ->
    why there is nothing of it."""

    version: int
    reference: str
    images: int
    kinds: dict[str, Consensus]
    columns: dict[str, str]
    fingerprint: str
    reasons: dict[str, str] = {}
