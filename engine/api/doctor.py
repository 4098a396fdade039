"""Versions, devices, and which of the configured annotators and filters work on this machine.

    report = doctor()
    report.annotators[0]        Tried("detector", "detector", "ultralytics", reason="")       it loads
    report.packages["timm"]     Package("detr", version=None)                                 not installed

Classes of the user's own are tried on two pictures, filters on two records (`engine/api/check.py`).
"""

import os
import platform
import re
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version

from engine.api.check import check_annotator, check_filter
from engine.api.reports import Changes, Location
from engine.config.config import Config, load
from engine.config.config_text import ConfigError
from specialists.roles import SpecialistError
from stages.annotate.build import Annotator, build_stage

_DECLARED = re.compile(r"(?P<name>[\w.-]+).*?(?:;.*extra == ['\"](?P<extra>[\w-]+)['\"])?")
NOT_SHOWN = ("all", "dev")
"""Extras: one is the sum of the others, one is for working on the project."""


@dataclass(frozen=True)
class Package:
    """extra: which brings it, "" if it is always installed; version: None if it is not here."""

    extra: str
    version: str | None


@dataclass(frozen=True)
class Machine:
    """memory, and that of each GPU by name: in bytes."""

    cpus: int
    memory: int
    gpus: list[tuple[str, int]]


@dataclass(frozen=True)
class Tried:
    """An annotator, or a filter of the user's own (role "filter", backend its factory). reason: why it does not work,
    "" if it does. on: what a filter judges."""

    name: str
    role: str
    backend: str
    reason: str
    on: str = ""


@dataclass(frozen=True)
class DoctorReport:
    """packages: by name, "python" and "fld-engine" first."""

    packages: dict[str, Package]
    machine: Machine
    annotators: list[Tried]
    filters: list[Tried]

    def check(self) -> None:
        """Raise ConfigError if an annotator or a filter does not work here."""
        failed = list(dict.fromkeys(each.name for each in (*self.annotators, *self.filters) if each.reason))
        if failed:
            raise ConfigError(f"{len(failed)} annotators or filters cannot work here: {', '.join(failed)}")


def doctor(config: Config | Location | None = None, settings: Changes = ()) -> DoctorReport:
    """What is here. Every annotator is built and its weights are loaded, one after the other."""
    chosen = load(config, settings)
    annotators = [_tried(name, annotator) for name, annotator in chosen.annotators.items()]
    filters = [
        Tried(each.factory, "filter", each.factory, check_filter(each), each.on) for each in chosen.filters.custom
    ]
    return DoctorReport(packages(), machine(), annotators, filters)


def packages() -> dict[str, Package]:
    """Every package that fld-engine declares, and those that it runs on."""
    extras: dict[str, str] = {"fld-engine": ""}
    for line in requires("fld-engine") or ():
        declared = _DECLARED.fullmatch(line)
        if declared is not None and declared["extra"] not in NOT_SHOWN:
            extras.setdefault(declared["name"], declared["extra"] or "")
    python = {"python": Package("", platform.python_version())}
    return python | {name: Package(extra, _version(name)) for name, extra in extras.items()}


def machine() -> Machine:
    """This one, as torch sees it."""
    import psutil
    import torch

    gpus = [torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count())]
    shown = gpus if torch.cuda.is_available() else []
    return Machine(os.cpu_count() or 1, psutil.virtual_memory().total, [(gpu.name, gpu.total_memory) for gpu in shown])


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _tried(name: str, annotator: Annotator) -> Tried:
    backend = getattr(annotator.specialist, "backend", "")
    reason = check_annotator(name, annotator) if backend == "custom" else _why_not(name, annotator)
    return Tried(name, annotator.role, backend, reason)


def _why_not(name: str, annotator: Annotator) -> str:
    """The reason why it cannot load, "" if it can."""
    try:
        stage = build_stage(annotator, name)
        stage.load()
    except (SpecialistError, OSError, ValueError, ImportError) as error:
        return str(error).splitlines()[0] if str(error) else type(error).__name__
    stage.close()
    return ""
