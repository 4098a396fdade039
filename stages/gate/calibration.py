"""What the scores of the loop's model are worth: its box scores become the probability of being right.

Comes in: pairs (score, is it right) of held-out images. Goes out: a `ModelCalibration`,
`rounds/NN/model/calibration.json`, of voices as those of a corpus's annotators (stages/calibrate/voice.py):

    {"reference": "round 0", "images": 52, "kinds": {
      "object": {"count": 312, "right": 201, "slope": 0.61, "intercept": -0.42, "ece_before": 0.31, "ece_after": 0.04},
      "phrase": {"count": 9, "right": 4, "slope": null, "reason": "9 pairs, at least 30 are needed"}, ...},
     "among_others": {"seen": {"object": {"count": 240, "right": 196, ...}, ...},
                      "hinted": {"object": {"count": 31, "right": 19, ...}, ...},
                      "lone": {"object": {"count": 41, "right": 3, ...}, ...}}}

The score of a product of token probabilities says how sure the model is of its next words. Mapped, it says how often
such a box is right, which is what a threshold of a filter means, and what other annotators' scores can be held against.
How often that is depends most on whether anybody else saw the like (support.py): what the model says by itself is
mapped by `kinds`, what it says among others by `among_others`; of boxes that join nobody else's, `right` then counts
those that add something. It is applied when a round is written, before it is asked how probable the things are of
which all have spoken (stages/calibrate/worth.py, consensus.py).
"""

from collections.abc import Mapping

import msgspec

from stages.calibrate.interval import wilson
from stages.calibrate.platt import PlattScaling
from stages.calibrate.support import SUPPORTS, Support
from stages.calibrate.voice import LEAST_PAIRS, Enough, Judged, Voice, voice_of
from stages.calibrate.worth import Lines, Worth
from stages.gate.pairs import ScoredPairs

VERSION = 4
"""Raised when the same pairs give another calibration: verdicts are then reached again."""
ENOUGH = Enough(pairs=LEAST_PAIRS, is_share_enough=False)
"""Two parameters from less would be chance: scores then stay as they are."""
FEW = Enough(pairs=LEAST_PAIRS)
"""Of boxes that join nobody else's the least that is known is how many were right, and that is believed."""
Voices = Mapping[str, Voice]
"""By kind of finding."""


class ModelCalibration(msgspec.Struct, frozen=True):
    """reference: what decided what is right; images: how many of it; kinds: by kind of finding, of all boxes;
    among_others: the same by what others saw there."""

    reference: str
    images: int
    kinds: dict[str, Voice]
    among_others: dict[Support, dict[str, Voice]] = {}

    @property
    def lines(self) -> Lines:
        """For a model by itself."""
        return _lines(self.kinds)

    @property
    def worth(self) -> Worth:
        """For a model among others. Boxes that others have, too, are worth what all are if they are too few."""
        lines = {support: _lines(voices) for support, voices in self.among_others.items()}
        return Worth({**lines, "seen": {**self.lines, **lines.get("seen", {})}})

    @property
    def summary(self) -> str:
        """One line for people: "scores of object calibrated (error 0.31, then 0.04; 312 boxes; right: 196 of 240 that
        others saw, 19 of 31 hinted, 3 of 41 lone), ocr as they are"."""
        return "scores of " + ", ".join(
            f"{kind} {_summary(voice)}{self._shares(kind)}" for kind, voice in self.kinds.items()
        )

    def _shares(self, kind: str) -> str:
        of_kind = {support: voices[kind] for support, voices in self.among_others.items() if kind in voices}
        shares = [f"{voice.right:.0f} of {voice.count} {support}" for support, voice in of_kind.items() if voice.count]
        return f" (right: {', '.join(shares)})" if shares else ""


def calibrate_model(pairs: Mapping[str, ScoredPairs], reference: str, images: int) -> ModelCalibration:
    """The calibration that these pairs of `images` images give. Never raises for too few: it says so."""
    return ModelCalibration(
        reference,
        images,
        kinds={kind: voice_of(_judged(of_kind), ENOUGH) for kind, of_kind in pairs.items()},
        among_others={support: _among(pairs, support) for support in SUPPORTS},
    )


def _lines(voices: Voices) -> dict[str, PlattScaling]:
    return {kind: line for kind, voice in voices.items() if (line := voice.line) is not None}


def _among(pairs: Mapping[str, ScoredPairs], support: Support) -> dict[str, Voice]:
    enough = ENOUGH if support == "seen" else FEW
    return {kind: voice_of(_judged(of_kind.of(support)), enough) for kind, of_kind in pairs.items()}


def _judged(pairs: ScoredPairs) -> Judged:
    return Judged(pairs.scores, pairs.right, pairs.folds)


def _summary(voice: Voice) -> str:
    if voice.line is None:
        return "as they are"
    then = "" if voice.ece_after is None else f", then {voice.ece_after:.2f}"
    return f"calibrated (error {voice.ece_before:.2f}{then}; {voice.count} boxes)"


class _FitBefore(msgspec.Struct, frozen=True):
    """A voice as it was written while the gate had a kind of its own."""

    pairs: int
    right: int
    slope: float | None = None
    intercept: float | None = None
    ece_before: float | None = None
    ece_after: float | None = None
    reason: str = ""

    @property
    def voice(self) -> Voice:
        """The same."""
        low, high = wilson(self.right, self.pairs)
        return Voice(
            self.pairs, self.right, low, high, self.slope, self.intercept,
            ece_before=self.ece_before, ece_after=self.ece_after, reason=self.reason,
        )  # fmt: skip


class _CalibrationBefore(msgspec.Struct, frozen=True):
    reference: str
    images: int
    kinds: dict[str, _FitBefore]
    among_others: dict[Support, dict[str, _FitBefore]] = {}


def decode_calibration(data: bytes) -> ModelCalibration:
    """What was kept, by an earlier release too. Raises msgspec.DecodeError."""
    try:
        return msgspec.json.decode(data, type=ModelCalibration)
    except msgspec.ValidationError:
        before = msgspec.json.decode(data, type=_CalibrationBefore)
    kinds = {kind: fit.voice for kind, fit in before.kinds.items()}
    among = {support: {kind: fit.voice for kind, fit in fits.items()} for support, fits in before.among_others.items()}
    return ModelCalibration(before.reference, before.images, kinds, among)
