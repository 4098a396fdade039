"""`fld eval`: the measures of `engine/api/evaluate.py` as tables, as a JSON file and as a figure."""

import json
from pathlib import Path

from engine.api.evaluate import EvalReport, evaluate
from engine.console.terminal import err, out
from engine.report.eval_report import round_tables, rounds_tables
from engine.report.quality import RESAMPLES
from stages.evaluate.gold import Gold


def run(
    corpus: str,
    gold_path: str,
    number: int,
    *,
    all_rounds: bool = False,
    held_out: float | None = None,
    json_path: str | None = None,
    figure_path: str | None = None,
    resamples: int = RESAMPLES,
) -> None:
    """Measure, print, and write `json_path` and `figure_path`: of one round precision over recall, of all rounds their
    measures side by side."""
    report = evaluate(corpus, gold_path, round=number, all_rounds=all_rounds, held_out=held_out, resamples=resamples)
    out.print(_said(report.gold))
    for line in rounds_tables(report.rounds) if all_rounds else round_tables(report.rounds[number]):
        out.print(line)
    if json_path:
        Path(json_path).write_text(json.dumps(report.as_json(), indent=1) + "\n")
        err.print(f"measures: {json_path}")
    if figure_path:
        _draw(report, figure_path, corpus, all_rounds)
        err.print(f"figure: {figure_path}")


def _draw(report: EvalReport, path: str, corpus: str, all_rounds: bool) -> None:
    title = f"{corpus}: {report.images:,} images with gold"
    if all_rounds:
        from engine.report.figure import draw_measures

        draw_measures(report.rounds, path, f"{title}, 95% intervals")
    else:
        from engine.report.curves import draw_curves

        draw_curves(report.curves, path, f"{title}: objects")


def _said(gold: Gold) -> str:
    parts = [f"gold: {gold.read:,} images"]
    if gold.elsewhere:
        parts.append(f"{gold.elsewhere:,} of them not in the corpus")
    if gold.unlabelled:
        parts.append(f"{gold.unlabelled:,} images of the corpus have none")
    if gold.left_out:
        parts.append(f"{gold.left_out:,} are not held out")
    return "; ".join([*parts, f"measured on {len(gold.records):,}"]) + "  (95% intervals from resampled images)"
