"""What `fld eval` found, as tables for people and as JSON.

    Measured = {"stages": {"raw": {"boxes/recall": Estimate(...)}, ..., "kept": {...}},
                "annotators": {"detector": {...}},
                "changes": {"kept - raw": {...}, "kept - detector": {...}}}

A change is paired (`stages.evaluate.bootstrap.change`); in the tables it has a star where its interval excludes 0.
"""

import math
from collections.abc import Mapping, Sequence

from rich.table import Table
from rich.text import Text

from engine.report.quality import cell, comparison
from stages.evaluate.bootstrap import Estimate, change
from stages.evaluate.boxes import RECALLS

_LABEL, _LABELS = "boxes/map50/", 12
_STARS = "  (paired; * beyond the 95% interval)"
Measures = dict[str, Estimate]
Measured = dict[str, dict[str, Measures]]
UNFILTERED, FILTERED = "raw", "kept"
SHOWN = (
    "boxes/precision", "boxes/recall", "boxes/f1", "boxes/map", "boxes/map50", "boxes/best_f1",
    "regions/accuracy", "regions/brief",
    "phrases/precision", "phrases/recall_at_1", "phrases/coverage", "masks/iou", "words/cer", "words/f1",
    "words/cut_f1", "words/icdar_f1", "words/icdar_read_f1", "texts/precision", "texts/recall",
    *(f"captions/{size}/{name}" for size in ("brief", "detailed", "more_detailed")
      for name in ("exact", "cider", "bleu", "objects_f1", "attributes_f1", "actions_f1")),
)  # fmt: skip


def with_changes(measured: Measured) -> Measured:
    """With what the round has over what was said, and over each annotator alone."""
    kept = measured["stages"][FILTERED]
    others = {UNFILTERED: measured["stages"][UNFILTERED], **measured.get("annotators", {})}
    changes = {f"{FILTERED} - {name}": changed(other, kept) for name, other in others.items()}
    return measured | {"changes": {name: measures for name, measures in changes.items() if measures}}


def changed(before: Measures, after: Measures) -> Measures:
    """The paired change of every measure that both have a value for."""
    both = [name for name in after if name in before and before[name].count and after[name].count]
    return {name: change(before[name], after[name]) for name in both}


def _title(words: str) -> Text:
    return Text(f"\n{words}", "bold")


def round_tables(measured: Measured) -> list[str | Text | Table]:
    """Of one round: after each filter stage, and what it has over each annotator alone."""
    lines: list[str | Text | Table] = [_title("After each filter stage"), comparison(measured["stages"], SHOWN)]
    if any(measured.get("annotators", {}).values()):
        lines += [_title("Each annotator alone, unfiltered, and the round"), _against_annotators(measured)]
    ranked = ranked_columns(measured)
    if ranked:
        lines += [_title("Objects over all thresholds"), _over_thresholds(ranked), suggestion(ranked[FILTERED])]
        lines += [_title("Objects by label: AP at IoU 0.5"), _by_label(ranked)]
    return lines


def ranked_columns(measured: Measured) -> Mapping[str, Measures]:
    """The annotators alone, and the round before and after its filters, as far as they have boxes with scores."""
    stages = measured["stages"]
    columns = {**measured.get("annotators", {}), UNFILTERED: stages[UNFILTERED], FILTERED: stages[FILTERED]}
    ranked = {
        name: measures
        for name, measures in columns.items()
        if "boxes/best_f1" in measures and measures["boxes/best_f1"].count
    }
    return ranked if FILTERED in ranked else {}


def suggestion(kept: Measures) -> str:
    """The threshold with the best F1."""
    best, score = kept["boxes/best_f1"], kept["boxes/best_score"]
    return (
        f"Best F1 of the round is {best.value:.3f}, at a score of {score.value:.2f} (95% interval {score.low:.2f} to"
        f" {score.high:.2f}): --set filters.region.min_score={score.value:.2f}"
    )


