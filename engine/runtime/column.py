"""A column: what one annotator says about every image. The engine's work is columns x image shards.

Comes in: the annotators of the config, each as a `Column`. Goes out: the order in which they can run, and the pools of
actors they run in. Of these four, `detector` and `captioner` start at once, the other two as soon as shards of what
they need are committed; `detector` and `words` share actors, and so decoded images:

    Column("detector",  "3fa9c1", needs=(),                   ..., resources.group = "boxes")
    Column("words",     "77d2e0", needs=(),                   ..., resources.group = "boxes")
    Column("captioner", "91b04c", needs=())
    Column("phrases",   "c0ffee", needs=("captioner",))
"""

import math
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter

from shards.errors import SettingsError
from shards.finding import GIVEN
from stages.annotate.resources import Resources
from stages.annotate.subset import Subset
from stages.stage import Stage


class ColumnError(SettingsError):
    """Columns that cannot run together: a need that does not exist, a cycle, a name twice."""


@dataclass(frozen=True, eq=False)
class Column:
    """fingerprint: of the stage *and of all that it needs*, so that it names the raw column; needs: column names.
    subset: the only images that it has rows of, None for all. It is no part of the fingerprint: a larger one adds rows
    to those that are there. is_paid: answers cost money, so none is asked for only to see how long it takes. secrets:
    environment variables without which its stage cannot be loaded."""

    name: str
    fingerprint: str
    needs: tuple[str, ...]
    stage: Stage
    resources: Resources
    subset: Subset | None = None
    is_paid: bool = False
    secrets: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class ActorPool:
    """Columns whose stages live together in the same actors, and what one such actor needs."""

    name: str
    columns: tuple[Column, ...]
    resources: Resources


def ordered(columns: list[Column]) -> list[Column]:
    """The columns, needed ones first; otherwise in the order given. Raises ColumnError."""
    by_name = {column.name: column for column in columns}
    if len(by_name) != len(columns) or GIVEN in by_name:
        names = sorted(column.name for column in columns)
        raise ColumnError(f"annotator names must be unique and not {GIVEN!r}, got {', '.join(names)}")
    for column in columns:
        for need in column.needs:
            if need not in by_name and need != GIVEN:
                known = ", ".join(sorted(by_name))
                raise ColumnError(f"annotator {column.name} needs {need!r}, which is not configured: there is {known}")
    sorter = TopologicalSorter({c.name: [need for need in c.needs if need != GIVEN] for c in columns})
    try:
        return [by_name[name] for name in sorter.static_order()]
    except CycleError as error:
        raise ColumnError(f"annotators need each other in a circle: {' -> '.join(error.args[1])}") from error


def pools(columns: list[Column]) -> list[ActorPool]:
    """One pool per group, one per column without a group; in the order of their first column."""
    members: dict[str, list[Column]] = {}
    for column in columns:
        group = column.resources.group
        members.setdefault(column.name if group is None else f"group {group}", []).append(column)
    return [ActorPool(name, tuple(group), _shared(name, group)) for name, group in members.items()]


def _shared(name: str, members: list[Column]) -> Resources:
    """What an actor needs that holds all `members` and runs one at a time.

    Their weights are in memory together, so RAM and GPU fractions add up (to one GPU, unless one alone asks for more);
    CPUs do not. batch_size and timeout_s stay each column's own."""
    asked = [column.resources for column in members]
    if len(asked) == 1:
        return asked[0]
    for column, resources in zip(members, asked, strict=True):
        if resources.runtime_env != asked[0].runtime_env:
            raise ColumnError(
                f"annotators of one group share a process: {column.name} of {name} has another runtime_env than"
                f" {members[0].name}; give it another group"
            )
    times = [resources.timeout_s for resources in asked if resources.timeout_s is not None]
    memory = [resources.memory_mb for resources in asked if resources.memory_mb is not None]
    largest_gpu = max(resources.num_gpus for resources in asked)
    return Resources(
        num_cpus=max(resources.num_cpus for resources in asked),
        num_gpus=min(sum(resources.num_gpus for resources in asked), max(1.0, largest_gpu)),
        share_gpus=largest_gpu == 0 and any(resources.share_gpus for resources in asked),
        memory_mb=sum(memory) if memory else None,
        min_actors=max(resources.min_actors for resources in asked),
        max_actors=max(resources.max_actors for resources in asked),
        batch_size=max(resources.batch_size for resources in asked),
        in_flight=max(resources.in_flight for resources in asked),
        timeout_s=max(times) if len(times) == len(asked) else None,
        group=asked[0].group,
        runtime_env=asked[0].runtime_env,
    )


def with_gpu_shares(pools: list[ActorPool], gpus: float) -> list[ActorPool]:
    """The pools, with num_gpus filled in where share_gpus is set: one config runs on a laptop and on a GPU cluster.

    gpus: of the whole cluster, what other pools ask for included. Shares are cut to hundredths, as Ray counts GPUs in
    ten-thousandths, and are one GPU at most: an actor does not use two."""
    sharing = [pool for pool in pools if pool.resources.share_gpus]
    claimed = sum(pool.resources.num_gpus * pool.resources.min_actors for pool in pools)
    share = min(1.0, math.floor(100 * max(0.0, gpus - claimed) / max(1, len(sharing))) / 100)
    return [
        replace(pool, resources=pool.resources.model_copy(update={"num_gpus": share, "share_gpus": False}))
        if pool.resources.share_gpus
        else pool
        for pool in pools
    ]
