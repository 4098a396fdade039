"""`fld status`: what is done, what is missing, what failed and why. Reads manifests, and rows where some failed."""

from rich.table import Table

from engine.config.config_text import ConfigError
from engine.console.terminal import out
from engine.corpus.costs import accounts, cost_line
from engine.corpus.promotions import model_below, promotions_of
from engine.corpus.session import look
from engine.runtime.column import Column
from engine.runtime.refilter import OUTCOME_KEPT, tally_round
from shards import commit
from shards.commit import Manifest
from shards.completeness import check_round, find_missing
from shards.errors import CorpusError, DamageError
from shards.images import read_image_rows
from shards.layout import IMAGES, raw_folder, round_folder
from shards.raw import read_raw
from shards.reader import Corpus
from shards.reviews import waiting_reviews
from shards.rounds import INCOMPLETE, OF_IMAGES
from shards.store import Store, open_store
from stages.fuse.settings import GENERALIST

FAILURES_SHOWN = 20
KEYS_SHOWN = 3
Failures = dict[tuple[str, str], list[str]]
"""(where, why) -> keys of the images."""


def status(corpus: str) -> None:
    """Print the state of a corpus. Raises ConfigError if nothing was ingested yet."""
    store = open_store(corpus)
    images = commit.committed(store, IMAGES)
    missing = find_missing(store)
    if not images and missing.error is None:
        raise ConfigError(f"{corpus} holds no image shards: `fld ingest IMAGES {corpus}` or `fld run` fills it")
    failures: Failures = {}
    for key, reason in _failed_images(store, images):
        failures.setdefault(("ingest", reason), []).append(key)
    table = Table("column", "shards", "images", "failed", box=None, pad_edge=False)
    planned = max(missing.planned, len(images))
    table.add_row("images", f"{len(images)}/{planned}", *_images(images))
    for column in _columns(corpus, store):
        done = commit.committed(store, raw_folder(column.name, column.fingerprint))
        table.add_row(f"{column.name}-{column.fingerprint}", _share(done, images), *_images(done))
        for key, reason in _failed_rows(store, column.name, column.fingerprint, done):
            failures.setdefault((column.name, reason), []).append(key)
    out.print(table)
    for number in Corpus(store).rounds():
        _print_round(store, number)
        if waiting := waiting_reviews(store, number):
            out.print(f"  {waiting:,} corrections wait: `fld filter {corpus} --round {number}` applies them")
    for name, (spent, settings) in accounts(look(corpus).config.annotators, store).items():
        out.print(f"cost of {cost_line(name, spent, settings)}")
    _print_failures(failures, corpus)
    if missing.error is not None:
        raise missing.error
    for number in Corpus(store).rounds():
        _check_round(store, number, corpus)


def _print_round(store: Store, number: int) -> None:
    counts, tally = tally_round(store, number)
    incomplete = tally["missing", INCOMPLETE]
    lacking = f" ({incomplete:,} incomplete: an annotator failed)" if incomplete else ""
    out.print(f"round {number}: {counts.kept:,} kept{lacking}, {counts.dropped:,} dropped, {counts.failed:,} failed")
    kinds = sorted({kind for kind, _ in tally} - OF_IMAGES)
    kept = ", ".join(
        f"{tally[kind, OUTCOME_KEPT]:,} of {sum(n for (k, _), n in tally.items() if k == kind):,} {kind}"
        for kind in kinds
    )
    out.print(f"  annotations kept: {kept}")
    for learner, promotion in promotions_of(store, number).items():
        verdict = "promoted" if promotion.promoted else "refused"
        name = "model" if learner == GENERALIST else learner
        out.print(f"  the {name} trained on it is {verdict}: {promotion.reason}")


def _check_round(store: Store, number: int, corpus: str) -> None:
    """Say what a round lacks. Raises DamageError for what it lost."""
    try:
        check_round(store, round_folder(number), corpus)
    except DamageError:
        raise
    except CorpusError as error:  # a round is written after its images came in
        out.print(str(error))


def _columns(corpus: str, store: Store) -> list[Column]:
    """The annotators' columns, and those that models of the loop wrote."""
    session = look(corpus)
    found = {
        (column.name, column.fingerprint): column
        for number in {0, *Corpus(store).rounds()}
        if number == 0 or any(model_below(store, number, each) is not None for each in session.config.loop.learners)
        for column in session.columns(number)
    }
    return list(found.values())


def _failed_images(store: Store, images: dict[str, Manifest]) -> list[tuple[str, str]]:
    rows = [row for shard, done in images.items() if done.counts.failed for row in read_image_rows(store, shard)]
    return [(row.key, f"{row.stage}: {row.error}") for row in rows if row.status == "failed"]


def _failed_rows(store: Store, name: str, fingerprint: str, done: dict[str, Manifest]) -> list[tuple[str, str]]:
    rows = [row for shard, m in done.items() if m.counts.failed for row in read_raw(store, name, fingerprint, shard)]
    return [(row.key, row.error) for row in rows if row.status == "failed"]


def _share(done: dict[str, Manifest], images: dict[str, Manifest]) -> str:
    return f"{len(done.keys() & images.keys())}/{len(images)}"


def _images(done: dict[str, Manifest]) -> tuple[str, str]:
    return f"{sum(m.counts.kept for m in done.values()):,}", f"{sum(m.counts.failed for m in done.values()):,}"


def _print_failures(failures: Failures, corpus: str) -> None:
    if not failures:
        return
    table = Table("failed", "where", "why", "images", box=None, pad_edge=False)
    for (where, why), keys in sorted(failures.items(), key=lambda entry: -len(entry[1]))[:FAILURES_SHOWN]:
        more = ", ..." if len(keys) > KEYS_SHOWN else ""
        table.add_row(f"{len(keys):,}", where, why, ", ".join(keys[:KEYS_SHOWN]) + more)
    out.print(table)
    if len(failures) > FAILURES_SHOWN:
        out.print(f"... and {len(failures) - FAILURES_SHOWN} more reasons")
    if any(where != "ingest" for where, _ in failures):
        out.print(f"`fld annotate {corpus} --retry-quarantined` runs only the failed ones again")
