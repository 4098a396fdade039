"""A round as Python: ingest, annotate, fuse and filter, write. Each part can be run alone and again.

    report = run(["photos/"], "corpus")                                  RunReport: report.kept, report.failed
    report = filter("corpus", settings={"filters.region.min_score": 0.5}, dry_run=True)

Comes in: what the user named. Goes out: a corpus folder (`docs/corpus.md`) and a report. What is done is read from disk
every time, so that the same call goes on after a crash, and does nothing when all is done.
"""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from engine.api.calibrate import settle_agreement, settle_gold
from engine.api.reports import Changes, FilterReport, Location, RunReport, Tell, untold
from engine.config.config import Config, load
from engine.config.config_text import ConfigError
from engine.config.differences import chosen
from engine.config.differences import reset as reset_values
from engine.corpus.calibrations import told
from engine.corpus.session import Session, look, opened
from engine.runtime.annotate import AnnotateReport, check_secrets
from engine.runtime.annotate import annotate as annotate_columns
from engine.runtime.parts import Part, read_part
from engine.runtime.progress import quiet_reporter
from engine.runtime.progress_view import open_reporter
from engine.runtime.ray_ingest import node_writers
from engine.runtime.refilter import Tally, preview, refilter, tally_round
from shards import commit
from shards.commit import ImageCounts
from shards.completeness import check_corpus, check_whole
from shards.layout import IMAGES
from shards.reader import Corpus
from shards.store import open_corpus, open_store
from stages.calibrate.consensus import AnnotatorCalibration
from stages.ingest.report import IngestReport
from stages.round import RoundPlan

_OF_A_ROUND = ("fuse", "filters")


def run(
    images: Location | Sequence[Location],
    corpus: Location,
    config: Config | Location | None = None,
    settings: Changes = (),
    *,
    progress: bool = False,
    tell: Tell = untold,
) -> RunReport:
    """Ingest `images`, annotate, filter and write round 0. Call it again to go on where it stopped.

    All specialists are built before the first image is read: a wrong path or a missing package is known at once. Raises
    IngestBudgetError, FailureBudgetError, ConfigError; what was finished is kept. progress: draw it on stderr. tell:
    called with each part's report when it is there."""
    with opened(str(corpus), config, settings, fills=True) as session:
        _build(session)
        ingested = ingest_round(session, images)
        tell(ingested)
        annotated = annotate_round(session, 0, progress=progress)
        tell(annotated)
        filtered = write_round(session, 0)
        tell(filtered)
    return RunReport(ingested, annotated, filtered)


def ingest(
    images: Location | Sequence[Location],
    corpus: Location,
    config: Config | Location | None = None,
    settings: Changes = (),
    *,
    retry_quarantined: bool = False,
) -> IngestReport:
    """Check, hash and store images; no model runs. retry_quarantined: run again only what failed before."""
    with opened(str(corpus), config, settings, fills=True, runs=["ingest"]) as session:
        return ingest_round(session, images, retry_quarantined=retry_quarantined)


def annotate(
    corpus: Location,
    config: Config | Location | None = None,
    settings: Changes = (),
    *,
    reset: Sequence[str] = (),
    retry_quarantined: bool = False,
    part: str | None = None,
    progress: bool = False,
) -> AnnotateReport:
    """Run every annotator where it is not done yet. reset: settings that get the profile's values again. part: "3/16",
    only the third of sixteen parts of the shards, beside drivers of the others (`engine/runtime/parts.py`)."""
    own = None if part is None else read_part(part)
    with opened(str(corpus), config, _also_reset(corpus, config, settings, reset), part=own) as session:
        return annotate_round(session, 0, retry_quarantined=retry_quarantined, part=own, progress=progress)


def filter(
    corpus: Location,
    config: Config | Location | None = None,
    settings: Changes = (),
    *,
    reset: Sequence[str] = (),
    round: int = 0,
    dry_run: bool = False,
) -> FilterReport:
    """Fuse, filter and write a round without any model. dry_run: count what would be there and write nothing. reset:
    settings, or whole sections, that get the profile's values again."""
    settings = _also_reset(corpus, config, settings, reset)
    store = open_corpus(str(corpus))
    check_corpus(store, may_be_new=False)
    check_whole(store)
    if not commit.committed(store, IMAGES):
        raise ConfigError(f"{corpus} holds no image shards: `fld run IMAGES {corpus}` fills it")
    if round not in {0, *Corpus(store).rounds()}:
        raise ConfigError(f"{corpus} has no round {round} to filter again: it has {Corpus(store).rounds() or 'none'}")
    if not dry_run:
        with opened(str(corpus), config, settings, runs=["filters"]) as session:
            return replace(write_round(session, round), chosen=chosen(session.config, _OF_A_ROUND))
    session = look(str(corpus), config, settings, runs=["filters"])
    before = tally_round(session.store, round)[1]
    tally = preview(session.store, session.plan(round), session.skipped(), _processes())
    said = chosen(session.config, _OF_A_ROUND)
    return FilterReport(round, _images(tally), before, tally, dry_run=True, chosen=said)