def _over_thresholds(columns: Mapping[str, Measures]) -> Table:
    recalls = {f"precision at recall {recall}": f"boxes/precision_at/{recall}" for recall in RECALLS}
    names = {"AP": "boxes/map", "best F1": "boxes/best_f1", "at score": "boxes/best_score", **recalls}
    rows = [[name, *(cell(measures.get(key)) for key in names.values())] for name, measures in columns.items()]
    return _rows(["", *names], rows)


def _by_label(columns: Mapping[str, Measures]) -> Table:
    """The most frequent labels."""
    own = {
        name.removeprefix(_LABEL): estimate.count
        for name, estimate in columns[FILTERED].items()
        if name.startswith(_LABEL)
    }
    labels = sorted(own, key=lambda label: (-own[label], label))[:_LABELS]
    rows = [
        [label, str(own[label]), *(cell(measures.get(_LABEL + label)) for measures in columns.values())]
        for label in labels
    ]
    return _rows(["label", "gold", *columns], rows)


def rounds_tables(rounds: Mapping[int, Measured]) -> list[str | Text | Table]:
    """Of all rounds: what was said in the first, what each kept, and how each differs from the first."""
    first = next(iter(rounds))
    kept = {number: measured["stages"][FILTERED] for number, measured in rounds.items()}
    columns = {UNFILTERED: rounds[first]["stages"][UNFILTERED]} | {
        f"round {number}": measures for number, measures in kept.items()
    }
    lines: list[str | Text | Table] = [_title("Rounds"), comparison(columns, SHOWN)]
    later = {f"round {n} - round {first}": changed(kept[first], measures) for n, measures in kept.items() if n != first}
    if later:
        rows = [(name, *(_signed(measures.get(name)) for measures in later.values())) for name in SHOWN]
        lines += [_title("Changes").append(_STARS, "not bold"), _rows(["measure", *later], rows)]
    return lines


def improvement(columns: Mapping[str, Measures], measures: Sequence[str]) -> Table:
    """All columns, and by how much the last is better than the second, paired: the first is of what was said."""
    _, first, *later = columns
    over = [changed(columns[first], columns[last]) for last in later[-1:]]
    rows = [
        [name, *(cell(column.get(name)) for column in columns.values()), *(_signed(each.get(name)) for each in over)]
        for name in measures
        if any(name in column and column[name].count for column in columns.values())
    ]
    return _rows(["measure", *columns, *(f"{last} - {first}" for last in later[-1:])], rows)


def _against_annotators(measured: Measured) -> Table:
    """One line per annotator and measure; a measure that only one annotator has is a line, too."""
    kept = measured["stages"][FILTERED]
    rows = []
    for name in SHOWN:
        for annotator, measures in measured["annotators"].items():
            if name in measures and measures[name].count:
                over = measured["changes"].get(f"{FILTERED} - {annotator}", {}).get(name)
                rows.append((name, annotator, cell(measures[name]), cell(kept.get(name)), _signed(over)))
    return _rows(["measure", "annotator", "alone", FILTERED, f"difference{_STARS}"], rows)


def as_json(rounds: Mapping[int, Measured]) -> dict[str, object]:
    """Plain numbers; null for what is not a number."""
    return {
        str(number): {
            group: {
                name: {key: _plain(estimate) for key, estimate in measures.items()}
                for name, measures in columns.items()
            }
            for group, columns in measured.items()
        }
        for number, measured in rounds.items()
    }


def _plain(estimate: Estimate) -> dict[str, float | int | None]:
    numbers = {"value": estimate.value, "low": estimate.low, "high": estimate.high}
    return {
        **{name: value if math.isfinite(value) else None for name, value in numbers.items()},
        "count": estimate.count,
    }


def _rows(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Rows with something in them."""
    table = Table(box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, no_wrap=heading == "measure", overflow="fold")
    for row in rows:
        if any(row[1:]):
            table.add_row(*row)
    return table


def _signed(estimate: Estimate | None) -> str:
    if estimate is None or not math.isfinite(estimate.value):
        return ""
    star = " *" if estimate.low > 0 or estimate.high < 0 else ""
    return f"{estimate.value:+.2f} ({estimate.low:+.2f} - {estimate.high:+.2f}){star}"
