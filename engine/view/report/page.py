"""The report as HTML: what was found, handed to the templates.

Comes in: a `Report`. Goes out: one page without a script, whose style, drawings and pictures are all inside. Whatever
comes from the corpus is text to the templates, never markup, and the page's own policy forbids scripts and any request.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from engine.console.cleaning import visible
from engine.view.report import charts
from engine.view.report.gallery import Shown
from stages.describe import paper
from stages.describe.annotations import Annotations
from stages.describe.filter_summary import FilterSummary, RuleSummary
from stages.describe.statistics import RoundStatistics


@dataclass(frozen=True)
class ReportPart:
    """An annotator of the round, and what was kept of what it said, by type: (type, kept, dropped)."""

    name: str
    fingerprint: str
    role: str
    model: str
    said: list[tuple[str, int, int]]


@dataclass(frozen=True)
class Change:
    """Against another round. images: what became of how many; labels: (name, before, now), the largest change first;
    pictures: before and now, side by side."""

    before: RoundStatistics
    images: dict[str, int]
    labels: list[tuple[str, int, int]]
    pictures: list[tuple[str, Shown, Shown]]


@dataclass(frozen=True)
class Sign:
    """One sign of the watch over the rounds: (round, value) each; limits: None where there is none."""

    name: str
    values: list[tuple[int, float]]
    warn: float | None
    stop: float | None


@dataclass(frozen=True)
class Gated:
    """One verdict on a model. measures: name -> candidate, previous, difference, low, high."""

    round: int
    learner: str
    promoted: bool
    reason: str
    images: int
    measures: Mapping[str, Any]


class MeasureValue(msgspec.Struct, frozen=True):
    """A measure with its 95% interval, as `fld eval --json` writes it; None: nothing to measure."""

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Measure:
    """One measure against gold: what the annotators said, then what each round kept."""

    name: str
    columns: list[tuple[str, MeasureValue]]


@dataclass(frozen=True)
class Cost:
    """What one paid annotator has cost so far. price: in the currency of the settings, 0 without prices; of_requests,
    of_tokens: the budget, None without one."""

    name: str
    requests: int
    prompt_tokens: int
    answer_tokens: int
    price: float
    of_requests: int | None
    of_tokens: int | None


@dataclass(frozen=True)
class Report:
    """All that the page shows. drops: each rule with its examples, a picture where there is one."""

    corpus: str
    made: str
    statistics: RoundStatistics
    ledger: FilterSummary
    drops: list[tuple[RuleSummary, Sequence[Shown | None]]]
    parts: list[ReportPart]
    profile: str
    settings: Sequence[tuple[str, str, str]]
    worst: list[Shown]
    random: list[Shown]
    change: Change | None = None
    gates: list[Gated] = field(default_factory=list)
    signs: list[Sign] = field(default_factory=list)
    measured: list[Measure] = field(default_factory=list)
    costs: list[Cost] = field(default_factory=list)


@dataclass(frozen=True)
class Line:
    """A line of table 2: here, in FLD-5B, and in the round that it is compared with."""

    type: str
    kind: str
    here: Annotations
    paper: Annotations | None
    before: Annotations | None


def render(report: Report) -> str:
    """The page."""
    environment = Environment(
        loader=PackageLoader("engine.view.report"), autoescape=select_autoescape(default=True), finalize=visible,
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.globals |= {"bars": charts.bars, "outline": charts.outline, "heat": charts.heat, "share": charts.share}
    environment.filters |= {"number": number, "spaced": spaced}
    before = report.change.before if report.change else None
    return environment.get_template("report.html").render(
        report=report, found=report.statistics, before=before, lines=lines(report.statistics, before),
        paper=paper.TABLE_3, matrix=matrix(report.statistics),
    )  # fmt: skip


def lines(now: RoundStatistics, before: RoundStatistics | None) -> list[Line]:
    """Table 2, without the kinds that neither FLD-5B nor the round has."""
    published = {(row.type, row.kind): row for row in paper.TABLE_2}
    old = {(row.type, row.kind): row for row in before.annotations} if before else {}
    return [
        Line(row.type, row.kind, row, published.get((row.type, row.kind)), old.get((row.type, row.kind)))
        for row in now.annotations
        if row.count or (row.type, row.kind) in published
    ]


def matrix(now: RoundStatistics) -> list[tuple[str, list[tuple[str, int, float | None]]]]:
    """Annotator -> the others with how many of its objects each saw, too, and the share; its own share is None."""
    saw = now.agreement.saw
    both = {(pair.one, pair.other): pair.both for pair in now.agreement.pairs}
    return [
        (name, [
            (other, saw[name] if name == other else (shared := both.get((min(name, other), max(name, other)), 0)),
             None if name == other else shared / max(1, saw[name]))
            for other in saw
        ])
        for name in saw
    ]  # fmt: skip


def number(value: float | None, digits: int = 2) -> str:
    """`number(1289000000)` is "1,289M", `number(4.271)` "4.27", `number(None)` "–"."""
    if value is None:
        return "–"
    if isinstance(value, int):
        return f"{value / 1e6:,.0f}M" if value >= 10**7 else f"{value:,}"
    return f"{value:,.{digits}f}"


def spaced(name: str) -> str:
    """`spaced("more_detailed")` is "more detailed"."""
    return name.replace("_", " ")
