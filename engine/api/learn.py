"""One learner on one round: trained from where it stands, judged, its verdict and calibration published.

generalist   RetrainJob from loop.start, later from its last promoted model            rounds/NN/model/
student      StudentJob from loop.student.start, later from its last promoted model    rounds/NN/model-student/
long-learned RetrainJob of what `long` writes about few images, from the generalist's last promoted model
"""

from collections.abc import Callable
from typing import NamedTuple

from engine.api.gate import gate
from engine.api.reports import Tell
from engine.config.config_text import ConfigError
from engine.config.loop_settings import SparseSettings
from engine.config.paths import check_there
from engine.corpus.promotions import model_below, model_name, read_calibration, read_promotion, weights_of
from engine.corpus.session import Session
from engine.corpus.sparse import sparse_levels, tasks_of, teachers
from engine.runtime.column import Column
from specialists.florence2_format import Task
from specialists.weights import local_path
from stages.fuse.settings import GENERALIST, STUDENT
from stages.gate.decide import Promotion
from stages.retrain.job import RetrainJob, RetrainResult, StudentJob, TrainingJob
from stages.retrain.settings import RetrainSettings

Train = Callable[[TrainingJob], RetrainResult]


class Start(NamedTuple):
    """is_fresh: only its architecture is taken, so that there is no model to compare with."""

    checkpoint: str
    revision: str | None = None
    is_fresh: bool = False


def learn(session: Session, learner: str, number: int, gold: str | None, train: Train, tell: Tell) -> Promotion:
    """The verdict on the model that a learner becomes on round `number`. Raises what training and the gate raise."""
    start = start_of(session, learner, number)
    tell(f"train {called(learner)} on round {number} from {start.checkpoint}")
    tell(train(job_of(session, learner, number, start)))
    candidate = session.learned(learner, weights_of(session.store, number, learner))
    promotion = gate(session, number, candidate, _previous(session, learner, number, start), gold)
    tell(promotion)
    if (found := read_calibration(session.store, number, learner)) is not None:
        tell(found)
    return promotion


def _previous(session: Session, learner: str, number: int, start: Start) -> Column | None:
    """What the candidate is compared with: what it was trained from, if that knew its tasks."""
    if learner in teachers(session.config.annotators):
        below = model_below(session.store, number, learner)
        return None if below is None else session.learned(learner, weights_of(session.store, below, learner))
    return None if start.is_fresh else session.learned(learner, start.checkpoint, start.revision)


def start_of(session: Session, learner: str, number: int) -> Start:
    """What training on a round starts from: the last promoted model, at first the start that the settings name."""
    of, fresh = session.config.loop, session.config.loop.student.fresh if learner == STUDENT else "never"
    if learner in teachers(session.config.annotators):
        return _start_of_sparse(session, learner, number)
    if (model := model_below(session.store, number, learner)) is not None:
        return Start(weights_of(session.store, model, learner), None, fresh == "always")
    if learner == STUDENT:
        if of.student.start is None:
            raise ConfigError(
                "loop.student.start: a student needs a checkpoint to start from: embedded:yolo-nano, a .pt file, or a"
                " hub id with loop.student.start_revision"
            )
        check_there(session.config, "loop.student.start")
        return Start(of.student.start, of.student.start_revision, fresh != "never")
    if of.start is None:
        raise ConfigError(
            "loop.start: training needs a checkpoint to start from: embedded:florence2-nano, a folder,"
            " or a hub id with loop.start_revision"
        )
    check_there(session.config, "loop.start")
    return Start(of.start, of.start_revision)


def check_starts(session: Session) -> None:
    """Before anything is annotated, which may take days: what first trainings start from is there. Raises ConfigError,
    or MissingRequirementError for a checkpoint that is neither a path nor pinned on a hub."""
    settings = {GENERALIST: "loop.start", STUDENT: "loop.student.start"}
    for learner in session.config.loop.learners:
        if read_promotion(session.store, 0, learner) is None:
            start = start_of(session, learner, 0)
            local_path(settings[learner], start.checkpoint, start.revision)


def job_of(session: Session, learner: str, number: int, start: Start) -> TrainingJob:
    """What its trainer is told."""
    corpus, of = session.corpus, session.config.loop
    if (teacher := teachers(session.config.annotators).get(learner)) is not None:
        fine = _fine_tuning(of.retrain, of.sparse, tasks_of(list(teacher.granularities)))
        return RetrainJob(corpus, number, start.checkpoint, fine, name=model_name(learner), again=True)
    if learner == STUDENT:
        how = of.student.model_copy(update={"fresh": "always" if start.is_fresh else "never"})
        return StudentJob(corpus, number, start.checkpoint, how, of.retrain.held_out, start.revision, again=True)
    settings = _without(of.retrain, tasks_of(sparse_levels(session.config.annotators)))
    return RetrainJob(corpus, number, start.checkpoint, settings, start.revision, again=True)


def _start_of_sparse(session: Session, learner: str, number: int) -> Start:
    """The loop's last promoted model, that of this very round too."""
    model = model_below(session.store, number + 1, GENERALIST)
    if model is None:
        raise ConfigError(
            f"{learner} is to be fine-tuned from the loop's Florence-2, and none is promoted: name generalist in"
            " loop.learners, or take the subset from the annotator"
        )
    return Start(weights_of(session.store, model))


def _without(settings: RetrainSettings, left_out: list[Task]) -> RetrainSettings:
    """What is written about few images waits."""
    if not left_out:
        return settings
    tasks = [task for task in settings.recipe.weights if task not in left_out]
    if not tasks:
        raise ConfigError(
            f"loop.retrain.tasks: {', '.join(left_out)} are written by an annotator with a subset and learned last;"
            " name others that the first rounds train"
        )
    return settings.model_copy(update={"tasks": tasks})


def _fine_tuning(settings: RetrainSettings, sparse: SparseSettings, tasks: list[Task]) -> RetrainSettings:
    rate = settings.learning_rate if sparse.learning_rate is None else sparse.learning_rate
    return settings.model_copy(
        update={"tasks": tasks, "task_weights": {}, "steps": sparse.steps, "epochs": None, "learning_rate": rate}
    )


def called(learner: str) -> str:
    """As people read it: `model` is the loop's Florence-2."""
    return "model" if learner == GENERALIST else learner
