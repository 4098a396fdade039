"""The real command line in this process: what is typed, what is printed, how it ends."""

import contextlib
import io
from typing import NamedTuple

from engine.cli import app
from engine.console.exit_codes import run_to_its_code


class Done(NamedTuple):
    """code: exit code; said: all that was printed."""

    code: int
    said: str


def fld(*arguments: str) -> Done:
    """`fld ARGUMENTS`. An exception that is no error of the project or the world passes through: a mistake of ours."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = run_to_its_code(app, [str(each) for each in arguments])
    return Done(code, said.getvalue())
