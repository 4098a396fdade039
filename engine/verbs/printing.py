"""Reports as people read them, on stderr: what `tell` of the functions in `engine/api/` is called with."""

from shlex import quote

from rich.table import Table

from engine.api.reports import FilterReport, Tell
from engine.console.terminal import err
from engine.runtime.annotate import AnnotateReport
from engine.runtime.refilter import OUTCOME_KEPT, Tally
from shards.commit import ImageCounts
from shards.layout import round_folder
from stages.gate.calibration import ModelCalibration
from stages.gate.decide import Promotion
from stages.ingest.report import IngestReport
from stages.retrain.job import RetrainResult
from stages.retrain.student import shortcomings
from stages.watch.judge import WatchReport

FEW_IMAGES = 10
"""Held-out images below which a verdict is told to say little: percentile intervals of a handful are too narrow."""


def printer(corpus: str) -> Tell:
    """Prints what it is called with. corpus: as the user named it, for the commands that are recommended."""

    def tell(part: object) -> None:
        if isinstance(part, AnnotateReport) and part.quarantined:
            err.print(_line(part))
            quarantined = f"{len(part.quarantined):,} images quarantined, within engine.failure_budget"
            err.print(f"  {quarantined}: `fld status {quote(corpus)}` says why")
        elif isinstance(part, IngestReport):
            _ingested(part, corpus)
        elif isinstance(part, FilterReport):
            _filtered(part)
        else:
            err.print(_line(part))

    return tell


def _line(part: object) -> str:
    """What fits in a line."""
    match part:
        case AnnotateReport():
            return f"annotate: {part.units_run:,} units run in {part.seconds:.0f} s"
        case WatchReport():
            warnings = "".join(f"watch: {warning}\n" for warning in part.warnings)
            return f"{warnings}watch: round {part.round}, {len(part.warnings)} warnings"
        case RetrainResult():
            small = "".join(f"train: {line}\n" for line in shortcomings(part.training))
            return f"{small}train: {part.folder}{', was there already' if part.already else ''}"
        case Promotion():
            more = "; so few tell little: raise loop.retrain.held_out, or bring gold of more images"
            few = more if part.images < FEW_IMAGES else ""
            return f"gate: {verdict(part)} ({part.images} held-out images, against {part.reference}{few})"
        case ModelCalibration():
            return f"gate: {part.summary}"
        case _:
            return str(part)


def verdict(promotion: Promotion) -> str:
    """`promoted: boxes rose by 0.041 (95% interval +0.010 to +0.072)`"""
    return f"{'promoted' if promotion.promoted else 'refused'}: {promotion.reason}"


def failed_line(failed: int, read: int, corpus: str, incomplete: int = 0) -> str:
    """What a verb that ends with 0 says at its end, where some failed and a budget allows for that. incomplete: images
    on which only some annotators failed."""
    partly = f", {incomplete:,} in part" if incomplete else ""
    within = f"{failed:,} of {read:,} images failed{partly}, within the failure budget"
    return f"{within}: `fld status {quote(corpus)}` says why"


def _ingested(report: IngestReport, corpus: str) -> None:
    err.print(
        f"ingest: {report.planned:,} images = {report.kept:,} kept + {report.failed:,} failed;"
        f" {report.new:,} new, {report.repeated:,} known, {report.written:,} written"
    )
    for line in (*report.failure_lines(), *report.warnings):
        err.print(f"  {line}")
    if report.duplicates:
        found = ", ".join(f"{count:,} {kind}" for kind, count in sorted(report.duplicates.items()))
        err.print(f"  duplicates: {found} (ingest.duplicates says what becomes of them)")
    if failed := report.failed + report.unreadable:
        err.print(failed_line(failed, report.planned + report.unreadable, corpus))


def _filtered(report: FilterReport) -> None:
    err.print(_compared(report.before, report.tally))
    if report.incomplete or report.incomplete_before:
        err.print(_incomplete(report))
    if report.dry_run:
        err.print("Dry run: nothing was written.")
        return
    done = f"{report.written} shards written, {report.unchanged} up to date"
    err.print(f"{round_folder(report.round)}: {_images(report.images)}; {done}")
    if report.scores:
        err.print(report.scores)


def _incomplete(report: FilterReport) -> str:
    line = f"{report.incomplete:,} of the kept images are incomplete: an annotator failed on them"
    if report.before and report.incomplete != report.incomplete_before:
        line += f" ({report.incomplete_before:,} before)"
    return (
        f"{line}\n  `fld annotate --retry-quarantined`, then `fld filter` completes them;"
        " fuse.failed_annotator: drop leaves them out"
    )


def _images(counts: ImageCounts) -> str:
    return f"{counts.read:,} images read = {counts.kept:,} kept + {counts.dropped:,} dropped + {counts.failed:,} failed"


def _compared(before: Tally, after: Tally) -> Table:
    """One line per type and outcome; `before` is empty for a round that is written for the first time."""
    table = Table(box=None, pad_edge=False)
    for heading in ("annotation", "outcome"):
        table.add_column(heading)
    for heading in (*(("before",) if before else ()), "now", *(("change",) if before else ())):
        table.add_column(heading, justify="right")
    known = {entry for entry in {*before, *after} if entry[0] != "missing"}
    for type_, outcome in sorted(known, key=lambda entry: (entry[0], entry[1] != OUTCOME_KEPT, entry[1])):
        old, new = before[type_, outcome], after[type_, outcome]
        label = outcome if outcome == OUTCOME_KEPT else f"dropped: {outcome}"
        cells = [f"{old:,}", f"{new:,}", f"{new - old:+,}" if new != old else ""] if before else [f"{new:,}"]
        table.add_row(type_, label, *cells)
    return table
