"""The exit codes of docs/exit_codes.md through the real command line; 5, 130, 143 and 129 have tests of their own."""

import re
from pathlib import Path

import pytest

from engine.api.loop import RefusedError, WatchError
from engine.console.exit_codes import report_error
from engine.runtime.lock import corpus_lock
from shards.store import open_store
from tests.engine.commands import fld
from tests.engine.projects import build

ROOT = Path(__file__).parents[2]


def test_over_the_failure_budget_is_3_and_names_the_reasons(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("gone.jpg\nlost.jpg\n")
    done = fld("ingest", str(tmp_path / "list.txt"), str(tmp_path / "corpus"))
    assert done.code == 3
    assert "missing" in done.said


def test_a_corpus_in_use_is_4_and_names_the_owner(tmp_path: Path) -> None:
    corpus = build(tmp_path, 2)
    with corpus_lock(open_store(str(corpus)), "fld annotate corpus"):
        done = fld("filter", str(corpus))
    assert done.code == 4
    assert "fld annotate corpus" in done.said


@pytest.mark.parametrize(("error", "code"), [(RefusedError("worse"), 6), (WatchError("the same"), 7)])
def test_the_loop_s_own_ends(error: Exception, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert report_error(error) == code
    assert capsys.readouterr().err.startswith("Error: ")


def test_wrong_usage_is_2(capfd: pytest.CaptureFixture[str]) -> None:
    assert fld("filter").code == 2
    assert fld("status", "nowhere").code == 2
    capfd.readouterr()


def test_every_code_is_in_the_docs() -> None:
    rows = re.findall(r"^\| ([\d, ]+) \|", (ROOT / "docs" / "exit_codes.md").read_text(), re.MULTILINE)
    assert sorted(int(code) for row in rows for code in row.split(",")) == [0, 1, 2, 3, 4, 5, 6, 7, 129, 130, 143]
