"""A corpus on one page, to be looked at, sent and printed. Reads only; needs the extra `viewer`.

write_report("corpus", "report.html", against=0)        PageReport(path="report.html", size=1834017)
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.api.reports import Location
from engine.api.stats import described
from engine.api.watch import read_report
from engine.config.config_text import ConfigError
from engine.config.differences import nearest
from engine.corpus.costs import accounts, price
from engine.corpus.promotions import promotions_of
from engine.corpus.session import Session, look
from shards.reader import Corpus
from shards.store import Store
from stages.describe.filter_summary import FilterSummary, summarize_filters
from stages.watch.settings import Limit

if TYPE_CHECKING:
    from engine.view.report.page import Cost, Gated, Measure, Report, ReportPart, Sign

DEFAULT = "report.html"
_MODEL = ("backend", "weights", "model", "revision")


@dataclass(frozen=True)
class PageReport:
    """A page that was written. size: in characters."""

    path: str
    size: int


def write_report(
    corpus: Location,
    out: Location = DEFAULT,
    *,
    round: int | None = None,
    against: int | None = None,
    measures: Location | None = None,
) -> PageReport:
    """Write the page. round: None for the last; against: the round that it is compared with; measures: a file that `fld
    eval --json` wrote. Raises ConfigError for a round or file that is not there, for a round against itself, or without
    the extra `viewer`."""
    try:
        from engine.view.report.page import render
    except ImportError as error:
        raise ConfigError(f"fld report needs {error.name}: pip install 'fld-engine[viewer]'") from error
    page = render(gather(look(str(corpus)), round, against, None if measures is None else str(measures)))
    was_there = Path(out).exists()
    try:
        Path(out).write_text(page, encoding="utf-8")
    except OSError as error:
        if not was_there:
            Path(out).unlink(missing_ok=True)  # half a page is none
        raise ConfigError(f"out {out} cannot be written: {error.strerror}") from error
    return PageReport(str(out), len(page))


def gather(session: Session, number: int | None, against: int | None, gold: str | None) -> "Report":
    """All that the page shows."""
    from engine.view.pictures import Pictures
    from engine.view.report import gallery
    from engine.view.report.compare import compare
    from engine.view.report.page import Report

    round_, statistics = described(session, number)
    pictures = Pictures()
    change = None
    if against == round_.number:
        raise ConfigError(f"against {against}: that is the round of the report, name another one")
    if against is not None:
        old, before = described(session, against)
        change = compare(old, before, round_, statistics, pictures)
    ledger = summarize_filters(round_)
    differences = nearest(session.config)
    settings = [setting for setting in differences.settings if not setting.name.startswith("engine.")]
    return Report(
        session.corpus.rstrip("/").rpartition("/")[2] or session.corpus,
        datetime.now(UTC).strftime("%Y-%m-%d"),
        statistics,
        ledger,
        [(drop, gallery.examples(round_, drop.examples, pictures)) for drop in ledger.drops],
        parts(ledger, session.config.model_dump(mode="json")["annotators"]),
        differences.profile,
        settings,
        gallery.worst(round_, pictures),
        gallery.at_random(round_, pictures),
        change,
        gates(session.store),
        signs(session),
        quality(gold) if gold else [],
        costs(session),
    )


def costs(session: Session) -> "list[Cost]":
    """What paid annotators have cost the corpus so far."""
    from engine.view.report.page import Cost

    return [
        Cost(
            name, spent.requests, spent.prompt_tokens, spent.completion_tokens, price(spent, of),
            of.max_requests, of.max_total_tokens,
        )
        for name, (spent, of) in accounts(session.config.annotators, session.store).items()
    ]  # fmt: skip


def quality(path: str) -> "list[Measure]":
    """The measures in a file of `fld eval --json`."""
    from engine.view.report.quality import measured

    try:
        return measured(Path(path).read_bytes(), path)
    except OSError as error:
        raise ConfigError(f"measures {path} cannot be read: {error.strerror}") from error


def parts(ledger: FilterSummary, annotators: dict[str, Any]) -> "list[ReportPart]":
    """Every annotator and column that the round was made of, with its model as the settings name it now."""
    from engine.view.report.page import ReportPart

    by_column: dict[tuple[str, str], list[tuple[str, int, int]]] = {}
    for summary in ledger.said:
        by_column.setdefault((summary.source, summary.fingerprint), []).append(
            (summary.type, summary.kept, summary.dropped)
        )
    made = []
    for (name, fingerprint), own in by_column.items():
        settings = annotators.get(name, {})
        model = settings.get("specialist", {})
        named = " ".join(str(model[key]) for key in _MODEL if model.get(key))
        made.append(ReportPart(name, fingerprint, settings.get("role", ""), named, own))
    return made


def gates(store: Store) -> "list[Gated]":
    """The verdicts on all models."""
    from engine.view.report.page import Gated

    return [
        Gated(number, learner, promotion.promoted, promotion.reason, promotion.images, promotion.measures)
        for number in Corpus(store).rounds()
        for learner, promotion in promotions_of(store, number).items()
    ]


def signs(session: Session) -> "list[Sign]":
    """What the watch saw, sign by sign over the rounds; the sign that came nearest to its limit first."""
    from engine.view.report.page import Sign

    values: dict[str, list[tuple[int, float]]] = {}
    for number in Corpus(session.store).rounds():
        seen = read_report(session.store, number)
        for name, value in seen.signs.items() if seen is not None else ():
            values.setdefault(name, []).append((number, value))
    measured = []
    for name, over in values.items():
        limit: Limit = getattr(session.config.loop.watch, name)
        measured.append(Sign(name, over, limit.warn, limit.stop))
    return sorted(measured, key=lambda sign: -max(value for _, value in sign.values) / (sign.stop or sign.warn or 1e9))
