"""A round in numbers: the paper's tables 2 and 3, figure 5, agreement, and who said what.

report = stats("corpus")
report.statistics.elements["brief"]["objects"]       2.1
report.filters.drops[0].rule                         "region.score"
"""

from dataclasses import dataclass, field
from functools import cached_property

import msgspec

from engine.api.reports import Location
from engine.config.config_text import ConfigError
from engine.corpus.session import Session, look
from engine.runtime.refilter import loaded_parser
from shards.completeness import check_round
from shards.layout import round_folder
from shards.reader import Corpus, Round
from stages.describe.filter_summary import FilterSummary, summarize_filters
from stages.describe.statistics import RoundStatistics, describe


@dataclass(frozen=True)
class StatsReport:
    """A round in numbers."""

    statistics: RoundStatistics
    _round: Round = field(repr=False)

    @cached_property
    def filters(self) -> FilterSummary:
        """How much of what each annotator said was kept, and what each rule dropped, with examples. Reads the index."""
        return summarize_filters(self._round)

    def as_json(self) -> bytes:
        """All of it, as `fld stats --json` prints it."""
        facts = msgspec.to_builtins(self.statistics, str_keys=True) | msgspec.to_builtins(self.filters)
        return msgspec.json.format(msgspec.json.encode(facts))


def stats(corpus: Location, *, round: int | None = None) -> StatsReport:
    """The statistics of a round, of the last if None. Raises ConfigError if it is not there."""
    opened, found = described(look(str(corpus)), round)
    return StatsReport(found, opened)


def described(session: Session, number: int | None) -> tuple[Round, RoundStatistics]:
    """A round, opened, and its statistics. Raises ConfigError if there is none of this number, DamageError or
    CorpusError if it is not whole."""
    numbers = Corpus(session.store).rounds()
    if not numbers or (number is not None and number not in numbers):
        wanted = "round" if number is None else f"round {number}"
        raise ConfigError(f"{session.corpus} has no {wanted}: it has {numbers or 'none'}; `fld run` writes round 0")
    round_ = Corpus(session.store).round(numbers[-1] if number is None else number)
    check_round(session.store, round_folder(round_.number), session.corpus)
    parser = loaded_parser(session.config.filters.parser)
    return round_, describe(round_, lambda texts: [parsed.features for parsed in parser.parse(texts)])
