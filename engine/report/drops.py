"""What the rules dropped of one image, rule by rule, the most frequent first."""

from collections.abc import Sequence
from dataclasses import dataclass

from shards.reader import Row
from shards.rounds import OF_IMAGES

SHOWN = 60
"""Findings per rule; a detector proposes hundreds of boxes."""
DASHED = 40
"""Boxes on one picture: of hundreds nobody sees any, nor the picture."""


@dataclass(frozen=True)
class Dropped:
    """One rule. rows: rows of the index, the nearest to their threshold first, at most `SHOWN`; drawn: how many of all
    have a box that is drawn."""

    rule: str
    count: int
    drawn: int
    rows: list[Row]


def by_rule(rows: Sequence[Row]) -> list[Dropped]:
    """Every rule that dropped a finding of the image."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        if not row["kept"] and row["type"] not in OF_IMAGES:
            groups.setdefault(row["rule"], []).append(row)
    by_count = []
    for rule, members in groups.items():
        near = sorted(members, key=_distance)
        drawn = sum(row["box"] is not None and row["type"] in ("region", "phrase") for row in members)
        by_count.append(Dropped(rule, len(members), drawn, near[:SHOWN]))
    return sorted(by_count, key=lambda group: (-group.count, group.rule))


def dashed(rows: Sequence[Row]) -> list[Row]:
    """The rows to draw on one picture: those with a box, the nearest to their threshold, at most `DASHED`."""
    return sorted((row for row in rows if row["box"] is not None), key=_distance)[:DASHED]


def _distance(row: Row) -> float:
    if row["value"] is None or row["threshold"] is None:
        return 0.0
    return abs(float(row["value"]) - float(row["threshold"]))
