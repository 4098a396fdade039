"""The figure of `student`: how good labels are after each round, and how good the students are that learn from them.

Comes in: per arm, an estimate per round or per training. Goes out: a file, SVG or PNG by its name.
"""

from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stages.evaluate.bootstrap import Estimate

Course = Mapping[str, Sequence[Estimate]]
NAMES = {
    "b": "the loop",
    "c": "more of the same training",
    "d": "human gold",
    "w": "the loop, rare labels weigh more",
    "v": "more of the same training, likewise",
    "s": "the loop, labels weighed by probability",
    "i": "the loop, doubtful labels left out",
}
COLOURS = ("#20639b", "#ed553b", "#3caea3", "#f6a21e", "#6d3a9c")


def draw_course(labels: Course, students: Course, steps: int, path: Path) -> None:
    """labels: arm -> F1 of the labels of each of its rounds, the first as they were given; students: arm -> AP after
    each of its trainings of `steps` steps."""
    figure = Figure(figsize=(9.2, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    _lines(left, labels, "F1 of labels at IoU 0.5")
    _lines(right, students, "AP of students on pictures kept out")
    rounds = max((len(each) for each in labels.values()), default=0)
    left.set_xticks(range(rounds), ["as given", *(f"round {number}" for number in range(1, rounds))])
    trainings = max((len(each) for each in students.values()), default=0)
    right.set_xticks(range(trainings), [f"{steps * (number + 1):,} steps" for number in range(trainings)])
    figure.savefig(path)


def _lines(panel: Axes, course: Course, title: str) -> None:
    """An arm's line and its intervals; arms stand side by side, so that intervals can be told apart."""
    for place, (colour, (arm, found)) in enumerate(zip(cycle(COLOURS), course.items(), strict=False)):
        xs = [number + 0.04 * (place - (len(course) - 1) / 2) for number in range(len(found))]
        values = [each.value for each in found]
        below = [max(0.0, each.value - each.low) for each in found]  # an interval over pictures may leave its value out
        above = [max(0.0, each.high - each.value) for each in found]
        panel.errorbar(
            xs, values, [below, above], label=NAMES.get(arm, arm), color=colour, marker="o", markersize=4, capsize=3
        )
    panel.set_title(title, fontsize=10)
    panel.grid(axis="y", alpha=0.3)
    if course:
        panel.legend(fontsize=8, loc="lower right")
