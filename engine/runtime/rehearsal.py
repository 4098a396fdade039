"""The first image of every column, run alone before its batches: it shows what an image takes, and how long a run is.

    captioner  image 0: 31 s     detector  image 0: 8 s     words  image 0: 2 s
    phrases    hears of that caption: 11 s     crops, masks, matches  hear of those boxes: 12, 30, 1 s

Columns that look at others' findings need not wait for a whole shard of them: what was said about this one image is
enough. Comes in: open shards. Goes out: the images to run, and answers on their way back to their units
(`Unit.rehearse`). Annotators that are paid for have none.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from engine.runtime.call import Outcome
from engine.runtime.pace import Pace
from engine.runtime.unit import Rehearsed, Unit
from engine.runtime.work import OpenShard


@dataclass(frozen=True, eq=False)
class Rehearsal:
    """One image of a unit, and what its column hears of it."""

    unit: Unit
    position: int
    heard: dict[str, bytes]


class Rehearsals:
    """Of one run. paces: by column; they are told what was seen."""

    def __init__(self, paces: Mapping[str, Pace]) -> None:
        self._paces = paces
        self._running: dict[int, Rehearsal] = {}

    def __len__(self) -> int:
        return len(self._running)

    def columns(self) -> list[str]:
        """Whose first image is being run."""
        return [rehearsal.unit.column.name for rehearsal in self._running.values()]

    def wanted(self, shards: Iterable[OpenShard]) -> list[Rehearsal]:
        """Those that can be run now, one per column that nobody has tried yet; the oldest shard first."""
        found: dict[str, Rehearsal] = {}
        open_names = {name for name, pace in self._paces.items() if not pace.measured} - {*self.columns()}
        if not open_names:
            return []
        for shard in shards:
            for name in sorted(open_names & shard.units.keys() - found.keys()):
                if (rehearsal := _of(shard, shard.units[name])) is not None:
                    found[name] = rehearsal
        return [found[name] for name in self._paces if name in found]

    def began(self, call: int, rehearsal: Rehearsal) -> None:
        """It is on its way, as this call."""
        self._running[call] = rehearsal

    def ended(self, outcome: Outcome) -> tuple[Unit, bool] | None:
        """If the outcome is one of a rehearsal: its unit, and whether its image is done with it."""
        rehearsal = self._running.pop(outcome.call.id, None)
        if rehearsal is None:
            return None
        unit = rehearsal.unit
        pace = self._paces[unit.column.name]
        pace.rehearsed(outcome.seconds if outcome.kind in ("ok", "timeout") else None)
        if outcome.kind != "ok":
            return unit, False
        counts = pace.keeps_first or len(unit.todo) == 1  # a batch of one is no other call
        first = Rehearsed(rehearsal.position, rehearsal.heard, outcome.findings[0], counts)
        return unit, unit.rehearse(first)


def _of(shard: OpenShard, unit: Unit) -> Rehearsal | None:
    """The first image that the unit is to run, if all is known that its column looks at."""
    position = next((at for at in unit.todo if at not in unit.blocked), None)
    heard = None if position is None else shard.heard(unit.column, position)
    return None if position is None or heard is None else Rehearsal(unit, position, heard)