def repair(corpus: str, retire: Callable[[], object], tell: Tell = untold, *, annotates: bool = True) -> None:
    """Withdraw the damaged units (`retire_damaged`), then run what is missing. No sources are needed: the plan of the
    ingest knows where the images came from. annotates: False where all columns are whole; then no annotator is built,
    and those of a stranger's corpus need no trust."""
    with opened(corpus, None, (), fills=True, runs=None if annotates else ["ingest", "filters"]) as session:
        numbers = Corpus(session.store).rounds()  # before a round's only shard is withdrawn
        retire()
        tell(ingest_round(session, []))
        for number in sorted({0, *numbers}) if annotates else ():
            tell(annotate_round(session, number))
        for number in numbers:
            tell(write_round(session, number))


def ingest_round(
    session: Session, images: Location | Sequence[Location], *, retry_quarantined: bool = False
) -> IngestReport:
    """Take in images into an open corpus."""
    from stages.ingest.ingest import ingest as ingest_images

    listed = [images] if isinstance(images, str | Path) else images
    named = [str(each) for each in listed]
    wanted = session.config.ingest
    trusted = [*named, wanted.root or ""]
    reporter = quiet_reporter(session.store)
    writers = node_writers(session.store, wanted, trusted, session.config.engine, reporter.log)
    try:
        return ingest_images(session.store, named, wanted, retry_failed=retry_quarantined, writers=writers)
    finally:
        if writers:
            reporter.end([])


def annotate_round(
    session: Session,
    number: int,
    *,
    retry_quarantined: bool = False,
    part: Part | None = None,
    progress: bool = False,
) -> AnnotateReport:
    """Run the columns of a round where they are not done."""
    skip = {key: why.rule for shard in session.skipped().values() for key, why in shard.items()}
    return annotate_columns(
        session.store,
        session.columns(number),
        skip,
        session.config.engine,
        open_reporter(session.store) if progress else quiet_reporter(session.store),
        retry_quarantined=retry_quarantined,
        shards=None if part is None else part.shards(commit.committed(session.store, IMAGES)),
    )


def write_round(session: Session, number: int) -> FilterReport:
    """Fuse, filter and write a round where it is not up to date."""
    settle_gold(session, number)
    agreed = settle_agreement(session, number)
    before = tally_round(session.store, number)[1]
    plan = session.plan(number)
    done = refilter(session.store, plan, session.skipped(), _processes())
    scores = _scores(session, plan, agreed)
    return FilterReport(number, done.images, before, done.tally, done.written, done.unchanged, scores=scores)


def _scores(session: Session, plan: RoundPlan, agreed: AnnotatorCalibration | None) -> str:
    """What the scores of a round are, in sentences. agreed: what `settle_agreement` found."""
    counts, regions = plan.calibration, plan.filters.region
    said = []
    if counts is None and agreed is not None:
        said.append(f"Scores are the annotators' own: {'; '.join(agreed.reasons.values())}.")
    if plan.fuse.calibrate == "auto":
        said.append(told(session.store, counts, plan.annotators))
    if counts is not None and "object" in counts.kinds and regions.min_score is None:
        least = f"Boxes stay from {regions.probable} on"
        said.append(f"{least}: set filters.region.min_score before you train (`fld eval`).")
    return " ".join(sentence for sentence in said if sentence)


def _also_reset(corpus: Location, config: Config | Location | None, settings: Changes, keys: Sequence[str]) -> Changes:
    """The changes, and before them those that undo earlier ones."""
    if not keys:
        return settings
    undone = reset_values(load(config, (), open_store(str(corpus))), keys)
    if isinstance(settings, Mapping):
        return {**undone, **settings}
    return [*(f"{key}={json.dumps(value)}" for key, value in undone.items()), *settings]


def _build(session: Session) -> None:
    """Every specialist, key and filter of the user's own, once, so that what is not there is known at once."""
    session.plan(0)
    session.config.filters.facts()
    if not commit.committed(session.store, IMAGES):  # a corpus with images may need no answer any more
        check_secrets(session.columns(0), session.config.engine)


def _processes() -> int:
    return os.cpu_count() or 1


def _images(tally: Tally) -> ImageCounts:
    """What a tally says of the images: each has one row."""
    outcomes = {rule: count for (type_, rule), count in tally.items() if type_ == "image"}
    read, kept, failed = sum(outcomes.values()), outcomes.get("kept", 0), outcomes.get("image.failed", 0)
    return ImageCounts(read, kept, read - kept - failed, failed)
