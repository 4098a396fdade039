r"""Where the command writes: answers to stdout, what goes on to stderr; colours only where there is a terminal.

What is printed is data: names, captions and words that were read in a picture. No text is markup, and none reaches the
terminal with control characters, escape sequences or marks that turn the direction of writing:

    out.print("[red]EXIT[/]")        [red]EXIT[/]
    out.print("a\x1b[2Jb")           a\x1b[2Jb
    out.print(styled("bold", "train"), "on round 0")
"""

from typing import IO, Any

from rich.console import Console
from rich.text import Text

from engine.console.cleaning import clean

PIPED_WIDTH = 160  # columns where there is no terminal to ask: tables in a log file should not be folded to 80


def styled(style: str, text: str) -> Text:
    """A text in a style of rich ("bold", "red"), for `print` and for cells of tables."""
    return Text(clean(text), style)


class _Plain(Console):
    """A console to which every string, in a cell of a table too, is data."""

    def render_str(self, text: str, **options: Any) -> Text:
        """The text as it is shown."""
        return super().render_str(clean(text), **{**options, "markup": False, "emoji": False})


def console(stream: IO[str] | None = None, *, stderr: bool = False, width: int = PIPED_WIDTH) -> Console:
    """A console on a stream, or on stdout or stderr. width: in columns, where there is no terminal to ask."""
    made = _Plain(file=stream, stderr=stderr, highlight=False, markup=False, emoji=False)
    if not made.is_terminal:
        made.width = width
    return made


out = console()
err = console(stderr=True)
