"""`fld plan`: the report of `engine/api/plan.py` as tables."""

from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from engine.api import plan as api
from engine.api.plan import PlanReport
from engine.config.config_text import ConfigError, to_yaml
from engine.console.terminal import err, out, styled
from engine.forecast.forecast import Capacity
from engine.forecast.measure import SampledAnnotator

_RATES = 4
"""Batch sizes that are shown of each annotator."""


def plan(
    source: str,
    config: str | None,
    assignments: list[str],
    images: int | None,
    gpus: int | None,
    hours: float | None,
    sample: int,
    seconds: float,
    write: str | None,
) -> None:
    """Print what a run will cost. Raises ConfigError if an annotator could not be measured, after all is printed."""
    if write is not None and Path(write).exists():
        raise ConfigError(f"--write {write}: there is such a file already: name a new one")
    err.print(f"Measuring every annotator, at most {seconds:.0f} s each after its weights are loaded ...")
    report = api.plan(
        source, config, assignments, images=images, gpus=gpus, hours=hours, sample=sample, seconds=seconds, tell=_tell
    )
    _print(report)
    if write is not None:
        Path(write).write_text(to_yaml(report.config, changed=True))
        out.print(f"{write}: the settings of this plan; `fld run {source} CORPUS --config {write}` puts them to work")
    if report.unknown:
        raise ConfigError("not in the plan, as nothing is known of them: " + "; ".join(report.unknown))


def _tell(measured: SampledAnnotator) -> None:
    """While the others are still to come."""
    rate = measured.rate
    pace = f"{1 / rate:.1f} s per image" if 0 < rate < 1 else f"{rate:.3g} images/s"
    said = f"{pace}, {measured.images} images" if not measured.error else "unknown"
    err.print(f"  {measured.name}: {said}")


def _print(report: PlanReport) -> None:
    out.print(f"{report.sample:,} of {report.images:,} images were run, one annotator at a time:")
    out.print(_annotators(report))
    for each in report.measured.values():
        for reason in each.reasons[:3]:
            out.print(styled("yellow", f"  {each.name} failed: {reason}"))
    out.print(f"\nThe run, {report.images:,} images on {_room(report.capacity)}:")
    out.print(_run(report))
    out.print(_disk(report))


def _annotators(report: PlanReport) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("annotator")
    for heading in ("images/s", "batch", "failed", "memory", "GPU", "loads in", "actors", "images/s at batch"):
        table.add_column(heading, justify="left" if heading.endswith("batch") and "/s" in heading else "right")
    actors = report.forecast.actors
    for each in report.measured.values():
        pool = next((name for name in (each.name, _group(report, each.name)) if name in actors), "")
        gpu = "" if each.gpu_mb is None else f"{each.gpu_mb:,.0f} MB"
        if each.error:
            table.add_row(each.name, styled("red", "unknown"))
            continue
        table.add_row(
            each.name, f"{each.rate:.3g}", f"{each.batch_size}", f"{each.failed} of {each.images}",
            f"{each.host_mb:,.0f} MB", gpu, f"{each.load_s:.1f} s", f"{actors.get(pool, 1)}", _rates(each),
        )  # fmt: skip
    return table


def _group(report: PlanReport, name: str) -> str:
    return f"group {report.config.annotators[name].resources.group}"


def _rates(measured: SampledAnnotator) -> str:
    shown = list(measured.rates.items())[:_RATES]
    return ", ".join(f"{size}: {rate:.3g}" for size, rate in shown)


