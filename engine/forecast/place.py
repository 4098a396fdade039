"""Where a plan measures, and what there is to run on: this machine, or the Ray cluster that the run would join.

    with closing(place_of(settings)) as place:
        place.measure(task)          one annotator on the sample, alone on its machine
        place.cpus(), place.gpus()   16.0, (2, 81_920.0)

On a cluster each annotator runs as a task of a node that has room for its actor, with the sample beside it: the nodes
need not see the folder in which the driver keeps it. Annotators that are paid for are asked from here, where their
account is.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from engine.config.settings import EngineSettings
from engine.forecast.measure import SampledAnnotator, SampleTask, measure, measure_apart
from engine.runtime.faults import one_line
from engine.runtime.progress import Silent
from engine.runtime.ray_actors import misfit
from engine.runtime.ray_session import RaySession
from engine.runtime.unit import PackedRows
from shards.layout import IMAGES
from shards.store import LocalStore, Store

_DIED = "its process died (out of memory, a crash of a library)"


class Place(Protocol):
    """See above. nodes: machines of a cluster, 0 for this machine."""

    @property
    def nodes(self) -> int: ...

    def measure(self, task: SampleTask) -> tuple[SampledAnnotator, PackedRows]:
        """What an annotator takes, and what it said. Never raises."""

    def cpus(self) -> float:
        """All there are."""

    def gpus(self) -> tuple[int, float | None]:
        """How many, and the memory of one in MB; None if unknown."""

    def close(self) -> None:
        """Leave it."""


def place_of(settings: EngineSettings) -> Place:
    """The cluster that a run with these settings would join, else this machine."""
    address = settings.address or os.environ.get("RAY_ADDRESS")
    is_cluster = settings.backend == "ray" and address not in (None, "", "local")
    return RayNodes(address) if is_cluster else ThisMachine()


class ThisMachine:
    """A new process for each annotator."""

    nodes = 0

    def measure(self, task: SampleTask) -> tuple[SampledAnnotator, PackedRows]:
        return measure_apart(task)

    def cpus(self) -> float:
        return driver_cpus()

    def gpus(self) -> tuple[int, float | None]:
        return _gpus_here()

    def close(self) -> None:
        """Nothing is held."""


class RayNodes:
    """A cluster, joined with the first question. Raises StartError then where none answers."""

    def __init__(self, address: str | None) -> None:
        self._session = RaySession(address, Silent().log)
        self._known: list[dict[str, float]] = []
        self._sample: Any = None

    @property
    def nodes(self) -> int:
        return len(self._resources())

    def measure(self, task: SampleTask) -> tuple[SampledAnnotator, PackedRows]:
        asked = task.column.resources
        num_gpus = 1.0 if asked.share_gpus and self._sum("GPU") else asked.num_gpus
        wanted = asked.model_copy(update={"num_gpus": num_gpus, "share_gpus": False})
        if reason := misfit(wanted, self._resources()):
            return SampledAnnotator(task.column.name, error=f"it {reason}"), {}
        if task.column.is_paid:
            return measure_apart(task)
        import ray

        if self._sample is None:
            self._sample = ray.put(_files(task.store))
        options: dict[str, Any] = {"num_cpus": wanted.num_cpus, "num_gpus": num_gpus, "max_calls": 1, "max_retries": 0}
        if wanted.runtime_env:
            options["runtime_env"] = wanted.runtime_env
        body: Any = ray.remote(**options)(_measured)
        told = replace(task, column=replace(task.column, resources=wanted))
        try:
            found: tuple[SampledAnnotator, PackedRows] = ray.get(body.remote(self._sample, told))
        except (ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError):
            return SampledAnnotator(task.column.name, error=_DIED), {}
        except ray.exceptions.RayError as error:  # a module that its node does not have
            return SampledAnnotator(task.column.name, error=one_line(str(error).rstrip().rpartition("\n")[2])), {}
        return found

    def cpus(self) -> float:
        return self._sum("CPU")

    def gpus(self) -> tuple[int, float | None]:
        count = int(self._sum("GPU"))
        if not count:
            return 0, None
        import ray

        of_one: Any = ray.remote(_gpus_here)
        found: tuple[int, float | None] = ray.get(of_one.options(num_gpus=1, num_cpus=0).remote())
        return count, found[1]

    def close(self) -> None:
        self._sample = None
        self._session.stop()

    def _resources(self) -> list[dict[str, float]]:
        """Of each node that is alive, in Ray's names."""
        if not self._known:
            self._session.start(0)
            import ray

            known: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
            self._known = [node["Resources"] for node in known if node["Alive"]]
        return self._known

    def _sum(self, name: str) -> float:
        return sum(node.get(name, 0.0) for node in self._resources())


def driver_cpus() -> float:
    """CPUs of this machine that this process may use."""
    return float(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def _gpus_here() -> tuple[int, float | None]:
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return count, torch.cuda.get_device_properties(0).total_memory / (1 << 20) if count else None


def _files(store: Store) -> dict[str, bytes]:
    """The images of the sample."""
    return {path: store.read(path) for path in store.walk() if path.startswith(f"{IMAGES}/")}


def _measured(files: dict[str, bytes], task: SampleTask) -> tuple[SampledAnnotator, PackedRows]:
    """`measure` on a node, in a process of its own."""
    with _unpacked(files) as store:
        return measure(replace(task, store=store))


@contextmanager
def _unpacked(files: dict[str, bytes]) -> Iterator[Store]:
    with tempfile.TemporaryDirectory(prefix="fld-plan-") as folder:
        store = LocalStore(Path(folder))
        for path, data in files.items():
            store.write(path, [data])
        yield store
