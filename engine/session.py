"""An open corpus: its store, its settings, and what a round of it is made of.

`look(corpus)` opens one to read, `opened(corpus, ...)` to write: locked, its leftovers removed, its settings saved.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from engine.calibrations import calibration_for
from engine.config.config import Config, load, save
from engine.config.config_text import ConfigError
from engine.costs import with_account
from engine.learned import Model, annotator_of, share_boxes
from engine.promotions import CONSENSUS, model_below, read_calibration, weights_of
from engine.runtime.column import Column
from engine.runtime.lock import corpus_lock
from engine.runtime.plan import columns, needs
from engine.sparse import teachers
from shards.finding import GIVEN
from shards.reader import Corpus
from shards.store import Store, open_store, remove_leftovers
from stages.build import Annotator, build_stage, gives
from stages.fuse.ledger import Voter
from stages.fuse.settings import GENERALIST, LEARNED, STUDENT
from stages.gate.calibrated import CalibratedStage
from stages.gate.support import WITNESSES
from stages.round import RoundPlan, Skip, Skipped
from stages.stage import Stage

Build = Callable[[Annotator, str], Stage]


@dataclass(frozen=True)
class Session:
    """An open corpus: nobody else writes to it, and its settings are known. build: makes the stage of an annotator."""

    corpus: str
    store: Store
    config: Config
    build: Build = build_stage

    def plan(self, number: int) -> RoundPlan:
        """What round `number` is made of. Raises ConfigError for a round above 0 that no model may write."""
        roles = {name: annotator.role for name, annotator in self.config.annotators.items()}
        roles |= {GENERALIST: self.config.loop.generalist.role, STUDENT: self.config.loop.student_annotator.role}
        roles |= dict.fromkeys(teachers(self.config.annotators), "captioner")
        entered = {learner: model + 1 for learner, model in self.models(number).items()}
        voters = [
            Voter(each.name, roles[each.name], each.fingerprint, entered.get(each.name, 0), each.subset is not None)
            for each in self.columns(number)
        ]
        calibration = None
        if self.config.fuse.calibrate == "auto":
            calibration = calibration_for(self.store, number, tuple(voters))
        return RoundPlan(number, tuple(voters), self.config.fuse, self.config.filters, calibration)

    def columns(self, number: int) -> list[Column]:
        """The columns of round `number`: the annotators', and from round 1 on those of the promoted models."""
        models, is_boxed = share_boxes(self.store, self.models(number), self.config.loop)
        return self.columns_with({learner: self._model(learner, below, is_boxed) for learner, below in models.items()})

    def models(self, number: int) -> dict[str, int]:
        """Learner -> the round on which that model of it was trained which may write round `number`; nothing for round
        0. Raises ConfigError if there is none yet."""
        if number == 0:
            return {}
        known = [*self.config.loop.learners, *teachers(self.config.annotators)]
        found: dict[str, int] = {
            each: below for each in known if (below := model_below(self.store, number, each)) is not None
        }
        if not found:
            raise ConfigError(f"{self.corpus} has no promoted model below round {number}: `fld loop {self.corpus}`")
        return found

    def columns_with(self, models: Mapping[str, Model]) -> list[Column]:
        """The annotators' columns, and those that these models of learners would write. A model with a worth waits for
        all that find boxes; nobody waits for a model, so that the annotators' columns are the same in every round."""
        own = self.config.annotators
        if taken := sorted((LEARNED | teachers(own).keys()) & own.keys()):
            raise ConfigError(f"annotators.{taken[0]}: the loop's own model has this name: use another")
        annotators: dict[str, Annotator] = {
            name: with_account(each.model_copy(update={"needs": list(needs(name, own))}), name, self.store)
            for name, each in own.items()
        }
        for learner, model in models.items():
            annotator = annotator_of(learner, self.config, model)
            waits_for = {*needs(learner, {**own, learner: annotator})}
            waits_for |= set() if model.worth is None else {*self.witnesses()}
            annotators[learner] = annotator.model_copy(update={"needs": sorted(waits_for)})

        def build(annotator: Annotator, name: str) -> Stage:
            stage, model = self.build(annotator, name), models.get(name)
            return stage if model is None or model.worth is None else CalibratedStage(stage, model.worth)

        return columns(annotators, build)

    def witnesses(self) -> list[str]:
        """The annotators that find boxes, and what came with the images: they support a box of the loop's model."""
        return [*(name for name, each in self.config.annotators.items() if gives(each) & {*WITNESSES}), GIVEN]

    def learned(self, learner: str, weights: str, revision: str | None = None) -> Column:
        """The column that a learner would write with these weights, its scores as the model gives them."""
        models = {learner: Model(weights, revision)}
        return next(each for each in self.columns_with(models) if each.name == learner)

    def _model(self, learner: str, below: int, is_boxed: bool) -> Model:
        """A student keeps its own scores where only round 0 could say what they are worth: what humans and annotators
        left out would count as wrong, and to find that is what it is for."""
        found = read_calibration(self.store, below, learner) if learner in LEARNED else None
        is_mapped = found is not None and not (learner == STUDENT and found.reference == CONSENSUS)
        worth = found.worth if found is not None and is_mapped else None
        return Model(weights_of(self.store, below, learner), None, worth, is_boxed or learner != GENERALIST)

    def skipped(self) -> dict[str, Skipped]:
        """Shard -> images that the duplicate settings leave out of every round, with rule, distance and threshold."""
        from stages.ingest.duplicates import dropped_keys

        gone = dropped_keys(self.store, self.config.ingest.duplicates)
        if not gone:
            return {}
        by_shard: dict[str, dict[str, Skip]] = {}
        for shard, row in Corpus(self.store).image_rows():
            if row.key in gone:
                rule, _, distance = gone[row.key]
                limit = float(self.config.ingest.duplicates.distance) if rule == "near_duplicate" else None
                by_shard.setdefault(shard, {})[row.key] = Skip(rule, float(distance), limit)
        return dict(by_shard)


def look(
    corpus: str, source: Config | str | Path | None = None, assignments: Sequence[str] | Mapping[str, object] = ()
) -> Session:
    """A corpus to read only: no lock, nothing saved."""
    store = open_store(corpus)
    return Session(corpus, store, load(source, assignments, store))


@contextmanager
def opened(
    corpus: str, source: Config | str | Path | None, assignments: Sequence[str] | Mapping[str, object]
) -> Iterator[Session]:
    """A corpus to write to: locked, its leftovers removed, its settings saved."""
    if corpus.startswith("memory:"):
        raise ConfigError(f"{corpus} ends with this command: name a folder or an object store (s3://, gs://, ...)")

    store = open_store(corpus)
    config = load(source, assignments, store)
    with corpus_lock(store, " ".join([Path(sys.argv[0]).name or "python", *sys.argv[1:]])):
        remove_leftovers(store)
        save(config, store)
        yield Session(corpus, store, config)
