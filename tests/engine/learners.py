"""A loop whose models say what a file in their folder tells them to, over the pictures of `fake_specialists`.

`says.json` holds a `Says`. The stage's fingerprint is the real generalist's, so that every verb finds its column.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from engine.session import Session
from shards.finding import Finding
from shards.store import LocalStore
from specialists.roles import Fingerprint
from stages.annotate.generalist import GeneralistSettings, GeneralistStage
from stages.build import Annotator, build_stage
from stages.retrain.job import RetrainJob, RetrainResult, Training, model_path
from stages.stage import Item, Stage
from tests.engine.fake_specialists import colour_of, rectangle

CONFIG = """
ingest: {shard_size: 5}
engine: {backend: local}
annotators:
  boxes: {role: detector, specialist: {backend: custom, factory: "tests.engine.fake_specialists:RectangleDetector"}}
  texts: {role: captioner, specialist: {backend: custom, factory: "tests.engine.fake_specialists:ColourCaptioner"}}
loop:
  retrain: {held_out: 0.5}
"""


class Says(msgspec.Struct, frozen=True):
    """What a model says: `boxes` times the rectangle of the picture, called `label`, only the first in its place, each
    with a score that is lower by `falls`, and a text with its colour."""

    label: str = "box"
    text: str = "a {} box stands on a grey wall"
    boxes: int = 1
    score: float = 0.95
    falls: float = 0.0


GOOD, BLIND, SILENT = Says(), Says(label="cat", text="two cats sleep on some old sofa"), Says(text="", boxes=0)


def save(folder: Path, says: Says) -> str:
    """A checkpoint."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "says.json").write_bytes(msgspec.json.encode(says))
    return str(folder)


class Learner:
    """The stage of a checkpoint."""

    def __init__(self, settings: GeneralistSettings, name: str) -> None:
        self._weights = Path(settings.specialist.weights)
        self._real = GeneralistStage(settings, name)
        self._says = Says()

    def load(self) -> None:
        self._says = msgspec.json.decode((self._weights / "says.json").read_bytes(), type=Says)

    def close(self) -> None:
        """Nothing to close."""

    def fingerprint(self) -> Fingerprint:
        return self._real.fingerprint()

    def run(self, items: list[Item]) -> list[list[Finding]]:
        return [self._of(item) for item in items]

    def _of(self, item: Item) -> list[Finding]:
        says, box = self._says, rectangle(item.image)
        text = says.text.format(colour_of(item.image))
        texts = [Finding("text", text=text, score=says.score, granularity="brief")] if text else []
        if box is None:
            return texts
        x0, y0, x1, y1 = box
        places = [(x0 / (1 + i), y0, x1 / (1 + i), y1) for i in range(says.boxes)]  # far enough apart for NMS
        scores = [says.score - says.falls * i for i in range(says.boxes)]
        found = zip(places, scores, strict=True)
        return [*texts, *(Finding("object", text=says.label, score=score, box=place) for place, score in found)]


def build(annotator: Annotator, name: str) -> Stage:
    """`stages.build.build_stage`, with learners as generalists."""
    return Learner(annotator, name) if isinstance(annotator, GeneralistSettings) else build_stage(annotator, name)


class School:
    """Training that ends in the models it was told to; `jobs` are those that it really did."""

    def __init__(self, session: Session, lessons: Sequence[Says]) -> None:
        self._store = session.store
        self._lessons = lessons
        self.jobs: list[RetrainJob] = []

    def train(self, job: RetrainJob) -> RetrainResult:
        assert isinstance(self._store, LocalStore)
        folder = Path(self._store.url) / model_path(job.round)
        already = folder.exists()
        if not already:
            save(folder, self._lessons[job.round])
            self.jobs.append(job)
        return RetrainResult(str(folder), _TRAINING, already=already)


_TRAINING = Training(
    job="", round=0, checkpoint="", identity="", data="", settings={}, recipe={}, steps=1, processes=1, images=1,
    held_out_images=1, unreadable_images=0, seconds=0.0, last_loss=0.0, held_out={}, libraries={},
)  # fmt: skip
