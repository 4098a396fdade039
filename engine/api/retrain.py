"""Train a Florence-2 on a round: `rounds/NN/model/` in the corpus, and a report with its held-out losses."""

from engine.api.reports import Changes, Location
from engine.config.config import Config
from engine.corpus.session import opened
from engine.runtime.train import train
from stages.retrain.job import RetrainJob, RetrainResult, StudentJob, TrainingJob
from stages.retrain.student_settings import TrainerName


def retrain(
    corpus: Location,
    checkpoint: Location,
    config: Config | Location | None = None,
    settings: Changes = (),
    *,
    round: int = 0,
    revision: str | None = None,
    again: bool = False,
    student: TrainerName | None = None,
    progress: bool = False,
) -> RetrainResult:
    """Train on a round, starting from `checkpoint` (a folder, embedded:NAME, or a hub id with its commit as revision).
    Call it again to go on where it stopped. again: replace a model that was trained otherwise. student: train a small
    detector by this trainer instead, from a .pt file: `rounds/NN/model-student/`."""
    with opened(str(corpus), config, settings) as session:
        of = session.config.loop
        job: TrainingJob = RetrainJob(str(corpus), round, str(checkpoint), of.retrain, revision, again=again)
        if student is not None:
            how = of.student.model_copy(update={"trainer": student})
            job = StudentJob(str(corpus), round, str(checkpoint), how, of.retrain.held_out, revision, again=again)
        return train(job, session.config.engine, progress=progress)
