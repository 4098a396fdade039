"""`fld stats`: the paper's tables 2 and 3 for a round, for people or as JSON with all that `fld report` draws."""

from rich.table import Table

from engine.api import stats as api
from engine.console.terminal import out
from stages.describe import paper
from stages.describe.statistics import RoundStatistics


def stats(corpus: str, number: int | None, *, json: bool) -> None:
    """Print the statistics of a round, of the last if None."""
    report = api.stats(corpus, round=number)
    if json:
        out.file.write(report.as_json().decode() + "\n")
        return
    found = report.statistics
    out.print(f"round {found.round}: {found.images:,} images; in brackets FLD-5B (Florence-2, tables 2 and 3)")
    if found.described < found.images:
        out.print(f"read in {found.described:,} of them, the first by the hash of their key; numbers are scaled up")
    out.print(_annotations(found))
    out.print(_elements(found))


def _annotations(found: RoundStatistics) -> Table:
    published = {(each.type, each.kind): each for each in paper.TABLE_2}
    table = Table(box=None, pad_edge=False)
    for name in ("type", "of", "count", "tokens", "regions", "per image or text", "regional tokens"):
        table.add_column(name, justify="left" if name in ("type", "of") else "right", overflow="fold")
    for each in found.annotations:
        other = published.get((each.type, each.kind))
        cells = [
            _beside(getattr(each, name), getattr(other, name, None), is_count=name == "regions")
            for name in ("tokens", "regions", "per", "regional_tokens")
        ]
        table.add_row(each.type, each.kind.replace("_", " "), _number(each.count), *cells)
    return table


def _elements(found: RoundStatistics) -> Table:
    table = Table("per text", *(size.replace("_", " ") for size in found.elements), box=None, pad_edge=False)
    for name in paper.TABLE_3["brief"]:
        cells = [_beside(of[name], paper.TABLE_3[size][name]) for size, of in found.elements.items()]
        table.add_row(name.replace("_", " "), *cells)
    return table


def _beside(value: float | None, other: float | None, *, is_count: bool = False) -> str:
    if value is None:
        return ""
    return _number(value) + ("" if other is None or is_count else f" ({other:.2f})")


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"
