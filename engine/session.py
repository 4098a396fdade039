"""An open corpus: its store, its settings, and what a round of it is made of.

`look(corpus)` opens one to read, `opened(corpus, ...)` to write: locked, its leftovers removed, its settings saved.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from engine.config.config import Config, load, save
from engine.config.config_text import ConfigError
from engine.promotions import model_below, read_calibration, weights_of, with_weights
from engine.runtime.column import GIVEN, Column
from engine.runtime.lock import corpus_lock
from engine.runtime.plan import columns, needs
from shards.reader import Corpus
from shards.store import Store, open_store, remove_leftovers
from stages.build import Annotator, build_stage, gives
from stages.fuse.ledger import Annotator as Voter
from stages.fuse.settings import GENERALIST
from stages.gate.calibrated import CalibratedStage
from stages.gate.calibration import Worth
from stages.gate.support import WITNESSES
from stages.round import RoundPlan, Skipped
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
        model = self.model(number)
        voters = [
            Voter(GENERALIST, GENERALIST, each.fingerprint, model + 1)
            if model is not None and each.name == GENERALIST
            else Voter(each.name, roles[each.name], each.fingerprint)
            for each in self.columns(number)
        ]
        return RoundPlan(number, tuple(voters), self.config.fuse, self.config.filters)

    def columns(self, number: int) -> list[Column]:
        """The columns of round `number`: the annotators', and from round 1 on that of the last promoted model."""
        model = self.model(number)
        if model is None:
            return columns(self.config.annotators, self.build)
        found = read_calibration(self.store, model)
        return self.columns_with(weights_of(self.store, model), None, None if found is None else found.worth)

    def model(self, number: int) -> int | None:
        """The round whose model writes round `number`; None for round 0. Raises ConfigError if there is none yet."""
        if number == 0:
            return None
        if (model := model_below(self.store, number)) is None:
            raise ConfigError(f"{self.corpus} has no promoted model below round {number}: `fld loop {self.corpus}`")
        return model

    def columns_with(self, weights: str, revision: str | None = None, worth: Worth | None = None) -> list[Column]:
        """The annotators' columns, and the one that the loop's generalist writes with these weights. worth: what its
        scores are mapped by, for which it waits for all that find boxes; None leaves them as the model gives them."""
        if GENERALIST in self.config.annotators:
            raise ConfigError(f"annotators.{GENERALIST}: the loop's own model has this name: use another")
        model = with_weights(self.config.loop.generalist, weights, revision)
        annotators: dict[str, Annotator] = {**self.config.annotators, GENERALIST: model}
        if worth is None:
            return columns(annotators, self.build)
        waits_for = {*needs(GENERALIST, annotators), *self.witnesses()}
        annotators[GENERALIST] = model.model_copy(update={"needs": sorted(waits_for)})

        def build(annotator: Annotator, name: str) -> Stage:
            stage = self.build(annotator, name)
            return CalibratedStage(stage, worth) if name == GENERALIST else stage

        return columns(annotators, build)

    def witnesses(self) -> list[str]:
        """The annotators that find boxes, and what came with the images: they support a box of the loop's model."""
        return [*(name for name, each in self.config.annotators.items() if gives(each) & {*WITNESSES}), GIVEN]

    def learned(self, weights: str, revision: str | None = None) -> Column:
        """The column that the loop's generalist would write with these weights, its scores as the model gives them."""
        return next(each for each in self.columns_with(weights, revision) if each.name == GENERALIST)

    def skipped(self) -> dict[str, Skipped]:
        """Shard -> images that the duplicate settings leave out of every round, with rule, distance and threshold."""
        from stages.ingest.duplicates import dropped_keys

        gone = dropped_keys(self.store, self.config.ingest.duplicates)
        if not gone:
            return {}
        by_shard: dict[str, dict[str, tuple[str, float | None, float | None]]] = {}
        for shard, row in Corpus(self.store).image_rows():
            if row.key in gone:
                rule, _, distance = gone[row.key]
                limit = float(self.config.ingest.duplicates.distance) if rule == "near_duplicate" else None
                by_shard.setdefault(shard, {})[row.key] = (rule, float(distance), limit)
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
