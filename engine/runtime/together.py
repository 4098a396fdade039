"""How many calls of a run are at work at the same time: what there is room for, until it has been seen.

Comes in: the pools and the machine's CPUs and GPUs. Goes out: how many actors work for each pool while all of them have
work. Below 1, a pool takes turns with others. Two cores, one actor with one CPU each:

    captioner, words        ->  1.0 each: two calls at once
    seven annotators        ->  0.29 each: two calls at once

First images run one by one (rehearsal.py), so what is seen of them says nothing about the run that follows.
"""

from collections.abc import Collection, Mapping

from engine.runtime.column import ActorPool

EXPECTED_S = 10.0
"""What is expected counts like so many seconds in which it was seen: the first calls to come back say little."""


def shares(pools: Collection[ActorPool], cpus: float, gpus: float) -> dict[str, float]:
    """Pool name -> actors of `max_actors` that fit beside all others', each less by what is wanted too much of CPUs or
    GPUs; one that needs neither has them all."""
    wanted_cpus = sum(pool.resources.max_actors * pool.resources.num_cpus for pool in pools)
    wanted_gpus = sum(pool.resources.max_actors * pool.resources.num_gpus for pool in pools)
    found = {}
    for pool in pools:
        fits_cpus = min(1.0, cpus / wanted_cpus) if pool.resources.num_cpus else 1.0
        fits_gpus = min(1.0, gpus / wanted_gpus) if pool.resources.num_gpus else 1.0
        found[pool.name] = pool.resources.max_actors * min(fits_cpus, fits_gpus)
    return found


class Together:
    """Of one run. at_once: calls that run side by side, on average."""

    def __init__(self) -> None:
        self._busy_s, self._worked_s = 0.0, 0.0

    def worked(self, seconds: float) -> None:
        """So long, at least one call ran."""
        self._worked_s += seconds

    def booked(self, seconds: float) -> None:
        """A call is back that took so long."""
        self._busy_s += seconds

    def rehearsed(self) -> None:
        """First images are done: what was seen until now ran one by one, and is forgotten."""
        self._busy_s, self._worked_s = 0.0, 0.0

    def at_once(self, shares: Mapping[str, float]) -> float:
        """shares: of the pools that still have work."""
        expected = max(1.0, sum(shares.values()))
        return (expected * EXPECTED_S + self._busy_s) / (EXPECTED_S + self._worked_s)
