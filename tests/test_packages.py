"""Every package that our code imports is declared; one that an extra brings is asked for by the extra's name."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = ("engine", "stages", "specialists", "filters", "shards")
BROUGHT_ALONG = {
    "pydantic-core": "pydantic",
    "thinc": "spacy",
    "tokenizers": "transformers",
    "huggingface-hub": "transformers",
}
"""Declared by packages that we declare, at versions that fit them."""
NOT_OURS_TO_BRING = {
    "datasets": "who reads shards with it has it",
    "fonttools": "how the shipped fonts were cut: stages/recipes/fonts.py",
}


def imported_by(file: Path) -> set[str]:
    """Top names of the modules that a file imports, wherever it does."""
    found = set[str]()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return {name.partition(".")[0] for name in found}


def declared() -> set[str]:
    """Distributions of the project and its extras, without those for working on it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    lines = [*project["dependencies"], *(line for name in extras if name != "dev" for line in extras[name])]
    return {normal(re.split(r"[^\w.-]", line)[0]) for line in lines}


def normal(name: str) -> str:
    """`normal("PyYAML_x")` is "pyyaml-x"."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_what_is_imported_is_declared() -> None:
    names = {name for top in OURS for file in (ROOT / top).rglob("*.py") for name in imported_by(file)}
    foreign = names - {*OURS, *sys.stdlib_module_names, "_typeshed"}
    brings = packages_distributions()
    missing = {
        name
        for name in foreign
        if not {BROUGHT_ALONG.get(each, each) for each in map(normal, brings.get(name, [name]))}
        & (declared() | NOT_OURS_TO_BRING.keys())
    }
    assert missing == set()


@pytest.mark.parametrize(
    ("package", "call", "extra"),
    [
        ("pycocotools", "from stages.evaluate.average_precision import _coco; _coco([], [])", "eval"),
        ("pycocotools", "from specialists.masks import coco_rle; coco_rle([], 2, 2)", "eval"),
        ("pycocoevalcap", "from stages.evaluate.captions import cider; cider(['a'], [['a']])", "eval"),
        ("sacrebleu", "from stages.evaluate.captions import _bleu; _bleu(['a'], [['a']], 1)", "eval"),
        ("matplotlib", "from engine.report.figure import draw_measures; draw_measures({}, 'a.png', '')", "viewer"),
        ("matplotlib", "from engine.report.curves import draw_curves; draw_curves({}, 'a.png', '')", "viewer"),
        ("duckdb", "from stages.export.choose import keys; keys(None, 'objects > 3')", "query"),
    ],
)
def test_a_missing_package_is_named_with_its_extra(package: str, call: str, extra: str) -> None:
    code = (
        f"import sys; sys.modules[{package!r}] = None\n"
        "from specialists.roles import MissingRequirementError\n"
        f"try: {call}\n"
        "except MissingRequirementError as error: sys.exit(str(error))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert f"needs the package {package}, which is not installed: pip install 'fld-engine[{extra}]'" in done.stderr
