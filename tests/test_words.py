"""One name, one thing: a public class or type alias is called so in one module only (docs/words.md).

Functions and constants may share a word across modules: `decode` and `VERSION` are read with their module's name.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping

import pytest

from tests.test_imports import project


def types(source: str) -> Iterator[str]:
    """The public classes and aliases that a module defines: names in capitals and small letters."""
    for node in ast.parse(source).body:
        match node:
            case ast.ClassDef(name=name):
                pass
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                pass
            case _:
                continue
        if name[0].isupper() and not name.isupper():
            yield name


def shared(sources: Mapping[str, str]) -> dict[str, list[str]]:
    """Name -> the modules that define it, where they are several. sources: text by dotted module name."""
    homes: dict[str, list[str]] = defaultdict(list)
    for module, source in sources.items():
        for name in types(source):
            homes[name].append(module)
    return {name: modules for name, modules in homes.items() if len(modules) > 1}


def test_a_type_has_a_name_of_its_own() -> None:
    assert shared(project()) == {}


@pytest.mark.parametrize("line", ["class Verdict: ...", "Verdict = tuple[bool, str]", "Verdict: TypeAlias = str"])
def test_a_second_type_of_a_name_is_found(line: str) -> None:
    assert shared({"filters.verdict": "class Verdict: ...", "stages.gate.decide": line}) == {
        "Verdict": ["filters.verdict", "stages.gate.decide"]
    }
