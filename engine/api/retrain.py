"""Train a Florence-2 on a round: `rounds/NN/model/` in the corpus, and a report with its held-out losses."""

from engine.api.reports import Changes, Place
from engine.config.config import Config
from engine.corpus.session import opened
from engine.runtime.train import train
from stages.retrain.job import Job, RetrainJob, RetrainResult, StudentJob
from stages.retrain.student_settings import Trainer


def retrain(
    corpus: Place,
    checkpoint: Place,
    config: Config | Place | None = None,
    settings: Changes = (),
    *,
    round: int = 0,
    revision: str | None = None,
    again: bool = False,
    student: Trainer | None = None,
    progress: bool = False,
) -> RetrainResult:
    """Train on a round, starting from `checkpoint` (a folder, embedded:NAME, or a hub id with its commit as revision).
    Call it again to go on where it stopped. again: replace a model that was trained otherwise. student: train a small
    detector by this trainer instead, from a .pt file: `rounds/NN/model-student/`."""
    with opened(str(corpus), config, settings) as session:
        of = session.config.loop
        job: Job = RetrainJob(str(corpus), round, str(checkpoint), of.retrain, revision, again=again)
        if student is not None:
            how = of.student.model_copy(update={"trainer": student})
            job = StudentJob(str(corpus), round, str(checkpoint), how, of.retrain.held_out, revision, again=again)
        return train(job, session.config.engine, progress=progress)
