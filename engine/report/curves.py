"""`fld eval --figure` of one round: precision over recall of its objects, and of each annotator alone.

Comes in: `Curve`s by name, of the same images. Goes out: a picture with one line each. A line ends where its annotator
has no more boxes; a point stands at the threshold with the best F1.
"""

from collections.abc import Mapping

import numpy as np

from engine.config.config_text import ConfigError
from engine.report.figure import save_figure
from specialists.weights import require_package
from stages.calibrate.platt import Floats
from stages.evaluate.boxes import Curve, precision_recall


def draw_curves(curves: Mapping[str, Curve], path: str, title: str) -> None:
    """Write the figure to `path`. Raises ConfigError if nobody found an object, or for a file type that matplotlib does
    not write."""
    require_package("--figure", "matplotlib", "viewer")
    from matplotlib.figure import Figure

    shown = {name: curve for name, curve in curves.items() if len(curve.scores) and curve.gold.sum()}
    if not shown:
        raise ConfigError("--figure: nobody found an object, so there is nothing to draw; --rounds shows all measures")
    figure = Figure(figsize=(6.4, 5.0), layout="constrained")
    axes = figure.add_subplot()
    for name, curve in shown.items():
        precision, recall = precision_recall(curve)
        best = _best(precision, recall)
        label = f"{name}, best F1 {_f1(precision, recall)[best]:.2f} from {curve.scores[best]:.2f}"
        [line] = axes.plot(recall, precision, linewidth=2.0 if name == next(iter(shown)) else 1.1, label=label)
        axes.plot(recall[best], precision[best], marker="o", color=line.get_color())
    axes.set_title(title, fontsize=9)
    axes.set_xlabel("recall (IoU 0.5, same label)")
    axes.set_ylabel("precision")
    axes.set_xlim(0, 1.0)
    axes.set_ylim(0, 1.02)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    save_figure(figure, path)


def _f1(precision: Floats, recall: Floats) -> Floats:
    return np.asarray(2 * precision * recall / np.maximum(precision + recall, 1e-9))


def _best(precision: Floats, recall: Floats) -> int:
    return int(_f1(precision, recall).argmax())
