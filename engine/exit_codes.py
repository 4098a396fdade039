"""From an exception to what the user reads and the exit code; the codes are listed in `engine/cli.py`.

Errors of the project (`shards.errors`) bring their code. Those of the world, a full disk or a folder that may not be
read, are one line with the file and the cause. All others are mistakes of ours, and keep their traceback.
"""

import os
import sys

from typer.exceptions import Abort, Exit, TyperException

from engine.cleaning import clean
from shards.errors import FldError

USAGE, OVER_BUDGET, LOCKED, DAMAGED, REFUSED, WATCHED, INTERRUPTED = 2, 3, 4, 5, 6, 7, 130
KNOWN = (FldError, OSError, Exit, Abort, TyperException)
"""The errors whose message is all that a user needs."""


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
    if isinstance(error, BrokenPipeError):  # `fld status corpus | head`: who reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    said = str(error) if isinstance(error, FldError) else _of_the_world(error)
    sys.stderr.write(f"Error: {clean(said)}\n")
    return error.exit_code if isinstance(error, FldError) else USAGE


def _of_the_world(error: Exception) -> str:
    """`corpus/images/000000.tar: No space left on device`"""
    if not isinstance(error, OSError) or error.strerror is None:
        return " ".join(str(error).split()) or type(error).__name__
    files = [str(file) for file in (error.filename, error.filename2) if file is not None]
    return ": ".join([*files, error.strerror])
