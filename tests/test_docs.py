"""What the docs show runs, and what `docs/words.md` promises holds: a type has a name of its own in all packages.

Functions and constants may share a word across modules: `decode` and `VERSION` are read with their module's name.
"""

import ast
import re
import runpy
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import engine
from tests.engine.fake_specialists import save_pictures
from tests.engine.verbs.test_rounds import CONFIG
from tests.test_imports import project

DOCS = Path(__file__).parents[1] / "docs"


def test_one_round_in_python(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert len((DOCS / "round.py").read_text().splitlines()) <= 45
    save_pictures(tmp_path / "photos", 5)
    (tmp_path / "fakes.yaml").write_text(CONFIG)
    one_round = runpy.run_path(str(DOCS / "round.py"))["one_round"]
    one_round(str(tmp_path / "photos"), str(tmp_path / "corpus"), str(tmp_path / "fakes.yaml"))
    said = capsys.readouterr().out
    assert "5 of 5 images have a record, 0 failed" in said
    assert "     5 region     region.score" in said
    assert "regions kept at 0.95: 0 instead of 5" in said
    assert "coco.json: 5 objects in 1 categories" in said


def test_every_file_that_is_named_exists() -> None:
    root = DOCS.parent
    tops = ("engine", "stages", "specialists", "filters", "shards")
    pages = [page for page in DOCS.glob("*.md") if page.name != "CHANGELOG.md"]
    code = [file for top in tops for file in (root / top).rglob("*.py")]
    folders = "|".join((*tops, "tests", "docs"))
    named = re.compile(rf"(?<![\w/.-])((?:{folders})/[\w/]+\.(?:py|md|yaml))\b")
    files = [*pages, *code, root / "README.md"]
    paths = {(str(file), path) for file in files for path in named.findall(file.read_text())}
    assert len(paths) > 50
    assert {entry for entry in paths if not (root / entry[1]).exists()} == set()


def test_the_page_about_python_names_what_there_is() -> None:
    page = (DOCS / "python.md").read_text()
    functions = {name for name in engine.__all__ if name[0].islower()}
    assert set(re.findall(r"^\| `(\w+)\(", page, flags=re.MULTILINE)) == functions
    returned = set(re.findall(r"\| `(\w+)` \|$", page, flags=re.MULTILINE))
    assert returned <= set(engine.__all__)


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
