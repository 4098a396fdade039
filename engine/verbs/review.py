"""`fld review`: corrections from a file, in one line; or the labels that want some, as JSON lines."""

import json
import sys
from shlex import quote

from engine.api.review import review, suspected
from engine.config.config_text import ConfigError
from engine.console.terminal import err, styled
from shards.reviews import told_waiting


def suspect(corpus: str, number: int | None, count: int) -> None:
    """Print the labels that are probably wrong, the worst first, a JSON object each."""
    for each in suspected(corpus, round=number, count=count):
        sys.stdout.write(json.dumps(each._asdict() | {"score": round(each.score, 4)}, ensure_ascii=False) + "\n")


def run(corpus: str, corrections: str | None, number: int | None, who: str | None, *, accept_rest: bool) -> None:
    """Take in corrections and say how many wait."""
    if corrections is None:
        raise ConfigError("fld review wants a file of corrections, or --suspects COUNT")
    report = review(corpus, corrections, round=number, who=who, accept_rest=accept_rest)
    err.print(f"review: {report.read:,} read = {report.new:,} new + {report.known:,} that change nothing")
    if report.repeated:
        err.print(
            f"  {report.repeated:,} of them were taken in before, and their ids are others' now:"
            " describe a target by label and box to correct what has its id today"
        )
    if report.waiting:
        err.print(
            f"{told_waiting(report.waiting)}:",
            styled("bold", f"fld filter {quote(corpus)} --round {report.round}"),
        )
