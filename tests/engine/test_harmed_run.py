"""`fld run` under Ray with a detector of the user's own that hangs, breaks its process or is killed at one picture: the
real command says which picture and whose fault, keeps the rest, and finishes once the detector is mended."""

from pathlib import Path

import pytest

from tests.engine.commands import fld
from tests.engine.fake_specialists import save_pictures
from tests.engine.harmful import VICTIM

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("ray_here")]
CONFIG = """
ingest: {shard_size: 4}
engine: {backend: ray}
fuse: {calibrate: "off"}
annotators:
  boxes:
    role: detector
    specialist: {backend: custom, factory: "tests.engine.harmful:HarmfulDetector", options: {harm: HARM}}
    resources: {timeout_s: 3, batch_size: 4}
"""
COUNT = 10


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        ("hang", "no answer in 3 s"),
        ("segfault", "process of the annotator ended"),
        ("killed", "process of the annotator ended"),
    ],
)
def test_one_picture_costs_itself_and_is_annotated_when_the_detector_is_mended(
    tmp_path: Path, harm: str, words: str
) -> None:
    save_pictures(tmp_path / "photos", COUNT)
    (tmp_path / "harm").write_text(harm)
    (tmp_path / "mine.yaml").write_text(CONFIG.replace("HARM", str(tmp_path / "harm")))
    corpus = str(tmp_path / "corpus")
    run = fld("run", str(tmp_path / "photos"), corpus, "--config", str(tmp_path / "mine.yaml"))
    assert run.code == 0, run.said  # one failure is within the budget
    assert f"rounds/00: {COUNT} images read = {COUNT - 1} kept + 0 dropped + 1 failed" in " ".join(run.said.split())
    status = fld("status", corpus).said
    assert f"p{VICTIM:03d}" in status
    assert words in " ".join(status.split())
    (tmp_path / "harm").unlink()
    mended = fld("annotate", corpus, "--retry-quarantined")
    assert mended.code == 0, mended.said
    assert fld("filter", corpus).code == 0
    assert f"p{VICTIM:03d}" in fld("show", corpus, f"p{VICTIM:03d}", "--out", str(tmp_path / "p.png")).said
