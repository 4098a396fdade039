"""The loop: train on a round, judge the model, let it write the next round, watch, and again.

    round 0    annotate, fuse, filter, write                                rounds/00/
    train      on round 0, from --from or the last promoted model           rounds/00/model/
    gate       against the model it was trained from, on held-out images    rounds/00/promotion.json
    round 1    the specialists' columns and that of the promoted model      raw/generalist-..., rounds/01/
    watch      is it still learning from pictures?                          rounds/01/report/watch.json
    ...

What is done is read from disk, so the same command goes on after a crash, and a higher --rounds adds rounds. Nothing
decides twice: a finished model, verdict or shard is used if it was made under the conditions that hold now, and made
again if it was not.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.api.gate import check_gold
from engine.api.learn import Train, called, check_starts, learn
from engine.api.reports import Changes, Location, Tell, untold
from engine.api.rounds import annotate_round, write_round
from engine.api.watch import read_report, watch
from engine.config.config import Config
from engine.config.config_text import ConfigError
from engine.config.paths import absolute_if_there
from engine.corpus.costs import accounts, cost_line
from engine.corpus.promotions import model_below, promotions_of, read_promotion
from engine.corpus.session import Session, opened
from engine.corpus.sparse import teachers
from engine.runtime.train import train
from shards.commit import committed
from shards.errors import StoppedError
from shards.layout import IMAGES
from shards.store import Store
from stages.gate.decide import Promotion
from stages.retrain.job import RetrainResult, TrainingJob
from stages.watch.judge import WatchReport, is_exhausted

REVISION = "loop.start_revision"


class RefusedError(StoppedError):
    """The gate refused a model and there is no promoted one to go on with."""

    exit_code = 6


class WatchError(StoppedError):
    """The watch found a sign beyond its limit: the loop feeds on its own labels."""

    exit_code = 7


@dataclass(frozen=True)
class LoopRound:
    """A round that is written: what the watch says of it, and the verdicts on the models that were trained on it, by
    learner."""

    number: int
    watch: WatchReport
    promotions: dict[str, Promotion]


@dataclass(frozen=True)
class LoopReport:
    """The rounds that are there now. exhausted: the loop ended early because the last models changed nothing."""

    rounds: list[LoopRound]
    exhausted: bool


def loop(
    corpus: Location,
    rounds: int = 3,
    start: Location | None = None,
    gold: Location | None = None,
    config: Config | Location | None = None,
    settings: Changes = (),
    *,
    progress: bool = False,
    tell: Tell = untold,
) -> LoopReport:
    """Retrain, judge the model, annotate again, up to round number `rounds`. Call it again to go on.

    start: checkpoint of the first training; gold: what models are judged by, by default round 0; the corpus remembers
    both. tell: called with a line of news or the report of each part. Raises RefusedError, WatchError, and what
    training and annotating raise."""
    if gold is not None and not Path(gold).is_file():
        raise ConfigError(f"gold {gold} is no file: give a gold.jsonl or a COCO instances json")
    chosen: dict[str, str | None] = {
        f"loop.{name}": absolute_if_there(value)
        for name, value in (("start", start), ("gold", gold))
        if value is not None
    }
    if start is not None and not any(name.startswith(REVISION) for name in settings):
        chosen[REVISION] = None  # a profile's belongs to the profile's own start
    with opened(str(corpus), config, _also(settings, chosen)) as session:
        kept_gold = session.config.loop.gold
        if kept_gold is not None and not Path(kept_gold).is_file():
            raise ConfigError(
                f"loop.gold: {kept_gold} is no file any more: name another gold, or set loop.gold to null to"
                " judge by round 0"
            )
        if kept_gold is not None:
            check_gold(session, kept_gold)
        check_starts(session)

        def run_training(job: TrainingJob) -> RetrainResult:
            return train(job, session.config.engine, progress=progress)

        return Loop(session, kept_gold, run_training, tell, progress=progress).run(rounds)


def loop_rounds(store: Store, count: int) -> list[LoopRound]:
    """Those of the rounds 0 to `count` that are written."""
    found = ((number, read_report(store, number)) for number in range(count + 1))
    return [LoopRound(number, report, promotions_of(store, number)) for number, report in found if report is not None]


def _also(settings: Changes, chosen: Mapping[str, str | None]) -> Changes:
    if isinstance(settings, Mapping):
        return {**settings, **chosen}
    return [*settings, *(f"{name}={json.dumps(value)}" for name, value in chosen.items())]


class Loop:
    """The loop over an open corpus. train: what makes a model of a job (`stages.retrain.run`)."""

    def __init__(
        self, session: Session, gold: str | None, train: Train, tell: Tell = untold, *, progress: bool = False
    ) -> None:
        self._session = session
        self._gold = gold
        self._train = train
        self._tell = tell
        self._progress = progress
        self._settings = session.config.loop

    def run(self, count: int) -> LoopReport:
        """Rounds 0 to `count`, as far as they are not done."""
        if not committed(self._session.store, IMAGES):
            raise ConfigError(f"{self._session.corpus} holds no image shards: `fld ingest IMAGES` fills it")
        self._write(0)
        for number in range(1, count + 1):
            is_last = number == count
            if self._is_exhausted(number - 1):
                if self._learn_sparse(number - 1):
                    self._write(number)
                return self._done(count, exhausted=True)
            self._learn(number - 1)
            if is_last:
                self._learn_sparse(number - 1)
            self._write(number)
        return self._done(count, exhausted=False)

    def _done(self, count: int, *, exhausted: bool) -> LoopReport:
        for name, (spent, settings) in accounts(self._session.config.annotators, self._session.store).items():
            self._tell(f"cost of {cost_line(name, spent, settings)}")
        return LoopReport(loop_rounds(self._session.store, count), exhausted)

    def _write(self, number: int) -> None:
        self._tell(f"round {number}: annotate, fuse, filter, write")
        self._tell(annotate_round(self._session, number, progress=self._progress))
        self._tell(write_round(self._session, number))
        report = watch(self._session, number)
        self._tell(report)
        if report.stops:
            raise WatchError(
                f"round {number} is written, but the loop feeds on its own labels: {'; '.join(report.stops)}"
            )

    def _learn(self, number: int) -> None:
        """Train every learner on round `number` and judge its model."""
        store = self._session.store
        verdicts = {
            learner: learn(self._session, learner, number, self._gold, self._train, self._tell)
            for learner in self._settings.learners
        }
        if all(model_below(store, number + 1, learner) is None for learner in verdicts):
            reasons = "; ".join(promotion.reason for promotion in verdicts.values())
            raise RefusedError(f"the model of round {number} is refused and there is no other to go on with: {reasons}")
        for learner, promotion in verdicts.items():
            if not promotion.promoted and model_below(store, number, learner) is not None:
                self._tell(f"gate: round {number + 1} is written by the last promoted {called(learner)}")

    def _learn_sparse(self, number: int) -> bool:
        """Fine-tune the last promoted model on what annotators wrote about few images; whether a model may write."""
        names = list(teachers(self._session.config.annotators))
        for name in names:
            learn(self._session, name, number, self._gold, self._train, self._tell)
        return any(model_below(self._session.store, number + 1, name) is not None for name in names)

    def _is_exhausted(self, done: int) -> bool:
        """Whether no learner's models of the rounds below `done` changed anything any more."""
        patience = self._settings.watch.patience
        for learner in self._settings.learners:
            promotions = [read_promotion(self._session.store, number, learner) for number in range(done)]
            if not is_exhausted([each for each in promotions if each is not None], patience):
                return False
        self._tell(f"nothing improves: the last {patience} models changed no measure (loop.watch.patience). Done.")
        return True
