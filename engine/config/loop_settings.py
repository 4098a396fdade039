"""The settings of `fld loop`: the model that learns, how it is trained, and what is demanded of it."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from shards.settings import OnDisk, Settings, named_once
from specialists.ultralytics_yolo import UltralyticsSettings
from stages.annotate.detector import ObjectsSettings
from stages.annotate.generalist import GeneralistSettings
from stages.gate.settings import GateSettings
from stages.retrain.settings import RetrainSettings
from stages.retrain.student_settings import StudentSettings
from stages.watch.settings import WatchSettings

Learner = Literal["generalist", "student"]


class SparseSettings(Settings):
    """The last training of a loop: on what annotators with a subset wrote, if nobody writes the like about all."""

    steps: int = Field(200, ge=1, description="optimizer steps on the few texts, from the last promoted model")
    learning_rate: float | None = Field(None, gt=0, description="highest rate; null: that of loop.retrain")


class LoopSettings(Settings):
    """Retrain on a round, judge the model, let it write the labels of the next round, watch what becomes of them."""

    start: Annotated[str | None, OnDisk("start_revision")] = Field(
        None, description="checkpoint of the first training (fld loop --from): a folder, embedded:NAME or a hub id"
    )
    start_revision: str | None = Field(None, description="commit of the hub id, 40 hex digits; null: start is local")
    gold: Annotated[str | None, OnDisk()] = Field(
        None, description="gold that models are judged by (fld loop --gold): gold.jsonl or COCO; null: round 0's labels"
    )
    generalist: GeneralistSettings = Field(
        GeneralistSettings(),
        description="how the trained model annotates; the loop sets its weights, tasks left out here stay with the"
        " specialists",
    )
    retrain: RetrainSettings = Field(RetrainSettings(), description="how it is trained on a round")
    learners: list[Learner] = Field(
        ["generalist"],
        min_length=1,
        description="what is trained on each round: generalist (Florence-2: texts, boxes, phrases), student (a small"
        " detector); of both, the one with the better boxes on held-out images writes boxes",
    )
    student: StudentSettings = Field(StudentSettings(), description="how a student is trained on a round")
    student_annotator: ObjectsSettings = Field(
        ObjectsSettings(), description="how the student annotates; the loop sets its weights"
    )
    sparse: SparseSettings = Field(SparseSettings(), description="how texts that few images have are learned last")
    gate: GateSettings = Field(GateSettings(), description="when a trained model may write labels")
    watch: WatchSettings = Field(WatchSettings(), description="when the loop feeds on its own labels")

    _different = field_validator("learners")(named_once)

    @field_validator("student_annotator")
    @classmethod
    def _plays_what_is_trained(cls, annotator: ObjectsSettings) -> ObjectsSettings:
        if not isinstance(annotator.specialist, UltralyticsSettings):
            raise ValueError(
                f"student_annotator.specialist.backend must be ultralytics, got {annotator.specialist.backend!r}: that"
                " is what a student is trained as"
            )
        return annotator
