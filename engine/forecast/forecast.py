"""From what each annotator takes per image to what a run takes: actors, GPU packing, wall time, the bottleneck.

Comes in: pools with the actor-seconds that an image costs each, and what there is. Goes out: a `Forecast`. The rules:

    CPUs    pools share what there is; no pool is faster than its actors, and all together not than the CPUs
    GPUs    an actor holds its memory for ever, and time is shared: each GPU is as slow as all that it holds
    actors  one of each pool, then one more of the slowest as long as it fits

    captions 0.5 s, boxes 0.1 s, 4 CPUs      3 actors and 1, 6.0 images/s, captions are 83% of the work
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field

MOST = 4096
"""GPUs, or CPUs, beyond which nobody asks."""
GPU_MARGIN = 1.1
"""Of the memory that torch reserved: the CUDA context, and fragments."""


@dataclass(frozen=True)
class PoolLoad:
    """What one pool of actors takes. seconds: of one actor, per image of the list; cpus: of one actor; gpu_mb: of one
    actor, None where it was not seen on a GPU."""

    name: str
    seconds: float
    cpus: float = 1.0
    on_gpu: bool = False
    gpu_mb: float | None = None
    load_s: float = 0.0


@dataclass(frozen=True)
class Capacity:
    """gpu_mb: of one GPU, None if unknown. is_serial: one process does all (`engine.backend: local`). nodes: machines
    of a cluster, 0 for the one at hand; beside: CPUs of the machine that ingests and writes rounds, None where these
    are `cpus`."""

    cpus: float
    gpus: int = 0
    gpu_mb: float | None = None
    is_serial: bool = False
    nodes: int = 0
    beside: float | None = None


@dataclass(frozen=True)
class Forecast:
    """annotate_s: wall time, weights loaded; start_s: until the slowest pool is loaded. shares: pool -> GPU share of
    one actor; packing: of each GPU the pools of its actors; left_over: pools that fit on no GPU beside the others."""

    images_per_s: float
    annotate_s: float
    start_s: float
    actors: dict[str, int]
    shares: dict[str, float]
    packing: list[list[str]]
    left_over: list[str]
    bottleneck: str
    bottleneck_share: float
    gpu_hours: float
    cpu_hours: float


def forecast(pools: Sequence[PoolLoad], capacity: Capacity, images: int) -> Forecast:
    """What `images` take. A pool of no seconds costs nothing; without any the run takes no time."""
    work = {pool.name: pool.seconds for pool in pools}
    on_gpu = [pool for pool in pools if pool.on_gpu and capacity.gpus]
    packed = _pack(on_gpu, capacity)
    actors = _actors(pools, capacity, packed)
    rate = _rate(pools, actors, capacity, packed)
    whole = sum(work.values())
    slowest = max(work, key=lambda name: work[name] / actors[name]) if whole else ""
    return Forecast(
        images_per_s=rate,
        annotate_s=images / rate if rate < math.inf else 0.0,
        start_s=_start(pools, capacity),
        actors=actors,
        shares=packed.shares,
        packing=packed.bins,
        left_over=packed.left_over,
        bottleneck=slowest,
        bottleneck_share=work[slowest] / whole if whole else 0.0,
        gpu_hours=images * sum(pool.seconds for pool in on_gpu) / 3600,
        cpu_hours=images * sum(pool.seconds * max(pool.cpus, 0.0) for pool in pools) / 3600,
    )


def _start(pools: Sequence[PoolLoad], capacity: Capacity) -> float:
    """Actors load at the same time, on the CPUs that there are: importing libraries is nothing but work."""
    loads = [pool.load_s for pool in pools]
    return sum(loads) if capacity.is_serial else max([sum(loads) / max(1.0, capacity.cpus), *loads])


def needed(pools: Sequence[PoolLoad], capacity: Capacity, images: int, seconds: float) -> Capacity:
    """The least GPUs (where pools use some), else CPUs, with which the images are done in that time."""

    def is_enough(count: int) -> bool:
        return forecast(pools, grown(capacity, count), images).annotate_s <= seconds

    high = 1
    while not is_enough(high) and high < MOST:
        high *= 2
    return grown(capacity, bisect_left(range(high), True, lo=high // 2, key=lambda below: is_enough(below + 1)) + 1)


def grown(capacity: Capacity, count: int) -> Capacity:
    """The capacity with `count` GPUs, and CPUs in proportion; with `count` CPUs where there are no GPUs. In a cluster
    the machine that ingests stays as it is."""
    if not capacity.gpus:
        return Capacity(count, beside=capacity.beside)
    per_gpu = capacity.cpus / capacity.gpus
    return Capacity(per_gpu * count, count, capacity.gpu_mb, beside=capacity.beside)


@dataclass
class _Packed:
    bins: list[list[str]] = field(default_factory=list)
    shares: dict[str, float] = field(default_factory=dict)
    left_over: list[str] = field(default_factory=list)


def _pack(pools: Sequence[PoolLoad], capacity: Capacity) -> _Packed:
    """Largest first, each onto the GPU that has the most room; then more of the slowest while it fits."""
    packed = _Packed(bins=[[] for _ in range(capacity.gpus)], shares=_shares(pools, capacity))
    free = [1.0] * capacity.gpus
    for pool in sorted(pools, key=lambda pool: (-packed.shares[pool.name], pool.name)):
        if not _place(pool.name, packed, free):
            packed.left_over.append(pool.name)
    work = {pool.name: pool.seconds for pool in pools if pool.name not in packed.left_over}
    counts = dict.fromkeys(work, 1)
    while work:
        slowest = max(work, key=lambda name: (work[name] / counts[name], name))
        if counts[slowest] < capacity.gpus and _place(slowest, packed, free):
            counts[slowest] += 1
        else:
            del work[slowest]
    packed.bins = [sorted(each) for each in packed.bins]
    return packed


def _place(name: str, packed: _Packed, free: list[float]) -> bool:
    """On the emptiest GPU that does not hold one yet."""
    share = packed.shares[name]
    fits = [at for at, room in enumerate(free) if name not in packed.bins[at] and room >= share - 1e-9]
    if not fits:
        return False
    best = max(fits, key=lambda at: (free[at], -at))
    packed.bins[best].append(name)
    free[best] -= share
    return True


def _shares(pools: Sequence[PoolLoad], capacity: Capacity) -> dict[str, float]:
    """By memory, in hundredths, rounded up; equal ones where it is not known."""
    if capacity.gpu_mb is None or any(pool.gpu_mb is None for pool in pools):
        return {pool.name: math.floor(100 / len(pools)) / 100 for pool in pools}
    whole = capacity.gpu_mb
    return {pool.name: min(1.0, math.ceil(100 * GPU_MARGIN * (pool.gpu_mb or 0.0) / whole) / 100) for pool in pools}


def _actors(pools: Sequence[PoolLoad], capacity: Capacity, packed: _Packed) -> dict[str, int]:
    actors = {pool.name: max(1, sum(each.count(pool.name) for each in packed.bins)) for pool in pools}
    if capacity.is_serial:
        return actors
    free = capacity.cpus - sum(pool.cpus * actors[pool.name] for pool in pools)
    growing = [pool for pool in pools if pool.name not in packed.shares and pool.seconds > 0 and pool.cpus > 0]
    while growing:
        slowest = max(growing, key=lambda pool: (pool.seconds / actors[pool.name], pool.name))
        if slowest.cpus > free:
            break
        actors[slowest.name] += 1
        free -= slowest.cpus
    return actors


def _rate(pools: Sequence[PoolLoad], actors: dict[str, int], capacity: Capacity, packed: _Packed) -> float:
    """Images per second."""
    work = {pool.name: pool.seconds for pool in pools}
    if capacity.is_serial:
        whole = sum(work.values())
        return 1 / whole if whole else math.inf
    limits = [actors[name] / seconds for name, seconds in work.items() if seconds]
    on_cpu = sum(pool.seconds * pool.cpus for pool in pools)
    if on_cpu:
        limits.append(capacity.cpus / on_cpu)
    limits += [1 / load for each in packed.bins if (load := sum(work[name] / actors[name] for name in each))]
    if packed.left_over and (on_gpu := sum(work[name] for name in packed.shares)):
        limits.append(capacity.gpus / on_gpu)
    return min(limits, default=math.inf)
