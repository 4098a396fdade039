"""`fld review`: corrections from a file, in one line."""

from engine.api.review import review
from engine.terminal import err


def run(corpus: str, corrections: str, number: int | None, who: str | None, *, accept_rest: bool) -> None:
    """Take in corrections and say how many wait."""
    report = review(corpus, corrections, round=number, who=who, accept_rest=accept_rest)
    err.print(f"review: {report.read:,} read = {report.new:,} new + {report.known:,} that change nothing")
    if report.waiting:
        err.print(f"{report.waiting:,} corrections wait: [bold]fld filter {corpus} --round {report.round}[/]")
