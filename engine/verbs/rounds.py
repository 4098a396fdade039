"""`fld run`, `ingest`, `annotate` and `filter`: what was typed goes to `engine/api/rounds.py`, reports to stderr."""

from engine.api import rounds
from engine.terminal import err, styled
from engine.verbs.printing import printer


def run(images: list[str], corpus: str, source: str | None, assignments: list[str]) -> None:
    """`fld run`."""
    rounds.run(images, corpus, source, assignments, progress=True, tell=printer(corpus))
    look, one = styled("bold", f"fld view {corpus}"), styled("bold", f"fld show {corpus} KEY")
    err.print("Look at it:", look, "  one image:", one)


def ingest(
    images: list[str], corpus: str, source: str | None, assignments: list[str], *, retry_quarantined: bool
) -> None:
    """`fld ingest`."""
    printer(corpus)(rounds.ingest(images, corpus, source, assignments, retry_quarantined=retry_quarantined))


def annotate(corpus: str, source: str | None, assignments: list[str], *, retry_quarantined: bool) -> None:
    """`fld annotate`."""
    report = rounds.annotate(corpus, source, assignments, retry_quarantined=retry_quarantined, progress=True)
    printer(corpus)(report)


def refilter_round(corpus: str, number: int, source: str | None, assignments: list[str], *, dry_run: bool) -> None:
    """`fld filter`."""
    printer(corpus)(rounds.filter(corpus, source, assignments, round=number, dry_run=dry_run))
