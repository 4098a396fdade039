"""What the experiments share: the command line, half of the labels, a Markdown table."""

import json
import math
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from stages.evaluate.bootstrap import Estimate


def fld(*arguments: str | int | Path) -> None:
    """Runs the command; its exit code other than 0 ends the experiment."""
    subprocess.run([sys.executable, "-m", "engine.cli", *map(str, arguments)], check=True)


def half_given(scenes: Path) -> Path:
    """A list of all pictures in which every second one has the careless labels of noisy.jsonl, the others none."""
    lines = [json.loads(line) for line in (scenes / "noisy.jsonl").read_text().splitlines()]
    for line in lines[1::2]:
        del line["given"]
    return written(scenes / "half.jsonl", lines)


def written(path: Path, lines: list[dict[str, object]]) -> Path:
    """JSON lines."""
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def table(columns: Mapping[str, Mapping[str, Estimate]], names: Mapping[str, str], *, signed: bool = False) -> str:
    """Markdown, one line per measure that any column has; signed: a star where the interval excludes 0."""
    lines = [" | ".join(["| ", *columns]) + " |", "| --- " * (len(columns) + 1) + "|"]
    for name, said in names.items():
        cells = [_cell(column.get(name), signed) for column in columns.values()]
        if any(cells):
            lines.append(f"| {said} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(found: Estimate | None, signed: bool) -> str:
    if found is None or not math.isfinite(found.value):
        return ""
    if signed:
        star = " *" if found.low > 0 or found.high < 0 else ""
        return f"{found.value:+.3f} ({found.low:+.3f} to {found.high:+.3f}){star}"
    return f"{found.value:.3f} ({found.low:.3f} - {found.high:.3f})"
