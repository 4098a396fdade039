"""Annotate a corpus: every column over every image shard, as far as it is not done yet.

Comes in: a corpus that ingest has filled, and columns. Goes out: raw columns in it, and an `AnnotateReport`. Run it
again after a crash, a Ctrl-C, new images or a changed annotator: only what is missing runs.

    report = annotate(open_store("corpus"), columns, skip={}, settings=EngineSettings(), reporter=open_reporter(store))

Call it while holding the corpus lock (`engine.runtime.lock`).
"""

import os
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from engine.config.settings import EngineSettings
from engine.runtime.backend import Backend
from engine.runtime.column import Column, ordered, pools
from engine.runtime.faults import Quarantined
from engine.runtime.local_backend import LocalBackend
from engine.runtime.progress import Reporter
from engine.runtime.scheduler import Scheduler
from engine.runtime.work import budgets_of, find_work, progress_of
from shards.store import Store
from specialists.roles import MissingRequirementError


@dataclass(frozen=True)
class ColumnReport:
    """units_run + units_done == image shards. images: rows that the column has now, ok, failed and blocked."""

    name: str
    units_run: int
    units_done: int
    images: int
    quarantined: int


@dataclass(frozen=True)
class AnnotateReport:
    """What a run did. quarantined: the images that failed in this run, in the order in which they did."""

    columns: list[ColumnReport]
    quarantined: list[Quarantined]
    seconds: float

    @property
    def units_run(self) -> int:
        """Units computed in this run; 0 when everything was done before."""
        return sum(column.units_run for column in self.columns)


def annotate(
    store: Store,
    columns: list[Column],
    skip: Mapping[str, str],
    settings: EngineSettings,
    reporter: Reporter,
    retry_quarantined: bool = False,
    shards: Collection[str] | None = None,
) -> AnnotateReport:
    """Run what is not done. skip: keys of images that get no rows (duplicates, say) -> why. shards: only these, None
    for all.

    Rows of a raw column exist for the images that ingest accepted and that are not skipped. Raises ColumnError,
    MissingRequirementError (a key), StartError (a stage cannot be loaded), FailureBudgetError; KeyboardInterrupt passes
    through. In all cases actors are stopped first and what was committed stays. With nothing to run no backend is
    started."""
    start = time.monotonic()
    columns = ordered(columns)
    work = find_work(store, columns, skip.keys(), retry_quarantined, shards)
    progress = progress_of(work)
    budgets = budgets_of(work, settings)
    for state in progress:
        state.failed = budgets[state.name].earlier
    backend = open_backend(store, settings, reporter)
    busy = {column.name for unfinished in work.todo.values() for column in unfinished}
    running = [column for column in columns if column.name in busy]
    check_secrets(running, settings)
    needed = pools(running)
    scheduler = Scheduler(work, needed, backend, settings, reporter, progress, budgets)
    reporter.begin(progress)
    try:
        scheduler.run()
        for budget in budgets.values():
            budget.check()
            budget.check_end()
    finally:
        backend.close()
        reporter.end(progress)
    reports = [
        ColumnReport(
            state.name,
            scheduler.units_written[state.name],
            len(work.images) - scheduler.units_written[state.name],
            state.images_done,
            len(budgets[state.name].failures),
        )
        for state in progress
    ]
    quarantined = [failure for budget in budgets.values() for failure in budget.failures]
    return AnnotateReport(reports, quarantined, time.monotonic() - start)


def check_secrets(columns: list[Column], settings: EngineSettings) -> None:
    """Raises MissingRequirementError for a key that is not there, before hours of what runs first. Where a cluster is
    joined, the nodes have environments of their own: there it is told when the stage is loaded."""
    if settings.backend == "ray" and (settings.address or os.environ.get("RAY_ADDRESS")):
        return
    for column in columns:
        for name in column.secrets:
            if not os.environ.get(name, "").strip():
                raise MissingRequirementError(
                    f"annotators.{column.name}: the environment variable {name} holds no key: export it, or set"
                    " api_key_env to null if the endpoint needs none"
                )


def open_backend(store: Store, settings: EngineSettings, reporter: Reporter) -> Backend:
    """Ray or local; starts nothing yet."""
    if settings.backend == "local":
        return LocalBackend(store, settings)
    from engine.runtime.ray_backend import RayBackend

    return RayBackend(store, settings, reporter.log)
