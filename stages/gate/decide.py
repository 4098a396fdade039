"""May the candidate take over? The paired comparison of two models on the same held-out images.

Comes in: what the candidate and the previous model said about the images, and the records they are compared with.
Goes out: a `Promotion`, written as `rounds/NN/promotion.json`:

    {"promoted": false, "reason": "boxes fell by 0.412 (95% interval -0.480 to -0.350), more than 0.02", ...
     "measures": {"boxes": {"candidate": 0.31, "previous": 0.72, "difference": -0.41, "low": -0.48, "high": -0.35}}}

The difference of each measure is resampled over images with both models on the same resample (Efron's paired
bootstrap), which cancels how hard the images are: an interval that excludes 0 is a difference of the models.
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from shards.record import Record
from stages.evaluate.bootstrap import Sums, draws, f1
from stages.evaluate.measures import paired, sums
from stages.gate.settings import GateSettings


class MeasureChange(msgspec.Struct, frozen=True):
    """F1 of both models, and the difference (candidate - previous) with its 95% interval. None: no previous model."""

    candidate: float
    previous: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def unchanged(self) -> bool:
        """Whether no change lies within the interval."""
        return self.low is not None and self.high is not None and self.low <= 0.0 <= self.high


class Promotion(msgspec.Struct, frozen=True):
    """The verdict. candidate, previous: fingerprints of the columns that the models would write; images: how many
    held-out ones both annotated; reference: what their labels were compared with; conditions: a hash of all that
    decided."""

    promoted: bool
    reason: str
    candidate: str
    previous: str
    reference: str
    images: int
    measures: dict[str, MeasureChange] = {}
    conditions: str = ""


class GateVerdict(msgspec.Struct, frozen=True):
    """What the comparison says."""

    promoted: bool
    reason: str
    measures: dict[str, MeasureChange] = {}


def decide(
    candidate: Sequence[Record], previous: Sequence[Record] | None, references: Sequence[Record], settings: GateSettings
) -> GateVerdict:
    """Compare on the images of `references`. previous None: the candidate was trained from nothing."""
    if not references:
        return GateVerdict(False, "no image is held out: raise loop.retrain.held_out, or bring more images")
    measures: dict[str, MeasureChange] = {}
    predicted = 0.0
    for name in settings.watched:
        own = sums(name, paired(candidate, references))
        predicted += own[:, 1].sum()
        if own[:, 2].sum() > 0:
            old = None if previous is None else sums(name, paired(previous, references))
            measures[name] = _change(own, old, settings)
    if not measures:
        return GateVerdict(
            False,
            f"nothing to compare with: no held-out image has {', '.join(settings.watched)}; raise"
            " loop.retrain.held_out, or the subset.share of the annotator that writes them, or bring --gold",
        )
    if predicted == 0:
        return GateVerdict(False, f"the candidate says nothing about {len(references)} held-out images", measures)
    return _judged(measures, settings, previous is not None)


def _judged(measures: dict[str, MeasureChange], settings: GateSettings, is_compared: bool) -> GateVerdict:
    if not is_compared:
        mean = float(np.mean([change.candidate for change in measures.values()]))
        worst = f"the mean of {', '.join(measures)} is {mean:.3f}"
        if mean < settings.floor:
            return GateVerdict(False, f"{worst}, less than {settings.floor} (loop.gate.floor)", measures)
        return GateVerdict(True, f"{worst}; there is no previous model to compare with", measures)
    if falls := [fall for name, change in measures.items() if (fall := _fall(name, change, settings))]:
        return GateVerdict(False, "; ".join(falls), measures)
    moved = "; ".join(line for name, change in measures.items() if (line := _moved(name, change, settings)))
    return GateVerdict(True, moved or "no measure rose or fell beyond its interval", measures)


def _change(own: Sums, old: Sums | None, settings: GateSettings) -> MeasureChange:
    value = _f1(own.sum(axis=0, keepdims=True))[0]
    if old is None:
        return MeasureChange(_rounded(value))
    before = _f1(old.sum(axis=0, keepdims=True))[0]
    drawn = draws(len(own), settings.resamples)
    low, high = np.percentile(_f1(drawn @ own) - _f1(drawn @ old), (2.5, 97.5))
    if len(own) == 1:  # all resamples are the same: the interval had no width, and any difference would have counted
        low, high = -1.0, 1.0
    return MeasureChange(*(_rounded(number) for number in (value, before, value - before, low, high)))


def _f1(of: Sums) -> Sums:
    """0 where a resample has neither labels nor anything wanted: both models are equal there."""
    return np.nan_to_num(f1(of))


def _fall(name: str, change: MeasureChange, settings: GateSettings) -> str:
    """What is said of a measure that fell; "" for one that did not."""
    if change.difference is None or change.low is None or change.high is None:
        return ""
    if change.difference >= -settings.tolerance or change.high >= 0:
        return ""
    interval = f"95% interval {change.low:+.3f} to {change.high:+.3f}"
    return f"{name} fell by {-change.difference:.3f} ({interval}), more than {settings.tolerance} (loop.gate.tolerance)"


def _moved(name: str, change: MeasureChange, settings: GateSettings) -> str:
    """What is said of a measure of a model that is promoted; "" where chance explains the difference."""
    if change.difference is None or change.unchanged or change.low is None or change.high is None:
        return ""
    interval = f"95% interval {change.low:+.3f} to {change.high:+.3f}"
    if change.difference > 0:
        return f"{name} rose by {change.difference:.3f} ({interval})"
    return (
        f"{name} fell by {-change.difference:.3f} ({interval}), which loop.gate.tolerance = {settings.tolerance} allows"
    )


def _rounded(value: float) -> float:
    return round(float(value), 6)
