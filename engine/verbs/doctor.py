"""`fld doctor`: the report of `engine/api/doctor.py` as tables."""

from collections.abc import Mapping, Sequence

from rich.table import Table

from engine.api import doctor as api
from engine.api.doctor import Machine, Package, Tried
from engine.console.terminal import out, styled


def doctor(source: str | None, assignments: list[str]) -> None:
    """Print what is here. Raises ConfigError if an annotator cannot load, after all were tried."""
    report = api.doctor(source, assignments)
    out.print(_packages(report.packages))
    out.print(_machine(report.machine))
    out.print(_annotators(report.annotators))
    for filter_ in report.filters:
        outcome = styled("red", f"no: {filter_.reason}") if filter_.reason else styled("green", "works")
        out.print(f"filter on {filter_.on}: {filter_.name}:", outcome)
    report.check()


def _packages(packages: Mapping[str, Package]) -> Table:
    table = Table("package", "version", "extra", box=None, pad_edge=False)
    for name, package in packages.items():
        if package.version is not None:
            table.add_row(name, package.version, package.extra)
        else:
            install = f"pip install 'fld-engine[{package.extra}]'" if package.extra else ""
            table.add_row(name, styled("yellow", "not installed"), install)
    return table


def _machine(machine: Machine) -> str:
    cpus = f"{machine.cpus} CPUs, {machine.memory / 2**30:.0f} GiB memory"
    if not machine.gpus:
        return f"{cpus}, no CUDA device"
    return cpus + "".join(f", {name} {memory / 2**30:.0f} GiB" for name, memory in machine.gpus)


def _annotators(annotators: Sequence[Tried]) -> Table:
    table = Table("annotator", "role", "backend", "loads", box=None, pad_edge=False)
    for annotator in annotators:
        outcome = styled("red", f"no: {annotator.reason}") if annotator.reason else styled("green", "yes")
        table.add_row(annotator.name, annotator.role, annotator.backend, outcome)
    return table
