"""From an exception to what the user reads and the exit code.

0 done, failures within a budget included, which the verb counts; 1 a mistake of ours (run again with --debug and report
it); 2 wrong usage, settings or input; 3 finished or stopped over the failure budget; 4 the corpus is in use by another
process; 5 damaged files found; 6 fld loop: the gate refused a model and there is no other to go on with; 7 fld loop:
the watch stopped it; 130 interrupted by Ctrl-C, 143 by SIGTERM, 129 by SIGHUP.

Errors of the project (`shards.errors`) bring their code. Those of the world, a full disk or a folder that may not be
read, are one line with the file and the cause. All others are mistakes of ours, and keep their traceback.
"""

import os
import sys
from typing import TYPE_CHECKING

from typer.exceptions import Abort, Exit, TyperException

from engine.console.cleaning import clean, without_secrets
from engine.console.signals import EndedBySignal, ended_by_signals
from shards.errors import FldError
from shards.store import errors_of_stores

if TYPE_CHECKING:
    from typer import Typer

USAGE, OVER_BUDGET, LOCKED, DAMAGED, REFUSED, WATCHED, INTERRUPTED = 2, 3, 4, 5, 6, 7, 130
KNOWN: tuple[type[Exception], ...] = (FldError, OSError, Exit, Abort, TyperException)
"""The errors whose message is all that a user needs."""
EXHAUSTED = (
    "Error: the system gives this process no more memory or threads: raise its limits (ulimit -v, ulimit -u, the"
    " container's), or lower ingest.workers, ingest.processes and batch_size of the annotators\n"
)
ONE_VERB = (
    "Of the commands that write, only `fld annotate` takes a part: ingest before, filter when all parts are done.\n"
)


def run_to_its_code(app: "Typer", arguments: list[str]) -> int:
    """Run `fld ARGUMENTS`; its exit code. With --debug among them an error keeps its traceback.

    The group is invoked without its `main`, which makes an Abort of Ctrl-C and of every EOFError alike."""
    from typer.main import get_command

    try:
        command = get_command(app)
        with ended_by_signals(), command.make_context("fld", arguments) as context:
            command.invoke(context)
    except errors_of_stores(*KNOWN) as error:
        if "--debug" in arguments and not isinstance(error, Exit):
            raise
        return report_error(error)
    except (MemoryError, RuntimeError) as error:
        if "--debug" in arguments or not _is_exhausted(error):
            raise
        sys.stderr.write(EXHAUSTED)
        return USAGE
    except EndedBySignal as ended:
        sys.stderr.write(f"\nStopped by {ended.signal.name}. What was finished is kept: the same command goes on.\n")
        return 128 + ended.signal
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped. What was finished is kept: the same command goes on from here.\n")
        return INTERRUPTED
    return 0


def _is_exhausted(error: Exception) -> bool:
    """Whether the system refused memory or a thread; Python says the second in words alone."""
    return isinstance(error, MemoryError) or str(error).startswith("can't start new thread")


def report_error(error: Exception) -> int:
    """Write `error` to stderr and return its exit code."""
    if isinstance(error, Exit):
        return error.exit_code
    if isinstance(error, Abort):
        return INTERRUPTED
    if isinstance(error, TyperException):
        show = getattr(error, "show", None)
        show() if show else sys.stderr.write(f"Error: {error}\n")
        if getattr(error, "option_name", "") == "--part":
            sys.stderr.write(ONE_VERB)
        return USAGE
    if isinstance(error, BrokenPipeError):  # `fld status corpus | head`: who reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    said = str(error) if isinstance(error, FldError) else _of_the_world(error)
    sys.stderr.write(f"Error: {clean(without_secrets(said))}\n")
    return error.exit_code if isinstance(error, FldError) else USAGE


def _of_the_world(error: Exception) -> str:
    """`corpus/images/000000.tar: No space left on device`"""
    if not isinstance(error, OSError) or error.strerror is None:
        return " ".join(str(error).split()) or type(error).__name__
    files = [str(file) for file in (error.filename, error.filename2) if file is not None]
    return ": ".join([*files, error.strerror])
