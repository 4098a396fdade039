"""Where the command writes: answers to stdout, what goes on to stderr; colours only where there is a terminal."""

from rich.console import Console

PIPED_WIDTH = 160  # columns where there is no terminal to ask: tables in a log file should not be folded to 80

out = Console(highlight=False)
err = Console(highlight=False, stderr=True)
for console in (out, err):
    if not console.is_terminal:
        console.width = PIPED_WIDTH
