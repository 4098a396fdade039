"""The exit codes of docs/exit_codes.md through the real command line; 5, 130, 143 and 129 have tests of their own."""

import re
from pathlib import Path

import pytest
from typer import Typer

from engine.api.loop import RefusedError, WatchError
from engine.console.exit_codes import report_error, run_to_its_code
from engine.runtime.lock import corpus_lock
from shards.store import open_store
from specialists.roles import Detections, Image
from tests.engine.commands import fld
from tests.engine.fake_specialists import RectangleDetector, save_pictures
from tests.engine.projects import build
from tests.engine.verbs.test_rounds import CONFIG

ROOT = Path(__file__).parents[2]


def test_over_the_failure_budget_is_3_and_names_the_reasons(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("gone.jpg\nlost.jpg\n")
    done = fld("ingest", str(tmp_path / "list.txt"), str(tmp_path / "corpus"))
    assert done.code == 3
    assert "missing" in done.said


class PickyDetector(RectangleDetector):
    """Fails on the fourth picture."""

    def detect(self, images: list[Image]) -> list[Detections]:
        if any(image[0, 0, 0] == 3 for image in images):
            raise RuntimeError("three is too much")
        return super().detect(images)


STRICT = ("ingest.failure_budget=0", "engine.failure_budget=0", "engine.failure_floor=0")


@pytest.mark.parametrize(("strict", "code"), [(False, 0), (True, 3)])
@pytest.mark.parametrize(("verb", "config"), [("ingest", ()), ("run", ("--config", "fakes.yaml"))])
def test_failures_within_the_budget_are_0_and_counted_at_the_end(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    verb: str,
    config: tuple[str, ...],
    strict: bool,
    code: int,
) -> None:
    monkeypatch.chdir(tmp_path)
    save_pictures(tmp_path / "photos", 12)
    (tmp_path / "photos" / "p003.png").write_bytes(b"no picture")
    (tmp_path / "photos" / "p000.png").rename(tmp_path / "photos" / "\x1bp.png")
    (tmp_path / "fakes.yaml").write_text(CONFIG)
    settings = [f"--set={each}" for each in STRICT] if strict else []
    done = fld(verb, "photos", "my corpus", *config, *settings)
    assert done.code == code, done.said
    said = " ".join(done.said.split())
    line = "1 of 12 images failed, within the failure budget: `fld status 'my corpus'` says why"
    assert (said.endswith(line), "1 of 12 images failed, more than" in said) == (not strict, strict), done.said
    if verb == "run" and not strict:  # what is to be typed next can be typed
        assert "fld view 'my corpus' one image: fld show 'my corpus' p001" in said


@pytest.mark.parametrize(("strict", "code"), [(False, 0), (True, 3)])
def test_so_are_images_on_which_an_annotator_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, strict: bool, code: int
) -> None:
    monkeypatch.chdir(tmp_path)
    save_pictures(tmp_path / "photos", 12)
    (tmp_path / "fakes.yaml").write_text(
        CONFIG.replace("tests.engine.fake_specialists:Rectangle", "tests.engine.test_exit_codes:Picky")
    )
    settings = [f"--set={each}" for each in STRICT] if strict else []
    done = fld("run", "photos", "corpus", "--config", "fakes.yaml", *settings)
    assert done.code == code, done.said
    line = "0 of 12 images failed, 1 in part, within the failure budget: `fld status corpus` says why"
    assert " ".join(done.said.split()).endswith(line) == (not strict), done.said


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


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("can't start new thread")])
def test_a_system_that_gives_no_more_is_2_and_one_line(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    app = Typer()

    @app.command()
    def fails() -> None:
        raise error

    assert run_to_its_code(app, []) == 2
    assert re.fullmatch(
        r"Error: the system gives this process no more memory or threads: [^\n]+\n", capsys.readouterr().err
    )


def test_a_mistake_of_ours_keeps_its_traceback() -> None:
    app = Typer()

    @app.command()
    def fails() -> None:
        raise RuntimeError("dictionary changed size during iteration")

    with pytest.raises(RuntimeError, match="changed size"):
        run_to_its_code(app, [])


def test_wrong_usage_is_2(capfd: pytest.CaptureFixture[str]) -> None:
    assert fld("filter").code == 2
    assert fld("status", "nowhere").code == 2
    capfd.readouterr()


def test_every_code_is_in_the_docs() -> None:
    rows = re.findall(r"^\| ([\d, ]+) \|", (ROOT / "docs" / "exit_codes.md").read_text(), re.MULTILINE)
    assert sorted(int(code) for row in rows for code in row.split(",")) == [0, 1, 2, 3, 4, 5, 6, 7, 129, 130, 143]
