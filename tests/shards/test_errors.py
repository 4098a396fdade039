"""The drawing in `shards/errors.py` against the classes that are there."""

import ast
import builtins
import re
from pathlib import Path

import pytest

from shards import errors

ROOT = Path(errors.__file__).parents[1]
PACKAGES = ("engine", "filters", "shards", "specialists", "stages")
BESIDE_THE_TREE = {"ConservationError", "EndedBySignal"}
"""A mistake of ours, where a traceback is right; and what a signal raises, which is no error."""


def drawn() -> set[tuple[str, str, int | None]]:
    """(class, its base, its own exit code) of every line of the drawing."""
    found, above = set(), ["Exception"]
    for line in (errors.__doc__ or "").splitlines():
        if not (match := re.match(r"( *)(\w+Error)\s{2,}(?:(\d): )?", line)):
            continue
        depth = len(match[1]) // 4
        del above[depth + 1 :]
        code = 2 if match[2] == "FldError" else int(match[3]) if match[3] else None
        found.add((match[2], above[depth], code))
        above.append(match[2])
    return found


def written() -> set[tuple[str, str, int | None]]:
    """The same of every exception class in the code, read and not imported."""
    classes = {
        node.name: node
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef) and node.bases
    }

    def raises(name: str) -> bool:
        known = getattr(builtins, name, None)
        if isinstance(known, type):
            return issubclass(known, BaseException)
        return name in classes and any(raises(ast.unparse(base)) for base in classes[name].bases)

    return {
        (name, ast.unparse(node.bases[0]), exit_code(node))
        for name, node in classes.items()
        if raises(name) and name not in BESIDE_THE_TREE
    }


def exit_code(node: ast.ClassDef) -> int | None:
    found = re.search(r"^    exit_code\b.* = (\d)$", ast.unparse(node), re.MULTILINE)
    return int(found[1]) if found else None


@pytest.mark.thorough  # it imports all of the project
def test_the_drawing_shows_every_error_under_its_base_with_its_exit_code() -> None:
    assert len(written()) >= 28
    assert drawn() == written()
