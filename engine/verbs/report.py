"""`fld report`: where the page is that `engine/api/report.py` wrote."""

from engine.api.report import write_report
from engine.console.terminal import out


def report(corpus: str, number: int | None, against: int | None, path: str, gold: str | None = None) -> None:
    """Write the page. number: the round, None for the last; against: the round that it is compared with; gold: a file
    that `fld eval --json` wrote."""
    page = write_report(corpus, path, round=number, against=against, measures=gold)
    out.print(f"report: {page.path}  ({page.size / 1e6:.1f} MB, opens in any browser)", markup=False)
