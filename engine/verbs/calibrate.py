"""`fld calibrate`: what was typed goes to `engine/api/calibrate.py`, the report to stderr, the diagram to its file."""

from shlex import quote

from engine.api import calibrate
from engine.console.terminal import err


def run(
    corpus: str, gold: str | None, number: int, source: str | None, assignments: list[str], figure: str | None
) -> None:
    """`fld calibrate`."""
    report = calibrate.calibrate(corpus, gold, source, assignments, round=number)
    found = report.calibration
    err.print(f"calibration/{report.name}.json: by {found.reference}, from {found.images:,} images")
    for line in report.lines:
        err.print(f"  {line}")
    if figure is not None:
        from engine.report.reliability import draw_reliability

        draw_reliability(found, figure)
        err.print(f"reliability: {figure}")
    err.print(f"Write the round with it: fld filter {quote(corpus)}")
