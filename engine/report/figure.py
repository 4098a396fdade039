"""`fld eval --rounds --figure out.png`: how good each type of annotation is, round by round, with 95% intervals.

Comes in: the measures of every round (`engine.report.eval_report.Measured`). Goes out: a PNG with one panel per
measure; the first point of each is what the annotators said before any filter, then what each round kept.
Needs the extra `viewer`.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from engine.config.config_text import ConfigError
from engine.report.eval_report import FILTERED, UNFILTERED, Measured, Measures
from specialists.weights import require_package

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANELS = {
    "boxes/f1": "objects: F1 at IoU 0.5",
    "boxes/map50": "objects: AP at IoU 0.5",
    "regions/accuracy": "region texts: accuracy",
    "captions/brief/cider": "brief texts: CIDEr-D",
    "captions/brief/objects_f1": "brief texts: objects F1",
    "captions/detailed/objects_f1": "detailed texts: objects F1",
    "captions/more_detailed/objects_f1": "more detailed texts: objects F1",
    "phrases/precision": "phrases: precision of boxes",
    "phrases/coverage": "phrases: share of objects named",
    "masks/iou": "masks: mean IoU",
    "words/f1": "words: end-to-end F1",
    "words/cer": "words: character errors (less is better)",
}
COLUMNS = 4


def draw_measures(rounds: Mapping[int, Measured], path: str, title: str) -> None:
    """Write the figure to `path`. Raises ConfigError if no round has a measure that is drawn, or for a file type that
    matplotlib does not write."""
    require_package("--figure", "matplotlib", "viewer")
    from matplotlib.figure import Figure

    first = next(iter(rounds.values()))
    points = {UNFILTERED: first["stages"][UNFILTERED]} | {
        f"round {n}": measured["stages"][FILTERED] for n, measured in rounds.items()
    }
    shown = [name for name in PANELS if any(name in measures and measures[name].count for measures in points.values())]
    if not shown:
        raise ConfigError(f"nothing to draw: no round has any of {', '.join(PANELS)}")
    rows = -(-len(shown) // COLUMNS)
    figure = Figure(figsize=(3.4 * COLUMNS, 2.7 * rows + 0.4), layout="constrained")
    figure.suptitle(title, fontsize=11)
    for place, name in enumerate(shown):
        panel = figure.add_subplot(rows, COLUMNS, place + 1)
        _panel(panel, name, points)
    save_figure(figure, path)


def save_figure(figure: "Figure", path: str) -> None:
    """Write it. Raises ConfigError for a file type that matplotlib does not write."""
    try:
        figure.savefig(path, dpi=130)
    except ValueError as error:
        raise ConfigError(f"figure must name an image file such as quality.png, got {path}: {error}") from error


def _panel(panel: "Axes", name: str, points: Mapping[str, Measures]) -> None:
    """One measure: a point and its interval per column; a column without it leaves a gap."""
    there = [
        (x, measures[name]) for x, measures in enumerate(points.values()) if name in measures and measures[name].count
    ]
    xs, values = [x for x, _ in there], [estimate.value for _, estimate in there]
    below = [max(0.0, estimate.value - estimate.low) for _, estimate in there]
    above = [max(0.0, estimate.high - estimate.value) for _, estimate in there]
    panel.errorbar(xs, values, yerr=[below, above], marker="o", markersize=4, capsize=3, linewidth=1.2, color="#20639b")
    panel.set_title(PANELS[name], fontsize=9)
    panel.set_xticks(range(len(points)), list(points), fontsize=8)
    panel.set_xlim(-0.4, len(points) - 0.6)
    panel.set_ylim(0, 10 if name.endswith("cider") else 1.02)
    panel.tick_params(axis="y", labelsize=8)
    panel.grid(axis="y", alpha=0.3)
