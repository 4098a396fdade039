"""From an exception to what the user reads and the exit code; the codes are listed in `engine/cli.py`."""

import sys

from typer import Abort, Exit
from typer.exceptions import TyperException

USAGE, OVER_BUDGET, LOCKED, DAMAGED, REFUSED, WATCHED, INTERRUPTED = 2, 3, 4, 5, 6, 7, 130


def known_errors() -> tuple[type[Exception], ...]:
    """The errors whose message is all that a user needs. Python evaluates an `except` clause only once something was
    raised, so these imports cost nothing when all goes well. Anything else is a mistake of ours and keeps its
    traceback."""
    return (Exit, Abort, TyperException, *_exit_codes())


def report(error: Exception) -> int:
    """Write `error` to stderr and return its exit code."""
    if isinstance(error, Exit):
        return error.exit_code
    if isinstance(error, Abort):
        return INTERRUPTED
    if isinstance(error, TyperException):
        show = getattr(error, "show", None)
        show() if show else sys.stderr.write(f"Error: {error}\n")
        return USAGE
    sys.stderr.write(f"Error: {error}\n")
    return next(code for kind, code in _exit_codes().items() if isinstance(error, kind))


def _exit_codes() -> dict[type[Exception], int]:
    """In the order in which they are tried: a subclass before its base."""
    from engine.config.config_text import ConfigError
    from engine.runtime.backend import StartError
    from engine.runtime.column import ColumnError
    from engine.runtime.faults import FailureBudgetError
    from engine.runtime.lock import CorpusLockedError
    from engine.verbs.loop import RefusedError, WatchError
    from engine.verbs.verify import DamageError
    from filters.parser import ParserError
    from shards.commit import CorpusError
    from shards.record import RecordError
    from shards.store import StoreError
    from specialists.roles import SpecialistError
    from stages.ingest.entry import SourceError
    from stages.ingest.frame import FrameError
    from stages.ingest.keys import DuplicateKeyError
    from stages.ingest.plan import PlanError
    from stages.ingest.report import IngestBudgetError
    from stages.retrain.data import RetrainError

    settings = (ColumnError, ConfigError, ParserError, RetrainError, SpecialistError, StartError)
    sources = (SourceError, FrameError, DuplicateKeyError, PlanError)
    files = (CorpusError, RecordError, StoreError, FileNotFoundError, PermissionError)
    return {
        IngestBudgetError: OVER_BUDGET,
        FailureBudgetError: OVER_BUDGET,
        CorpusLockedError: LOCKED,
        DamageError: DAMAGED,
        RefusedError: REFUSED,
        WatchError: WATCHED,
        **dict.fromkeys((*settings, *sources, *files), USAGE),
    }
