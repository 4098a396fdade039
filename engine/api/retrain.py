"""Train a Florence-2 on a round: `rounds/NN/model/` in the corpus, and a report with its held-out losses."""

from engine.api.reports import Changes, Place
from engine.config.config import Config
from engine.runtime.train import train
from engine.session import opened
from stages.retrain.job import RetrainJob, RetrainResult


def retrain(
    corpus: Place,
    checkpoint: Place,
    config: Config | Place | None = None,
    settings: Changes = (),
    *,
    round: int = 0,
    revision: str | None = None,
    again: bool = False,
    progress: bool = False,
) -> RetrainResult:
    """Train on a round, starting from `checkpoint` (a folder, embedded:NAME, or a hub id with its commit as revision).
    Call it again to go on where it stopped. again: replace a model that was trained otherwise."""
    with opened(str(corpus), config, settings) as session:
        job = RetrainJob(str(corpus), round, str(checkpoint), session.config.loop.retrain, revision, again=again)
        return train(job, session.config.engine, progress=progress)
