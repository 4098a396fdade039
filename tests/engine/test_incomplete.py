"""An annotator that fails on one picture, from the run to the completed round, through the command line.

What it said nothing about is not there: the record names it, the trainers are not taught that nothing is there, every
count says so, and once the annotator is mended the round has the bytes of one in which it never failed.
"""

from pathlib import Path

import pytest

from shards.reader import Corpus
from shards.store import LocalStore
from stages.codec.encode import lessons
from stages.codec.settings import CodecSettings
from stages.retrain.pool import load_pool
from stages.retrain.student_data import class_names, write_lessons
from stages.retrain.student_doubts import Doubts
from tests.engine.commands import fld
from tests.engine.fake_specialists import save_pictures

VICTIM, COUNT = "p003", 10
CONFIG = """
ingest: {shard_size: 4}
engine: {backend: local}
fuse: {calibrate: "off"}
annotators:
  boxes:
    role: detector
    specialist:
      backend: custom
      factory: "tests.engine.fake_specialists:RectangleDetector"
      options: {raises_on: 3, until: "MENDED"}
  texts: {role: captioner, specialist: {backend: custom, factory: "tests.engine.fake_specialists:ColourCaptioner"}}
  masks: {role: segmenter, specialist: {backend: custom, factory: "tests.engine.fake_specialists:BoxSegmenter"}}
"""


def run(folder: Path, name: str, *more: str) -> str:
    """What `fld run` says of a corpus of that name."""
    save_pictures(folder / "photos", COUNT)
    (folder / "mine.yaml").write_text(CONFIG.replace("MENDED", str(folder / "mended")))
    done = fld("run", str(folder / "photos"), str(folder / name), "--config", str(folder / "mine.yaml"), *more)
    assert done.code == 0, done.said
    return " ".join(done.said.split())


def taught(corpus: Path) -> set[str]:
    """The tasks that a Florence-2 is taught with the picture."""
    record = Corpus(str(corpus)).round(0).record(VICTIM)
    return {lesson.task for lesson in lessons(record, CodecSettings(), len).lessons}


def pictures_of_a_student(corpus: Path, out: Path) -> int:
    trained, held = load_pool(LocalStore(corpus), 0).split(0.2)
    made = write_lessons(trained, held, class_names([trained, held]), out, Doubts("teach", 1.0))
    return made.images + made.held_out


def units(corpus: Path) -> dict[str, bytes]:
    paths = (path for name in ("raw", "rounds") for path in (corpus / name).rglob("*") if path.is_file())
    return {str(path.relative_to(corpus)): path.read_bytes() for path in paths}


@pytest.mark.parametrize("policy", ["keep", "drop"])
def test_what_failed_is_told_everywhere_and_completed_to_the_byte(tmp_path: Path, policy: str) -> None:
    corpus, name = tmp_path / "corpus", str(tmp_path / "corpus")
    chosen = ("--set", f"fuse.failed_annotator={policy}")
    said = run(tmp_path, "corpus", *chosen)
    status, page = " ".join(fld("status", name).said.split()), tmp_path / "page.html"
    assert fld("report", name, "--out", str(page)).code == 0
    assert "this picture is too much" in status
    if policy == "keep":
        assert f"{COUNT} images read = {COUNT} kept + 0 dropped + 0 failed" in said
        assert "1 of the kept images are incomplete" in said
        assert f"round 0: {COUNT} kept (1 incomplete: an annotator failed), 0 dropped, 0 failed" in status
        assert "incomplete" in page.read_text()
        assert "missing boxes: error: RuntimeError: this picture is too much" in " ".join(
            fld("show", name, VICTIM, "--out", str(tmp_path / "p.png")).said.split()
        )
        record = Corpus(name).round(0).record(VICTIM)
        assert [gap.annotator for gap in record.missing or ()] == ["boxes", "masks"]
        assert taught(corpus) == {"<CAPTION>"}
        assert pictures_of_a_student(corpus, tmp_path / "before") == COUNT - 1
    else:
        assert f"{COUNT} images read = {COUNT - 1} kept + 0 dropped + 1 failed" in said
        assert fld("show", name, VICTIM, "--out", str(tmp_path / "p.png")).code == 2
    (tmp_path / "mended").touch()
    retried = fld("annotate", name, "--retry-quarantined")
    assert retried.code == 0, retried.said
    assert fld("filter", name).code == 0
    assert "incomplete" not in fld("status", name).said
    assert "<OD>" in taught(corpus)
    assert pictures_of_a_student(corpus, tmp_path / "after") == COUNT
    run(tmp_path, "never", *chosen)
    assert units(corpus) == units(tmp_path / "never")
