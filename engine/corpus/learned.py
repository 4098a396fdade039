"""The models that a corpus trains for itself, as annotators of its rounds, and which of them writes what.

    generalist   Florence-2: texts, boxes, phrases       rounds/NN/model/            raw/generalist-.../
    student      a detector: boxes                       rounds/NN/model-student/    raw/student-.../
    long-learned a captioner: what `long` writes         rounds/NN/model-long-learned/    (sparse.py)

Where both are promoted, the one whose boxes are better on the held-out images writes boxes: as the student it leaves
the generalist its texts and phrases, as the generalist it leaves the student nothing.
"""

from collections.abc import Mapping
from typing import NamedTuple

from engine.config.config import Config
from engine.config.loop_settings import LoopSettings
from engine.corpus.promotions import read_promotion
from engine.corpus.sparse import learned_captioner, sparse_levels, tasks_of, teachers
from shards.store import Store
from stages.annotate.captioner import CaptionsSettings
from stages.annotate.detector import ObjectsSettings
from stages.annotate.generalist import GeneralistSettings, GeneralistTask
from stages.calibrate.worth import Worth
from stages.fuse.settings import GENERALIST, STUDENT

BOX_TASKS: frozenset[GeneralistTask] = frozenset({"<OD>", "<DENSE_REGION_CAPTION>", "<REGION_PROPOSAL>"})
"""Tasks whose answers are objects."""


class Model(NamedTuple):
    """weights: a folder or hub id; worth: what a round maps its scores by, None leaves them as the model gives them;
    is_boxed: whether it is asked for objects."""

    weights: str
    revision: str | None = None
    worth: Worth | None = None
    is_boxed: bool = True


def annotator_of(learner: str, config: Config, model: Model) -> GeneralistSettings | ObjectsSettings | CaptionsSettings:
    """The annotator that this model is. The generalist is not asked for what an annotator writes about few images."""
    loop = config.loop
    if (teacher := teachers(config.annotators).get(learner)) is not None:
        return learned_captioner(teacher, loop.generalist, model.weights)
    update = {"weights": model.weights, "revision": model.revision}
    if learner == STUDENT:
        detector = loop.student_annotator.specialist
        return loop.student_annotator.model_copy(update={"specialist": detector.model_copy(update=update)})
    generalist = loop.generalist
    left_out = {*tasks_of(sparse_levels(config.annotators)), *(() if model.is_boxed else BOX_TASKS)}
    tasks = [task for task in generalist.tasks if task not in left_out]
    return generalist.model_copy(update={"specialist": generalist.specialist.model_copy(update=update), "tasks": tasks})


def share_boxes(store: Store, models: Mapping[str, int], loop: LoopSettings) -> tuple[dict[str, int], bool]:
    """Those of `models` (learner -> round) that write, and whether the generalist is asked for objects."""
    if not {GENERALIST, STUDENT} <= models.keys():
        return dict(models), True
    if _boxes(store, models, GENERALIST) > _boxes(store, models, STUDENT):
        return {GENERALIST: models[GENERALIST]}, True
    if not set(loop.generalist.tasks) - BOX_TASKS:
        return {STUDENT: models[STUDENT]}, True
    return dict(models), False


def _boxes(store: Store, models: Mapping[str, int], learner: str) -> float:
    """F1 of its boxes on held-out images; 0 where it has none."""
    promotion = read_promotion(store, models[learner], learner)
    change = None if promotion is None else promotion.measures.get("boxes")
    return 0.0 if change is None else change.candidate
