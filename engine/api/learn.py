"""One learner on one round: trained from where it stands, judged, its verdict and calibration published.

generalist   RetrainJob from loop.start, later from its last promoted model            rounds/NN/model/
student      StudentJob from loop.student.start, later from its last promoted model    rounds/NN/model-student/
"""

from collections.abc import Callable
from typing import NamedTuple

from engine.api.gate import gate
from engine.api.reports import Tell
from engine.config.config_text import ConfigError
from engine.promotions import model_below, read_calibration, weights_of
from engine.session import Session
from stages.fuse.settings import GENERALIST, STUDENT
from stages.gate.decide import Promotion
from stages.retrain.job import Job, RetrainJob, RetrainResult, StudentJob

Train = Callable[[Job], RetrainResult]


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
    previous = None if start.is_fresh else session.learned(learner, start.checkpoint, start.revision)
    promotion = gate(session, number, candidate, previous, gold)
    tell(promotion)
    if (found := read_calibration(session.store, number, learner)) is not None:
        tell(found)
    return promotion


def start_of(session: Session, learner: str, number: int) -> Start:
    """What training on a round starts from: the last promoted model, at first the start that the settings name."""
    of, fresh = session.config.loop, session.config.loop.student.fresh if learner == STUDENT else "never"
    if (model := model_below(session.store, number, learner)) is not None:
        return Start(weights_of(session.store, model, learner), None, fresh == "always")
    if learner == STUDENT:
        if of.student.start is None:
            raise ConfigError(
                "loop.student.start: a student needs a checkpoint to start from: embedded:yolo-nano, a .pt file, or a"
                " hub id with loop.student.start_revision"
            )
        return Start(of.student.start, of.student.start_revision, fresh != "never")
    if of.start is None:
        raise ConfigError(
            "loop.start: training needs a checkpoint to start from: --from embedded:florence2-nano, a folder,"
            " or a hub id with loop.start_revision"
        )
    return Start(of.start, of.start_revision)


def job_of(session: Session, learner: str, number: int, start: Start) -> Job:
    """What its trainer is told."""
    corpus, of = session.corpus, session.config.loop
    if learner == STUDENT:
        how = of.student.model_copy(update={"fresh": "always" if start.is_fresh else "never"})
        return StudentJob(corpus, number, start.checkpoint, how, of.retrain.held_out, start.revision, again=True)
    return RetrainJob(corpus, number, start.checkpoint, of.retrain, start.revision, again=True)


def called(learner: str) -> str:
    """As people read it: `model` is the loop's Florence-2."""
    return "model" if learner == GENERALIST else learner
