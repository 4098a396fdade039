"""`fld calibrate --figure`: of things that got about this probability, how many were right.

Comes in: an `AnnotatorCalibration`. Goes out: a picture; for each kind a point per bin, as large as it has things in
it, over the diagonal on which probabilities are true, and beside it the line of each annotator, from score to
probability.
"""

from typing import TYPE_CHECKING

import numpy as np

from engine.report.figure import save_figure
from specialists.weights import require_package
from stages.calibrate.consensus import AnnotatorCalibration, Consensus
from stages.calibrate.platt import probabilities

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SCORES = np.linspace(0.01, 0.99, 99)


def draw_reliability(calibration: AnnotatorCalibration, path: str) -> None:
    """Write the figure to `path`. Raises ConfigError for a file type that matplotlib does not write."""
    require_package("--figure", "matplotlib", "viewer")
    from matplotlib.figure import Figure

    kinds = calibration.kinds
    figure = Figure(figsize=(8.4, 3.8 * len(kinds)), layout="constrained")
    for row, (kind, consensus) in enumerate(kinds.items()):
        _bins(figure.add_subplot(len(kinds), 2, 2 * row + 1), kind, consensus)
        _lines(figure.add_subplot(len(kinds), 2, 2 * row + 2), kind, consensus)
    save_figure(figure, path)


def _bins(axes: "Axes", kind: str, consensus: Consensus) -> None:
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    sizes = [20 + 3 * bin_.count**0.5 for bin_ in consensus.bins]
    axes.scatter([bin_.mean for bin_ in consensus.bins], [bin_.right for bin_ in consensus.bins], s=sizes)
    error = "" if consensus.ece is None else f", error {consensus.ece:.3f}"
    axes.set_title(f"{kind}: {consensus.method}{error}", fontsize=9)
    axes.set_xlabel("probability")
    axes.set_ylabel("share that is right")


def _lines(axes: "Axes", kind: str, consensus: Consensus) -> None:
    for name, voice in consensus.voices.items():
        worth = _SCORES if voice.line is None else probabilities(_SCORES, voice.line)
        axes.plot(_SCORES, worth, label=f"{name} ({voice.count:,})")
    axes.set_title(f"{kind}: what a score is worth", fontsize=9)
    axes.set_xlabel("score")
    axes.set_ylabel("probability")
    axes.legend(fontsize=8)
