"""What is done in a corpus, what is missing, what failed and why. Reads manifests, and rows where some failed.

    report = status("corpus")
    report.columns[1].name, report.columns[1].done          "objects-3f9a0c12", 4 shards
    report.failures["objects", "out of memory"]             ["photos/dog", "photos/cat"]
    report.rounds[0].images.kept                            1180

A corpus from which something is lost has a report all the same: `report.check()` raises what is wrong with it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from engine.api.reports import Location
from engine.config.config_text import ConfigError
from engine.corpus.costs import accounts, cost_line
from engine.corpus.memory import NEVER_RAN
from engine.corpus.promotions import model_below, promotions_of
from engine.corpus.session import look
from engine.runtime.column import Column
from engine.runtime.parts import PartAtWork, parts_at_work
from engine.runtime.refilter import Tally, tally_round
from shards import commit
from shards.commit import ImageCounts, Manifest
from shards.completeness import ShardGaps, check_round, find_missing
from shards.errors import CorpusError, DamageError, FldError
from shards.images import read_image_rows
from shards.layout import IMAGES, raw_folder, round_folder
from shards.raw import read_raw
from shards.reader import Corpus
from shards.reviews import waiting_reviews
from shards.store import Store, open_corpus
from stages.gate.decide import Promotion


@dataclass(frozen=True)
class ColumnState:
    """All that one annotator said, or the "images" themselves. done, planned: shards; kept, failed: images."""

    name: str
    done: int
    planned: int
    kept: int
    failed: int


@dataclass(frozen=True)
class RoundState:
    """A round that is written. tally: (type of annotation, "kept" or the rule that dropped it) -> how many; promotions:
    learner -> the verdict on the model that was trained on it; waiting: corrections that it does not have yet."""

    number: int
    images: ImageCounts
    tally: Tally
    promotions: Mapping[str, Promotion]
    waiting: int


@dataclass(frozen=True)
class StatusReport:
    """The state of a corpus. failures: (where, why) -> keys of the images; costs: a line per account of a paid
    endpoint; parts: those that the corpus is annotated in, and who is at work; notes: what rounds lack that is no
    damage; error: what was lost, None if nothing was."""

    columns: list[ColumnState]
    rounds: list[RoundState] = field(default_factory=list)
    failures: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    costs: list[str] = field(default_factory=list)
    parts: list[PartAtWork] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    error: FldError | None = None

    def check(self) -> None:
        """Raise the error with which `fld status` ends, if there is one."""
        if self.error is not None:
            raise self.error


def status(corpus: Location) -> StatusReport:
    """The state of a corpus. Raises ConfigError if nothing was ingested yet, and CorpusError if columns cannot be
    read."""
    store = open_corpus(str(corpus))
    images = commit.committed(store, IMAGES)
    missing = find_missing(store)
    if not images and missing.error is None:
        raise ConfigError(f"{corpus} holds no image shards: `fld ingest IMAGES {corpus}` or `fld run` fills it")
    columns, failures = _columns(str(corpus), store, images, missing.planned)
    rounds: list[RoundState] = []
    costs: list[str] = []
    try:
        rounds.extend(_rounds(store))  # those before a damaged one are told of
        annotators = look(str(corpus)).config.annotators
        costs += [cost_line(name, spent, of) for name, (spent, of) in accounts(annotators, store).items()]
    except FldError as error:
        return StatusReport(columns, rounds, failures, costs, parts_at_work(store), error=error)
    notes, lost = _lacks(store, str(corpus), missing)
    return StatusReport(columns, rounds, failures, costs, parts_at_work(store), notes, lost)


def _columns(
    corpus: str, store: Store, images: Mapping[str, Manifest], planned: int
) -> tuple[list[ColumnState], dict[tuple[str, str], list[str]]]:
    """The images and every column, and what failed in them."""
    failures: dict[tuple[str, str], list[str]] = {}
    for key, reason in _failed_images(store, images):
        failures.setdefault(("ingest", reason), []).append(key)
    states = [_state("images", images, len(images), max(planned, len(images)))]
    for column in _known_columns(corpus, store):
        done = commit.committed(store, raw_folder(column.name, column.fingerprint))
        states.append(
            _state(
                f"{column.name}-{column.fingerprint}"
                if column.fingerprint != NEVER_RAN
                else f"{column.name} (not run)",
                done,
                len(done.keys() & images.keys()),
                len(images),
            )
        )
        for key, reason in _failed_rows(store, column, done):
            failures.setdefault((column.name, reason), []).append(key)
    return states, failures


def _state(name: str, units: Mapping[str, Manifest], done: int, planned: int) -> ColumnState:
    counts = [manifest.counts for manifest in units.values()]
    return ColumnState(name, done, planned, sum(each.kept for each in counts), sum(each.failed for each in counts))


def _known_columns(corpus: str, store: Store) -> list[Column]:
    """The annotators' columns, and those that models of the loop wrote."""
    session = look(corpus)
    by_folder = {
        (column.name, column.fingerprint): column
        for number in {0, *Corpus(store).rounds()}
        if number == 0
        or any(model_below(store, number, learner) is not None for learner in session.config.loop.learners)
        for column in session.columns(number)
    }
    return list(by_folder.values())


def _failed_images(store: Store, images: Mapping[str, Manifest]) -> list[tuple[str, str]]:
    rows = (row for shard, done in images.items() if done.counts.failed for row in read_image_rows(store, shard))
    return [(row.key, f"{row.stage}: {row.error}") for row in rows if row.status == "failed"]


def _failed_rows(store: Store, column: Column, done: Mapping[str, Manifest]) -> list[tuple[str, str]]:
    shards = [shard for shard, manifest in done.items() if manifest.counts.failed]
    rows = (row for shard in shards for row in read_raw(store, column.name, column.fingerprint, shard))
    return [(row.key, row.error) for row in rows if row.status == "failed"]


def _rounds(store: Store) -> Iterator[RoundState]:
    for number in Corpus(store).rounds():
        counts, tally = tally_round(store, number)
        yield RoundState(number, counts, tally, promotions_of(store, number), waiting_reviews(store, number))


def _lacks(store: Store, corpus: str, missing: ShardGaps) -> tuple[list[str], FldError | None]:
    """What rounds lack, and the first thing that was lost."""
    if missing.error is not None:
        return [], missing.error
    notes: list[str] = []
    for number in Corpus(store).rounds():
        try:
            check_round(store, round_folder(number), corpus)
        except DamageError as error:
            return notes, error
        except CorpusError as error:  # a round is written after its images came in
            notes.append(str(error))
    return notes, None
