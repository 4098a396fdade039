"""What `fld show` prints of a record, and the picture that it draws."""

from pathlib import Path

import msgspec
import pytest
from PIL import Image

from engine.config.config_text import ConfigError
from engine.verbs.show import named, picture_name, show
from shards.record import Candidate, Record, Region, Source, Vote
from shards.store import LocalStore
from tests.engine.view.corpora import EVIL, build_viewed

BOX = (0.0, 0.0, 9.0, 9.0)


def source(annotator: str, index: int = 0) -> Source:
    return Source(annotator, "", 0, None, f"{annotator}/{index}")


def region(*candidates: Candidate) -> Region:
    vote = Vote(BOX, "balloon", 0.9, 1.0, source("objects", 4))
    return Region("r0", "object", BOX, 0.9, list(candidates), 0, [vote])


BRIEF = Candidate("brief", "a checkered kite", 0.9, source("crops", 2))
VOTED = Candidate("phrase", "balloon", 0.6, source("objects", 4))


def test_a_label_that_a_vote_has_stands_alone() -> None:
    assert named(region(VOTED, BRIEF)) == "balloon"


def test_a_corrected_label_names_the_text_that_it_comes_from() -> None:
    assert named(region(Candidate("phrase", "kite", 0.9, source("crops", 2)), VOTED, BRIEF)) == "kite (by crops/2)"


def test_a_region_without_a_label_has_none() -> None:
    assert named(region(BRIEF)) == ""


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    store = LocalStore(tmp_path / "corpus")
    build_viewed(store, images=4)
    monkeypatch.chdir(tmp_path)
    return store.url


def test_tables_name_what_they_refer_to(corpus: str, capsys: pytest.CaptureFixture[str]) -> None:
    show(corpus, "set/002", 1, None, dropped=True)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["t0", "a", "red", "cube", "beside", "a", "blue", "one", "brief", "0.90", "captioner/0"] in lines
    assert ["g0", "a", "red", "cube", "t0", "0-10", "0.70", "20", "30", "60", "70", "0.66", "r0"] in lines
    assert ["region.score", "2", "ghost", "0.25", "0.30", "yolo/7"] in lines
    assert [line[0] for line in lines if line[0].startswith("r")] == ["r0", "r1", "region.score", "region.score"]
    assert lines[-1] == ["picture:", "set_002.round1.png"]
    with Image.open("set_002.round1.png") as drawn:
        assert drawn.size == (640, 480)


def test_a_row_is_one_line_in_a_pipe(corpus: str, capsys: pytest.CaptureFixture[str]) -> None:
    show(corpus, EVIL, 0, None, dropped=False)
    printed = capsys.readouterr().out
    assert next(line for line in printed.splitlines() if line.startswith("t1")).count(EVIL) == 1
    assert "\\u202e bidi" in printed
    assert "\u202e" not in printed


def test_markup_in_a_corpus_is_text() -> None:
    assert picture_name("../a/b", 3) == "%2E%2E_a_b.round3.png"
    assert len(picture_name("x" * 900, 0)) < 140


def test_json_is_the_record_and_what_was_dropped(corpus: str, capsys: pytest.CaptureFixture[str]) -> None:
    show(corpus, "set/003", 0, None, dropped=False, json=True)
    found = msgspec.json.decode(capsys.readouterr().out)
    assert msgspec.convert(found["record"], Record).regions[1].text == "square"
    assert [(row["ref"], row["rule"]) for row in found["dropped"]] == [
        ("yolo/7", "region.score"),
        ("yolo/8", "region.score"),
    ]
    assert not list(Path().glob("*.png"))


@pytest.mark.parametrize(
    ("key", "message"),
    [("nobody", "no image 'nobody' in this round; keys look like 'set/000', 'set/002', 'double/0'"),
     ("double/1", "image 'double/1' is not in this round: exact_duplicate"),
     ("broken/0", "image 'broken/0' is not in this round: image.failed truncated")],
)  # fmt: skip
def test_an_image_that_is_not_there_says_why(corpus: str, key: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        show(corpus, key, 0, None, dropped=False)


@pytest.mark.parametrize("name", ["picture", "picture.gold", "picture.txt"])
def test_a_picture_of_no_known_type_is_refused_before_anything_is_printed(
    corpus: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigError, match=rf"--out {name}: a picture's name ends in \.png, \.jpg"):
        show(corpus, "set/003", 0, name, dropped=False)
    assert capsys.readouterr().out == ""
