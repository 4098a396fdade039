"""What an ingest did, and the error when too much of it failed."""

from collections import Counter
from dataclasses import dataclass, field

from shards.errors import StoppedError
from shards.images import ImageRow

SHOWN = 5
"""First keys listed per reason."""


@dataclass(frozen=True)
class IngestReport:
    """Of the whole corpus: planned, kept, failed, failures, duplicates. Of this run: new, moved, written, repeated,
    unreadable (rows of the sources that should have been images and are not even failed ones), abandoned (failed
    images that the sources do not name any more), warnings.

    failures: "stage/reason" -> number; first_failed: the same -> first keys. duplicates: "exact" | "near" -> number."""

    planned: int
    kept: int
    failed: int
    new: int = 0
    written: int = 0
    repeated: int = 0
    moved: int = 0
    unreadable: int = 0
    abandoned: int = 0
    failures: dict[str, int] = field(default_factory=dict)
    first_failed: dict[str, list[str]] = field(default_factory=dict)
    duplicates: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.planned != self.kept + self.failed:
            raise ValueError(
                f"planned must be kept + failed, got {self.planned} and {self.kept} + {self.failed}: images were lost"
            )

    def failure_lines(self) -> list[str]:
        """One line per reason, most frequent first: "decode/truncated: 12 (a, b, c, ...)"."""
        order = sorted(self.failures, key=lambda reason: (-self.failures[reason], reason))
        return [
            f"{reason}: {self.failures[reason]} ({', '.join(self.first_failed[reason])}"
            + (", ...)" if self.failures[reason] > SHOWN else ")")
            for reason in order
        ]


class IngestBudgetError(StoppedError):
    """More images failed than ingest.failure_budget allows. Everything is written; `report` says what failed."""

    exit_code = 3

    def __init__(self, report: IngestReport, budget: float) -> None:
        lines = "".join(f"\n  {line}" for line in report.failure_lines())
        unreadable = f" and {report.unreadable} rows cannot be read" if report.unreadable else ""
        lines += "".join(f"\n  {line}" for line in report.warnings) if report.unreadable else ""
        super().__init__(
            f"{report.failed} of {report.planned} images failed{unreadable},"
            f" more than ingest.failure_budget={budget:g} allows:{lines}\n"
            "the others are written: mend the list or the files, then `fld ingest` with --retry-quarantined; or raise"
            " ingest.failure_budget to go on without these"
        )
        self.report = report


class FailureTally:
    """Counts failed rows by stage and reason and remembers the first keys."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.first: dict[str, list[str]] = {}

    def add(self, row: ImageRow) -> None:
        reason = f"{row.stage}/{row.error.partition(':')[0]}"
        self.counts[reason] += 1
        first = self.first.setdefault(reason, [])
        if len(first) < SHOWN:
            first.append(row.key)
