"""What the docs show runs."""

import re
import runpy
from pathlib import Path

import pytest

import engine
from tests.engine.fake_specialists import save_pictures
from tests.engine.verbs.test_rounds import CONFIG

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


def test_the_page_about_python_names_what_there_is() -> None:
    page = (DOCS / "python.md").read_text()
    functions = {name for name in engine.__all__ if name[0].islower()}
    assert set(re.findall(r"^\| `(\w+)\(", page, flags=re.MULTILINE)) == functions
    returned = set(re.findall(r"\| `(\w+)` \|$", page, flags=re.MULTILINE))
    assert returned <= set(engine.__all__)
