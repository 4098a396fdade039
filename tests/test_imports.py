"""Imports point one way: between the top folders, and between the rooms of `engine/` and `stages/`.

Every arrow is read from the source with `ast`, imports inside functions included. A new arrow belongs into the tables
below, where it is seen not to close a circle.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CORE = {
    "shards.errors",
    "shards.factory",
    "shards.finding",
    "shards.folding",
    "shards.geometry",
    "shards.grid",
    "shards.record",
    "shards.settings",
}
"""What models and filters may know of the files: the record and the errors, nothing that opens one."""

TOP = {
    "engine": {"stages", "specialists", "filters", "shards"},
    "stages": {"specialists", "filters", "shards"},
    "specialists": CORE,
    "filters": CORE,
    "shards": set[str](),
}
ENGINE = {
    "cli": {"config", "console", "verbs"},
    "verbs": {"api", "config", "console", "forecast", "report", "runtime"},
    "api": {"config", "corpus", "forecast", "report", "runtime", "view"},
    "forecast": {"config", "corpus", "runtime"},
    "view": {"config", "console", "report"},
    "corpus": {"config", "runtime"},
    "report": {"config"},
    "runtime": {"config", "console"},
    "config": set[str](),
    "console": set[str](),
}
STAGES = {
    "recipes": {"annotate", "codec", "evaluate", "retrain", "scenes"},
    "watch": {"evaluate", "fuse", "gate", "round"},
    "gate": {"calibrate", "evaluate", "fuse", "round", "stage"},
    "retrain": {"codec", "evaluate", "held_out", "incomplete", "ingest"},
    "evaluate": {"calibrate", "fuse", "held_out", "ingest", "round"},
    "annotate": {"codec", "findings", "stage"},
    "round": {"calibrate", "fuse"},
    "codec": {"findings", "incomplete"},
    "fuse": {"calibrate"},
    "calibrate": set[str](),
    "ingest": {"fuse"},
    "scenes": set[str](),
    "describe": set[str](),
    "export": {"held_out"},
    "review": {"export", "fuse", "ingest"},
    "held_out": set[str](),
    "incomplete": set[str](),
    "findings": set[str](),
    "stage": set[str](),
}


def imported(source: str) -> Iterator[str]:
    """The modules that a source names, wherever it does. `from a import b` is `a.b`: b may be a module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def strangers(sources: Mapping[str, str], package: str, allowed: Mapping[str, set[str]]) -> list[str]:
    """Arrows between the rooms of `package` ("" for the top folders) that the table does not have.

    sources: text by dotted module name. A room is the first name below the package, folder or file."""
    depth = package.count(".") + 1 if package else 0
    prefix = f"{package}." if package else ""
    found = []
    for module, source in sources.items():
        if not module.startswith(prefix) or module.count(".") < depth:
            continue
        room = module.split(".")[depth]
        for target in imported(source):
            if not target.startswith(prefix) or target.split(".")[depth] not in allowed:
                continue
            other = target.split(".")[depth]
            granted = allowed[room]
            if other != room and other not in granted and not any(is_in(target, entry) for entry in granted):
                found.append(f"{module} -> {target}")
    return sorted(set(found))


def is_in(target: str, module: str) -> bool:
    return target == module or target.startswith(f"{module}.")


def project() -> dict[str, str]:
    files = [path for top in TOP for path in sorted((ROOT / top).rglob("*.py"))]
    named = {path: path.parent if path.name == "__init__.py" else path.with_suffix("") for path in files}
    return {".".join(name.relative_to(ROOT).parts): path.read_text() for path, name in named.items()}


@pytest.fixture(scope="module")
def sources() -> dict[str, str]:
    return project()


@pytest.mark.parametrize(("package", "allowed"), [("", TOP), ("engine", ENGINE), ("stages", STAGES)])
def test_every_arrow_is_in_the_table(sources: dict[str, str], package: str, allowed: dict[str, set[str]]) -> None:
    assert strangers(sources, package, allowed) == []


@pytest.mark.parametrize("allowed", [TOP, ENGINE, STAGES])
def test_the_tables_have_no_circle(allowed: dict[str, set[str]]) -> None:
    graph: dict[str, set[str]] = defaultdict(set)
    for room, others in allowed.items():
        graph[room] = {other.split(".")[0] for other in others}
    assert len(list(TopologicalSorter(graph).static_order())) >= len(allowed)


@pytest.mark.parametrize(("package", "allowed"), [("engine", ENGINE), ("stages", STAGES)])
def test_the_tables_name_what_is_there(package: str, allowed: dict[str, set[str]]) -> None:
    there = {
        path.stem for path in (ROOT / package).iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert set(allowed) == there - {"__init__"}


@pytest.mark.parametrize("line", ["from stages.gate import decide", "def f() -> None:\n    import stages.gate.decide"])
def test_an_import_that_is_turned_round_is_found(line: str) -> None:
    assert strangers({"stages.fuse.merge": line}, "stages", STAGES) == ["stages.fuse.merge -> stages.gate.decide"]


def test_filters_may_read_no_file() -> None:
    assert strangers({"filters.nms": "from shards.store import Store"}, "", TOP) == [
        "filters.nms -> shards.store.Store"
    ]
