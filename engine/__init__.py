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
    from engine.api.evaluate import EvalReport, evaluate
    from engine.api.export import export
    from engine.api.loop import LoopReport, RefusedError, WatchError, loop
    from engine.api.reports import ExportReport, FilterReport, RunReport
    from engine.api.retrain import retrain
    from engine.api.review import ReviewReport, review
    from engine.api.rounds import annotate, filter, ingest, run
    from engine.config.config import Config, load_config
    from engine.config.config_text import ConfigError
    from engine.runtime.annotate import AnnotateReport
    from shards.reader import Corpus
    from shards.record import Record
    from stages.ingest.report import IngestReport
    from stages.retrain.job import RetrainResult

_MODULES = {
    "engine.api.calibrate": ("CalibrateReport", "calibrate"),
    "engine.api.evaluate": ("EvalReport", "evaluate"),
    "engine.api.export": ("export",),
    "engine.api.loop": ("LoopReport", "RefusedError", "WatchError", "loop"),
    "engine.api.reports": ("ExportReport", "FilterReport", "RunReport"),
    "engine.api.retrain": ("retrain",),
    "engine.api.review": ("ReviewReport", "review"),
    "engine.api.rounds": ("annotate", "filter", "ingest", "run"),
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
    "EvalReport",
    "ExportReport",
    "FilterReport",
    "IngestReport",
    "LoopReport",
    "Record",
    "RefusedError",
    "RetrainResult",
    "ReviewReport",
    "RunReport",
    "WatchError",
    "annotate",
    "calibrate",
    "evaluate",
    "export",
    "filter",
    "ingest",
    "load_config",
    "loop",
    "retrain",
    "review",
    "run",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'engine' has no attribute {name!r}: it has {', '.join(__all__)}")
    found: object = getattr(import_module(_HOME[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return [*globals(), *__all__]
