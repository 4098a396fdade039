"""From an exception to what the user reads and the exit code; the codes are listed in `engine/cli.py`."""

import sys

import click


def known_errors() -> tuple[type[Exception], ...]:
    """The errors whose message is all that a user needs. Python evaluates an `except` clause only once something was
    raised, so these imports cost nothing when all goes well. Anything else is a mistake of ours and keeps its
    traceback."""
    from engine.config_text import ConfigError

    return (click.exceptions.Exit, click.Abort, click.ClickException, ConfigError)


def report(error: Exception) -> int:
    """Write `error` to stderr and return its exit code."""
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, click.Abort):
        return 130
    if isinstance(error, click.ClickException):
        error.show()
        return 2
    sys.stderr.write(f"Error: {error}\n")
    return 2
