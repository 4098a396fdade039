"""What runs when and where. The second door beside `fld`: its words as functions that return their reports.

    import engine

    report = engine.run(["photos/"], "corpus")         ingest, annotate, filter, write round 0
    report.kept, report.failed                         images
    for record in engine.Corpus("corpus").round(0).records("000000"): ...

Importing it imports nothing else: each name brings its module when it is first used. `docs/round.py` is a round.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.api.calibrate import CalibrateReport, calibrate
    from engine.api.doctor import DoctorReport, doctor
    from engine.api.evaluate import EvalReport, evaluate
    from engine.api.export import export
    from engine.api.init import InitReport, init
    from engine.api.loop import LoopReport, RefusedError, WatchError, loop
    from engine.api.plan import PlanReport, plan
    from engine.api.report import PageReport, write_report
    from engine.api.reports import ExportReport, FilterReport, RunReport
    from engine.api.retrain import retrain
    from engine.api.review import ReviewReport, Suspected, review, suspected
    from engine.api.rounds import annotate, filter, ingest, run
    from engine.api.scenes import scenes
    from engine.api.show import ShowReport, show
    from engine.api.stats import StatsReport, stats
    from engine.api.status import StatusReport, status
    from engine.api.trust import trust
    from engine.api.verify import Verification, verify
    from engine.api.view import Viewer, open_viewer
    from engine.config.config import Config, load_config
    from engine.config.config_text import ConfigError
    from engine.runtime.annotate import AnnotateReport
    from shards.reader import Corpus
    from shards.record import Record
    from stages.ingest.report import IngestReport
    from stages.retrain.job import RetrainResult

_MODULES = {
    "engine.api.calibrate": ("CalibrateReport", "calibrate"),
    "engine.api.doctor": ("DoctorReport", "doctor"),
    "engine.api.evaluate": ("EvalReport", "evaluate"),
    "engine.api.export": ("export",),
    "engine.api.init": ("InitReport", "init"),
    "engine.api.loop": ("LoopReport", "RefusedError", "WatchError", "loop"),
    "engine.api.plan": ("PlanReport", "plan"),
    "engine.api.report": ("PageReport", "write_report"),
    "engine.api.reports": ("ExportReport", "FilterReport", "RunReport"),
    "engine.api.retrain": ("retrain",),
    "engine.api.review": ("ReviewReport", "Suspected", "review", "suspected"),
    "engine.api.rounds": ("annotate", "filter", "ingest", "run"),
    "engine.api.scenes": ("scenes",),
    "engine.api.show": ("ShowReport", "show"),
    "engine.api.stats": ("StatsReport", "stats"),
    "engine.api.status": ("StatusReport", "status"),
    "engine.api.trust": ("trust",),
    "engine.api.verify": ("Verification", "verify"),
    "engine.api.view": ("Viewer", "open_viewer"),
    "engine.config.config": ("Config", "load_config"),
    "engine.config.config_text": ("ConfigError",),
    "engine.runtime.annotate": ("AnnotateReport",),
    "shards.reader": ("Corpus",),
    "shards.record": ("Record",),
    "stages.ingest.report": ("IngestReport",),
    "stages.retrain.job": ("RetrainResult",),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "AnnotateReport",
    "CalibrateReport",
    "Config",
    "ConfigError",
    "Corpus",
    "DoctorReport",
    "EvalReport",
    "ExportReport",
    "FilterReport",
    "IngestReport",
    "InitReport",
    "LoopReport",
    "PageReport",
    "PlanReport",
    "Record",
    "RefusedError",
    "RetrainResult",
    "ReviewReport",
    "RunReport",
    "ShowReport",
    "StatsReport",
    "StatusReport",
    "Suspected",
    "Verification",
    "Viewer",
    "WatchError",
    "annotate",
    "calibrate",
    "doctor",
    "evaluate",
    "export",
    "filter",
    "ingest",
    "init",
    "load_config",
    "loop",
    "open_viewer",
    "plan",
    "retrain",
    "review",
    "run",
    "scenes",
    "show",
    "stats",
    "status",
    "suspected",
    "trust",
    "verify",
    "write_report",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'engine' has no attribute {name!r}: it has {', '.join(__all__)}")
    found: object = getattr(import_module(_HOME[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return [*globals(), *__all__]
