"""An open corpus: its store, its settings, and what a round of it is made of.

`look(corpus)` opens one to read, `opened(corpus, ...)` to write: locked, its leftovers removed, its settings saved.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any

from engine.config.config import CORPUS_FILE, Config, load
from engine.config.config_text import ConfigError
from engine.config.paths import check_there, from_any_folder
from engine.corpus.calibrations import calibration_for
from engine.corpus.costs import with_account
from engine.corpus.kept_settings import settings_in_force
from engine.corpus.learned import Model, annotator_of, share_boxes
from engine.corpus.mapped import is_mapped, taken_as_mapped, with_mapped
from engine.corpus.memory import Memory, with_known_fingerprints
from engine.corpus.promotions import CONSENSUS, model_below, read_calibration, weights_of
from engine.corpus.sparse import teachers
from engine.corpus.trust import check_trusted
from engine.runtime.column import Column
from engine.runtime.lock import corpus_lock, shown_command
from engine.runtime.parts import Part, part_lock
from engine.runtime.plan import columns, needs
from shards import commit
from shards.completeness import check_corpus, check_whole
from shards.finding import GIVEN
from shards.layout import MODEL
from shards.store import Store, open_corpus, open_store, remove_leftovers
from stages.annotate.build import Annotator, build_stage, gives
from stages.calibrate.support import WITNESSES
from stages.fuse.ledger import Voter
from stages.fuse.settings import GENERALIST, LEARNED, STUDENT
from stages.round import RoundPlan, Skipped
from stages.stage import Stage

Build = Callable[[Annotator, str], Stage]


@dataclass(frozen=True)
class Session:
    """An open corpus: nobody else writes to it, and its settings are known. build: makes the stage of an annotator;
    memory: what stages said of themselves; builds: whether they are built, or only remembered."""

    corpus: str
    store: Store
    config: Config
    build: Build = build_stage
    memory: Memory | None = None
    builds: bool = True

    def plan(self, number: int) -> RoundPlan:
        """What round `number` is made of. Raises ConfigError for a round above 0 that no model may write."""
        roles = {name: annotator.role for name, annotator in self.config.annotators.items()}
        roles |= {GENERALIST: self.config.loop.generalist.role, STUDENT: self.config.loop.student_annotator.role}
        roles |= dict.fromkeys(teachers(self.config.annotators), "captioner")
        entered = {learner: model + 1 for learner, model in self.models(number).items()}
        models = self._models_of(number)
        voters = [
            Voter(
                column.name,
                roles[column.name],
                column.fingerprint,
                entered.get(column.name, 0),
                column.subset is not None,
                None if is_mapped(column) or column.name not in models else models[column.name].worth,
            )
            for column in self.columns_with(models, number)
        ]
        calibration = None
        if self.config.fuse.calibrate == "auto":
            calibration = calibration_for(self.store, number, tuple(voters))
        config = self.config
        return RoundPlan(number, tuple(voters), config.fuse, config.filters, calibration, config.rounds.originals)

    def columns(self, number: int) -> list[Column]:
        """The columns of round `number`: the annotators', and from round 1 on those of the promoted models."""
        return self.columns_with(self._models_of(number), number)

    def _models_of(self, number: int) -> dict[str, Model]:
        """Learner -> the model of it that writes round `number`."""
        models, is_boxed = share_boxes(self.store, self.models(number), self.config.loop)
        return {learner: self._model(learner, below, is_boxed) for learner, below in models.items()}

    def models(self, number: int) -> dict[str, int]:
        """Learner -> the round on which that model of it was trained which may write round `number`; nothing for round
        0. Raises ConfigError if there is none yet."""
        if number == 0:
            return {}
        known = [*self.config.loop.learners, *teachers(self.config.annotators)]
        numbers: dict[str, int] = {
            learner: below for learner in known if (below := model_below(self.store, number, learner)) is not None
        }
        if not numbers:
            raise ConfigError(
                f"{self.corpus} has no promoted model below round {number}: `fld loop {quote(self.corpus)}`"
            )
        return numbers

    def columns_with(self, models: Mapping[str, Model], number: int = 0) -> list[Column]:
        """The annotators' columns, and those that these models of learners would write. Nobody waits for a model, so
        that the annotators' columns are the same in every round. number: the round that is looked at, where the columns
        of an older release are only known from its index."""
        own = self.config.annotators
        if taken := sorted((LEARNED | teachers(own).keys()) & own.keys()):
            raise ConfigError(f"annotators.{taken[0]}: the loop's own model has this name: use another")
        annotators: dict[str, Annotator] = {
            name: with_account(annotator.model_copy(update={"needs": list(needs(name, own))}), name, self.store)
            for name, annotator in own.items()
        }
        for learner, model in models.items():
            annotator = annotator_of(learner, self.config, model)
            waits_for = sorted(needs(learner, {**own, learner: annotator}))
            annotators[learner] = annotator.model_copy(update={"needs": waits_for})

        unknown: set[str] = set()

        def build(annotator: Annotator, name: str) -> Stage:
            return self._stage(annotator, name, self._content(models.get(name)), unknown)

        columns_of = columns(annotators, build)
        worths = {learner: model.worth for learner, model in models.items() if model.worth is not None}
        if unknown:
            return taken_as_mapped(with_known_fingerprints(self.store, columns_of, unknown, number), worths)
        return with_mapped(self.store, columns_of, annotators, worths, self.witnesses())

    def _stage(self, annotator: Annotator, name: str, content: str, unknown: set[str]) -> Stage:
        """A stage, built or remembered; `unknown` gets the names of those that nobody remembers."""
        if self.builds:
            stage = self.build(annotator, name)
            if self.memory is not None:
                self.memory.note(annotator, name, content, stage)
            return stage
        remembered = (self.memory or Memory(self.store)).stage(annotator, name, content)
        if remembered.facts is None:
            unknown.add(name)
        return remembered

    def _content(self, model: Model | None) -> str:
        """What a model of this corpus is made of: another one may be trained in its place."""
        folder = "" if model is None else model.weights.removeprefix(f"{self.store.url}/")
        manifest = None if model is None or folder == model.weights else commit.find(self.store, folder, MODEL)
        return "" if manifest is None else str(sorted((path, entry.crc32) for path, entry in manifest.files.items()))

    def witnesses(self) -> list[str]:
        """The annotators that find boxes, and what came with the images: they support a box of the loop's model."""
        return [*(name for name, annotator in self.config.annotators.items() if gives(annotator) & {*WITNESSES}), GIVEN]

    def learned(self, learner: str, weights: str, revision: str | None = None) -> Column:
        """The column that a learner would write with these weights, its scores as the model gives them."""
        models = {learner: Model(weights, revision)}
        return next(column for column in self.columns_with(models) if column.name == learner)

    def _model(self, learner: str, below: int, is_boxed: bool) -> Model:
        """A student keeps its own scores where only round 0 could say what they are worth: what humans and annotators
        left out would count as wrong, and to find that is what it is for."""
        calibration = read_calibration(self.store, below, learner) if learner in LEARNED else None
        is_believed = calibration is not None and not (learner == STUDENT and calibration.reference == CONSENSUS)
        worth = calibration.worth if calibration is not None and is_believed else None
        return Model(weights_of(self.store, below, learner), None, worth, is_boxed or learner != GENERALIST)

    def skipped(self) -> Mapping[str, Skipped]:
        """Shard -> images that the duplicate settings leave out of every round, with rule, distance and threshold."""
        from engine.corpus.skipped import SkippedImages

        return SkippedImages(self.store, self.config.ingest.duplicates)


