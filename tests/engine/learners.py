"""A loop whose models say what a file in their folder tells them to, over the pictures of `fake_specialists`.

`says.json` holds a `Says`. The stage's fingerprint is the real generalist's, so that every verb finds its column.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from engine.corpus.session import Session
from shards.finding import Caption, Detection, Finding, Granularity
from shards.store import LocalStore
from specialists.florence2 import Florence2CaptionerSettings
from specialists.roles import Fingerprint
from specialists.ultralytics_yolo import UltralyticsSettings
from stages.annotate.build import Annotator, build_stage
from stages.annotate.captioner import CaptionsSettings
from stages.annotate.detector import ObjectsSettings
from stages.annotate.generalist import GeneralistSettings, GeneralistStage
from stages.retrain.job import RetrainResult, StudentJob, Training, TrainingJob, model_path
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

    def __init__(self, weights: str, real: Stage, *, writes: Granularity | None, looks: bool) -> None:
        self._weights = Path(weights)
        self._real = real
        self._writes = writes
        self._looks = looks
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
        written = Caption(text, says.score, granularity=self._writes)
        texts: list[Finding] = [written] if text and self._writes else []
        if box is None or not self._looks:
            return texts
        x0, y0, x1, y1 = box
        places = [(x0 / (1 + i), y0, x1 / (1 + i), y1) for i in range(says.boxes)]  # far enough apart for NMS
        scores = [says.score - says.falls * i for i in range(says.boxes)]
        found = zip(places, scores, strict=True)
        return [*texts, *(Detection(says.label, score, box=place) for place, score in found)]


def build(annotator: Annotator, name: str) -> Stage:
    """`stages.annotate.build.build_stage`, with learners as generalists, as students, who write no text,
    and as captioners, who write nothing else."""
    match annotator:
        case GeneralistSettings():
            real = GeneralistStage(annotator, name)
            return Learner(annotator.specialist.weights, real, writes="brief", looks="<OD>" in annotator.tasks)
        case ObjectsSettings(specialist=UltralyticsSettings(weights=weights)):
            return Learner(weights, build_stage(annotator, name), writes=None, looks=True)
        case CaptionsSettings(specialist=Florence2CaptionerSettings(weights=weights)):
            return Learner(weights, build_stage(annotator, name), writes=annotator.granularities[0], looks=False)
        case _:
            return build_stage(annotator, name)


class School:
    """Training that ends in the models it was told to, students in those of `students`, others of a name of their own
    in those of `named`; `jobs` are those that it really did."""

    def __init__(
        self, session: Session, lessons: Sequence[Says], students: Sequence[Says] = (), named: Sequence[Says] = ()
    ) -> None:
        self._store = session.store
        self._lessons = lessons
        self._students = students
        self._named = named
        self.jobs: list[TrainingJob] = []

    def train(self, job: TrainingJob) -> RetrainResult:
        assert isinstance(self._store, LocalStore)
        folder = Path(self._store.url) / model_path(job.round, job.name)
        already = folder.exists()
        if not already:
            own = self._lessons if job.name == "model" else self._named
            lessons = self._students if isinstance(job, StudentJob) else own
            save(folder, lessons[job.round])
            self.jobs.append(job)
        return RetrainResult(str(folder), _TRAINING, already=already)


_TRAINING = Training(
    job="", round=0, checkpoint="", identity="", data="", settings={}, recipe={}, steps=1, processes=1, images=1,
    held_out_images=1, unreadable_images=0, seconds=0.0, last_loss=0.0, held_out={}, libraries={},
)  # fmt: skip
