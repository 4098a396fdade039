"""`fld doctor`: versions, devices, and which of the configured annotators can load on this machine.

Classes of the user's own are tried on two pictures, filters on two records (`engine/api/check.py`).
"""

import os
import platform
import re
from importlib.metadata import PackageNotFoundError, requires, version

from rich.table import Table

from engine.api.check import check_annotator, check_filter
from engine.config.config import load
from engine.config.config_text import ConfigError
from engine.console.terminal import out, styled
from specialists.roles import SpecialistError
from stages.annotate.build import Annotator, build_stage

_DECLARED = re.compile(r"(?P<name>[\w.-]+).*?(?:;.*extra == ['\"](?P<extra>[\w-]+)['\"])?")
NOT_SHOWN = ("all", "dev")
"""Extras: one is the sum of the others, one is for working on the project."""


def doctor(source: str | None, assignments: list[str]) -> None:
    """Print what is here. Raises ConfigError if an annotator cannot load, after all were tried."""
    config = load(source, assignments)
    out.print(_packages())
    out.print(_devices())
    table = Table("annotator", "role", "backend", "loads", box=None, pad_edge=False)
    failures = {}
    for name, annotator in config.annotators.items():
        own = getattr(annotator.specialist, "backend", "") == "custom"
        reason = check_annotator(name, annotator) if own else _why_not(name, annotator)
        if reason:
            failures[name] = reason
        outcome = styled("red", f"no: {reason}") if reason else styled("green", "yes")
        table.add_row(name, annotator.role, getattr(annotator.specialist, "backend", ""), outcome)
    out.print(table)
    for each in config.filters.custom:
        reason = check_filter(each)
        outcome = styled("red", f"no: {reason}") if reason else styled("green", "works")
        out.print(f"filter on {each.on}: {each.factory}:", outcome)
        if reason:
            failures[each.factory] = reason
    if failures:
        raise ConfigError(f"{len(failures)} annotators or filters cannot work here: {', '.join(failures)}")


def packages() -> dict[str, str]:
    """Every package that fld-engine declares -> the extra that brings it, "" if it is always installed."""
    found: dict[str, str] = {}
    for line in requires("fld-engine") or ():
        declared = _DECLARED.fullmatch(line)
        if declared is not None and declared["extra"] not in NOT_SHOWN:
            found.setdefault(declared["name"], declared["extra"] or "")
    return found


def _packages() -> Table:
    table = Table("package", "version", "extra", box=None, pad_edge=False)
    table.add_row("python", platform.python_version(), "")
    for name, extra in {"fld-engine": "", **packages()}.items():
        try:
            table.add_row(name, version(name), extra)
        except PackageNotFoundError:
            table.add_row(
                name, styled("yellow", "not installed"), f"pip install 'fld-engine[{extra}]'" if extra else ""
            )
    return table


def _devices() -> str:
    import psutil
    import torch

    memory = psutil.virtual_memory().total / 2**30
    cpus = f"{os.cpu_count()} CPUs, {memory:.0f} GiB memory"
    if not torch.cuda.is_available():
        return f"{cpus}, no CUDA device"
    gpus = [torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count())]
    return cpus + "".join(f", {gpu.name} {gpu.total_memory / 2**30:.0f} GiB" for gpu in gpus)


def _why_not(name: str, annotator: Annotator) -> str:
    """The reason why it cannot load, "" if it can."""
    try:
        stage = build_stage(annotator, name)
        stage.load()
    except (SpecialistError, OSError, ValueError, ImportError) as error:
        return str(error).splitlines()[0] if str(error) else type(error).__name__
    stage.close()
    return ""
