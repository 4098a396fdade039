"""The account of what did not become an image or a label, so that nothing of the input is lost without a word.

Whatever stands in a source is an image, a failed row of the corpus, or a number here:

    left_out.by_rule("crowd (iscrowd: 1)")                           as documented: not wanted, nothing is wrong
    left_out.label("annotation", "a.json, annotations[3]: bbox ...") a label that cannot be read; its image goes on
    left_out.row("row", "list.csv, row 7: column url is empty")      what should have been an image and has no place

-> "left out: 1 x crowd (iscrowd: 1)", "cannot be read: 1 x row (list.csv, row 7: column url is empty)", ...
"""

from collections import Counter
from dataclasses import dataclass, field

SHOWN = 3
"""First cases shown per kind."""
COLUMNS = 8
"""Columns that are named."""


@dataclass(eq=False)
class LeftOut:
    """Counts by reason. `rows` of them should have been images and count towards the failure budget."""

    counts: Counter[str] = field(default_factory=Counter)
    unreadable: Counter[str] = field(default_factory=Counter)
    first: dict[str, list[str]] = field(default_factory=dict)
    rows: int = 0
    columns: dict[str, None] = field(default_factory=dict)
    """Of lists: those that nothing is read from, in the order they were met."""

    def by_rule(self, reason: str, count: int = 1) -> None:
        self.counts[reason] += count

    def label(self, what: str, problem: str) -> None:
        self.unreadable[what] += 1
        first = self.first.setdefault(what, [])
        if len(first) < SHOWN:
            first.append(problem)

    def row(self, what: str, problem: str) -> None:
        self.rows += 1
        self.label(what, problem)

    def lines(self) -> list[str]:
        """One line per reason."""
        unreadable = [
            f"cannot be read: {count} x {what} ({'; '.join(self.first[what])}{'; ...' if count > SHOWN else ''})"
            for what, count in sorted(self.unreadable.items())
        ]
        by_rule = [f"left out: {count} x {reason}" for reason, count in sorted(self.counts.items())]
        more = f" and {len(self.columns) - COLUMNS} more" if len(self.columns) > COLUMNS else ""
        columns = [f"left out: columns {', '.join(list(self.columns)[:COLUMNS])}{more}"] if self.columns else []
        return unreadable + by_rule + columns