def look(
    corpus: str,
    source: Config | str | Path | None = None,
    assignments: Sequence[str] | Mapping[str, object] = (),
    *,
    runs: Sequence[str] = (),
) -> Session:
    """A corpus to read only: no lock, nothing saved, and nothing that it names is imported, built or loaded. runs:
    sections of the settings that are put to work all the same, the filters say: they must be this user's."""
    store = open_corpus(corpus)
    config = _settings(store, source, assignments)
    _check_trusted(store, config, source, assignments, runs)
    return Session(corpus, store, config, memory=Memory(store), builds=False)


@contextmanager
def opened(
    corpus: str,
    source: Config | str | Path | None,
    assignments: Sequence[str] | Mapping[str, object],
    *,
    fills: bool = False,
    runs: Sequence[str] | None = None,
    part: Part | None = None,
) -> Iterator[Session]:
    """A corpus to write to: locked, its leftovers removed, its settings saved, and put back if the command fails.

    fills: it may be new, or lack images, as they are about to come in; else all that was planned must be there. runs:
    sections of the settings that are put to work, None for all; without the annotators none of them is built. part:
    only that one is locked and tidied up, and no settings are saved."""
    if corpus.startswith("memory:"):
        raise ConfigError(f"{corpus} ends with this command: name a folder or an object store (s3://, gs://, ...)")

    store = open_store(corpus) if fills else open_corpus(corpus)
    check_corpus(store, may_be_new=fills)
    config = _settings(store, source, assignments)
    builds = runs is None or "annotators" in runs
    command = shown_command(sys.argv)
    with corpus_lock(store, command) if part is None else part_lock(store, part, command):
        if not fills:
            check_whole(store)
        _check_trusted(store, config, source, assignments, runs)
        if builds:
            check_there(config, "annotators")
        session = Session(corpus, store, config, memory=Memory(store), builds=builds)
        if part is None:
            remove_leftovers(store)
            with settings_in_force(config, store):
                yield session
        else:
            _check_same(config, load(None, (), store))
            remove_leftovers(store, part.has)
            yield session


def _settings(
    store: Store, source: Config | str | Path | None, assignments: Sequence[str] | Mapping[str, object]
) -> Config:
    """The settings in force. Paths that are given now become absolute; those of the corpus stay as they are."""
    config = load(source, assignments, store)
    return from_any_folder(config, None if source is not None else _named(assignments))


def _named(assignments: Sequence[str] | Mapping[str, object]) -> list[str]:
    """The settings that are given one by one."""
    given = assignments if isinstance(assignments, Mapping) else [text.partition("=")[0] for text in assignments]
    return [path.strip() for path in given]


def _check_same(config: Config, own: Config) -> None:
    """Raise ConfigError unless a part is annotated as the others are; where and how much at once is its own affair."""
    here, there = (_content(each) for each in (config, own))
    differing = [name for name in here if here[name] != there[name]]
    if differing:
        raise ConfigError(
            f"--part works with the settings of the corpus, and {', '.join(differing)} differ: keep them in the corpus"
            " first (`fld ingest` saves what --config and --set say), so that all parts have the same"
        )


def _content(config: Config) -> dict[str, Any]:
    data = config.model_dump(mode="json", exclude={"engine"})
    for annotator in data["annotators"].values():
        del annotator["resources"]
    return data


def _check_trusted(
    store: Store,
    config: Config,
    source: Config | str | Path | None,
    assignments: Sequence[str] | Mapping[str, object],
    runs: Sequence[str] | None,
) -> None:
    """Raise TrustError unless all settings that this command puts to work are this user's."""
    own = load(None, (), store) if source is None and CORPUS_FILE in store.names("") else None
    check_trusted(store, config, own, _named(assignments), runs)
