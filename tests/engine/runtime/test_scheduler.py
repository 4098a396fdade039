"""What the scheduler tells of a run while calls are on their way."""

import time
from pathlib import Path

from engine.config.settings import EngineSettings
from engine.runtime.call import Call, Outcome
from engine.runtime.column import ActorPool, pools
from engine.runtime.progress import ColumnProgress, Silent
from engine.runtime.scheduler import Scheduler
from engine.runtime.work import budgets_of, find_work, progress_of
from shards.store import LocalStore
from stages.annotate.resources import Resources
from tests.engine.fakes import column, fill
from tests.engine.runtime.test_unit import SAID


class Dawdling:
    """A backend that answers every fourth time it is asked, in order."""

    def __init__(self) -> None:
        self.actors: dict[str, int] = {}
        self.shares: dict[str, float] = {}
        self._calls: list[Call] = []
        self._asked = 0

    def open(self, pool: ActorPool) -> None:
        self.actors[pool.name] = self.shares[pool.name] = 1

    def submit(self, call: Call) -> bool:
        self._calls.append(call)
        return True

    def wait(self, timeout_s: float) -> list[Outcome]:
        del timeout_s
        time.sleep(0.001)
        self._asked += 1
        if self._asked % 4 or not self._calls:
            return []
        call = self._calls.pop(0)
        return [Outcome(call, "ok", [SAID] * len(call.positions), seconds=0.01)]

    def close(self) -> None:
        """Nothing is held."""


class Watching(Silent):
    """Keeps how many calls run side by side, and how many images are done then."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, float]] = []

    def update(self, columns: list[ColumnProgress]) -> None:
        self.seen.append((columns[0].images_done, columns[0].at_once))


def test_what_runs_side_by_side_changes_only_when_a_call_is_back(tmp_path: Path) -> None:
    store, watching = LocalStore(tmp_path), Watching()
    fill(store, 1, 6)
    columns = [column("a", resources=Resources(batch_size=1))]
    settings = EngineSettings(backend="local")
    work = find_work(store, columns, (), retry=False)
    Scheduler(work, pools(columns), Dawdling(), settings, watching, progress_of(work), budgets_of(work, settings)).run()
    known = [at_once for done, at_once in watching.seen if done in (2, 3)]
    assert len(known) >= 8
    assert len(set(known)) == 2
    assert all(at_once > 0 for _, at_once in watching.seen)