def _run(report: PlanReport) -> Table:
    found, per_image = report.forecast, report.per_image
    table = Table("what", "how much", box=None, pad_edge=False, show_header=False)
    table.add_row(
        "wall time", f"{_time(report.seconds)}: ingest and round {_time(report.beside_s)}, the rest annotating"
    )
    table.add_row("annotating", f"{found.images_per_s:.3g} images/s, after {_time(found.start_s)} of loading")
    table.add_row("bottleneck", f"{found.bottleneck or 'none'}, {found.bottleneck_share:.0%} of all annotators' time")
    more = "GPU" if report.capacity.gpus else "CPU"
    table.add_row(f"one more {more}", f"{_time(report.one_more_s)} in all, {_saved(report)} less")
    if report.wanted is not None:
        table.add_row("for the asked time", _room(report.wanted))
    if report.capacity.gpus:
        table.add_row("GPU hours", f"{found.gpu_hours:,.2f} busy, {_gpu_hours(report):,.2f} reserved")
        table.add_row("packing", _packing(report))
    busy = report.images * per_image.annotators_cpu_s / 3600
    table.add_row("CPU hours", f"{busy:,.2f} busy, {found.cpu_hours:,.2f} reserved by annotators")
    table.add_row("driver", f"{1000 * per_image.driver_cpu_s:.2f} ms CPU per image")
    table.add_row("ingest, round", f"{1000 * per_image.ingest_cpu_s:.1f}, {1000 * per_image.round_cpu_s:.1f} ms CPU")
    network = per_image.reads * per_image.picture_bytes
    table.add_row("network per image", f"{_size(network)}: {per_image.reads} reads of {_size(per_image.picture_bytes)}")
    table.add_row("object store", f"{_size(per_image.travels)} per image between driver and actors")
    for name, spent in report.spent.items():
        tokens = f"{spent.prompt_tokens:,} + {spent.completion_tokens:,} tokens"
        table.add_row(f"endpoint of {name}", f"{spent.requests:,} requests, {tokens}")
    return table


def _saved(report: PlanReport) -> str:
    return f"{1 - report.one_more_s / report.seconds:.0%}" if report.seconds else "0%"


def _gpu_hours(report: PlanReport) -> float:
    return report.capacity.gpus * report.forecast.annotate_s / 3600


def _packing(report: PlanReport) -> str:
    """`GPU 0: captions 0.25, boxes 0.10`, equal ones together."""
    lines: dict[str, int] = {}
    for each in report.forecast.packing:
        line = ", ".join(f"{name} {report.forecast.shares[name]:.2f}" for name in each) or "nothing"
        lines[line] = lines.get(line, 0) + 1
    said = "; ".join(f"{count} x ({line})" for line, count in lines.items())
    left = report.forecast.left_over
    return said + (f"; no room for {', '.join(left)}: they take turns" if left else "")


def _disk(report: PlanReport) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("disk", "bytes", "files"):
        table.add_column(heading, justify="left" if heading == "disk" else "right")
    for folder, size in report.disk.items():
        table.add_row(folder or "(the corpus itself)", _size(size), f"{report.files[folder]:,}")
    each = "each further round as much as rounds/00, and its model's column"
    table.add_row("all, " + each, _size(sum(report.disk.values())), f"{sum(report.files.values()):,}")
    return table


def _room(capacity: Capacity) -> str:
    gpus = f"{capacity.gpus:,} GPU{'s' * (capacity.gpus != 1)} and " if capacity.gpus else ""
    nodes = f" of {capacity.nodes:,} node{'s' * (capacity.nodes != 1)} of the cluster" if capacity.nodes else ""
    return f"{gpus}{capacity.cpus:,.0f} CPUs{nodes}"


def _time(seconds: float) -> str:
    """`_time(93600)` is "26.0 h"."""
    steps: Sequence[tuple[float, str]] = ((86400 * 3, "days"), (7200, "h"), (120, "min"))
    units = {"days": 86400.0, "h": 3600.0, "min": 60.0}
    unit = next((name for least, name in steps if seconds >= least), "s")
    return f"{seconds / units.get(unit, 1.0):.1f} {unit}"


def _size(count: float) -> str:
    """`_size(3_100_000_000_000)` is "3.1 TB"."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if count < 1000 or unit == "TB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return ""
