"""The promotion gate of `fld loop`: candidate and previous model annotate the held-out images.

Comes in: an open corpus whose round 0 is written, and both models as columns, their scores not mapped. Goes out: a
`ModelCalibration` of the candidate's scores, published as `rounds/NN/model/calibration.json`, then a `Promotion`, as
`rounds/NN/promotion.json`. The labels of both, each with its scores calibrated on these images, go through the filters
of the corpus, without anybody else's, and are compared with gold where it is given, otherwise with round 0, the
consensus of the specialists. Nobody ever trains on these images (`stages.held_out`). A verdict that was reached under
the same conditions is read, not reached again.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import nsmallest
from pathlib import Path
from typing import NamedTuple

import msgspec

from engine.corpus.promotions import CONSENSUS, is_calibrated, read_promotion, save_model_calibration, save_promotion
from engine.corpus.session import Session
from engine.corpus.sparse import sparse_levels, teachers
from engine.runtime.annotate import annotate
from engine.runtime.backend import StartError
from engine.runtime.column import Column
from engine.runtime.faults import Failure, FailureBudgetError
from engine.runtime.progress_view import open_reporter
from engine.runtime.refilter import loaded_parser
from shards import commit
from shards.finding import Finding, Granularity
from shards.images import ImageRow, read_image_rows
from shards.layout import round_folder
from shards.raw import RawRow, read_raw
from shards.reader import Corpus
from shards.record import Record
from stages.annotate.subset import Subset, read_subset
from stages.calibrate.worth import mapped
from stages.evaluate.gold import gold_of
from stages.evaluate.measures import MeasureName
from stages.fuse.ledger import Voter
from stages.fuse.settings import GENERALIST, STUDENT
from stages.gate.alone import filtered_alone, filtered_records
from stages.gate.calibration import VERSION, ModelCalibration, calibrate_model
from stages.gate.decide import GateVerdict, Promotion, decide
from stages.gate.pairs import pairs
from stages.gate.settings import GateSettings
from stages.held_out import held_out_order, is_held_out
from stages.incomplete import unknown

_TEXTS: dict[Granularity, MeasureName] = {
    "brief": "texts/brief", "detailed": "texts/detailed", "more_detailed": "texts/more_detailed"
}  # fmt: skip
COLUMN = "gate"
"""The raw column of what models say of the held-out images."""


@dataclass(frozen=True)
class HeldOut:
    """A held-out image and the shard that it is in."""

    shard: str
    row: ImageRow


@dataclass(frozen=True)
class ModelRecords:
    """The records that a model makes by itself, under its calibration."""

    records: list[Record]
    calibration: ModelCalibration


class _Measured(NamedTuple):
    """What models are measured on. others: what everybody else found there; references: what is right, by
    `reference`."""

    session: Session
    held_out: Sequence[HeldOut]
    others: Mapping[str, Sequence[Finding]]
    references: Sequence[Record]
    reference: str


def gate(session: Session, number: int, candidate: Column, previous: Column | None, gold: str | None) -> Promotion:
    """The verdict on the model that was trained on round `number`. gold: a gold file, None for the consensus.

    Raises StartError if the previous model cannot be loaded; a candidate that cannot is refused."""
    held_out = held_out_images(session, _judging(session, candidate.name, gold))
    conditions = _conditions(session, candidate, previous, gold, held_out)
    learner = candidate.name
    promotion = read_promotion(session.store, number, learner)
    is_same = promotion is not None and promotion.conditions == conditions
    if promotion is not None and is_same and not promotion.promoted:
        return promotion
    if promotion is not None and is_same and is_calibrated(session.store, number, conditions, learner):
        return promotion
    measured = _Measured(
        session, held_out, _others(session, held_out), _references(session, held_out, gold), gold or CONSENSUS
    )
    before = None if previous is None else _judged(measured, previous)
    if isinstance(before, Failure):
        raise StartError(f"the model that the candidate was trained from does not run: {before.error}")
    now = _judged(measured, candidate)
    if isinstance(now, Failure):
        verdict = GateVerdict(False, f"the candidate does not run: {now.error}")
    else:
        save_model_calibration(session.store, number, now.calibration, conditions, learner)
        old = None if before is None else before.records
        verdict = decide(now.records, old, measured.references, _watched(session, learner))
    promotion = Promotion(
        verdict.promoted,
        verdict.reason,
        candidate.fingerprint,
        "" if previous is None else previous.fingerprint,
        measured.reference,
        len(measured.references),
        verdict.measures,
        conditions,
    )
    save_promotion(session.store, number, promotion, learner)
    return promotion


def _watched(session: Session, learner: str) -> GateSettings:
    """A student says nothing but boxes, a model of few texts nothing but these, and the generalist leaves them out."""
    settings, annotators = session.config.loop.gate, session.config.annotators
    few = [_TEXTS[level] for level in sparse_levels(annotators)]
    watched = [name for name in settings.watched if name not in few]
    if learner == STUDENT:
        watched = ["boxes"]
    elif (teacher := teachers(annotators).get(learner)) is not None:
        watched = [_TEXTS[level] for level in teacher.granularities]
    return settings.model_copy(update={"watched": watched})


def _judging(session: Session, learner: str, gold: str | None) -> Subset | None:
    """The images that can judge a model of few texts: those that its teacher wrote about, or any that gold knows."""
    teacher = teachers(session.config.annotators).get(learner)
    return None if teacher is None or gold is not None else read_subset(teacher.subset)


def held_out_images(session: Session, subset: Subset | None = None) -> list[HeldOut]:
    """The held-out images of the corpus that ingest accepted, at most `loop.gate.images`, always the same ones; of a
    subset only."""
    skipped = {key for shard in session.skipped().values() for key in shard}
    share = session.config.loop.retrain.held_out
    images = (
        HeldOut(shard, row)
        for shard, row in Corpus(session.store).image_rows()
        if row.status == "ok"
        and row.key not in skipped
        and is_held_out(row.sha256, share)
        and (subset is None or subset.has(row))
    )
    return nsmallest(session.config.loop.gate.images, images, key=lambda image: held_out_order(image.row.sha256))


def check_gold(session: Session, gold: str) -> None:
    """Raise now what `gate` would raise after a training: gold that cannot be read, or knows no held-out image."""
    _references(session, held_out_images(session), gold)


def _references(session: Session, held_out: Sequence[HeldOut], gold: str | None) -> list[Record]:
    """What the labels are compared with: gold, or the records of round 0 that may be taken at their word."""
    rows = [image.row for image in held_out]
    if not rows:
        return []
    if gold is not None:
        return gold_of(gold, rows, session.config.ingest, None).records
    first, keys = Corpus(session.store).round(0), {row.key for row in rows}
    shards = sorted({image.shard for image in held_out})
    records = (record for shard in shards for record in first.records(shard))
    return [record for record in records if record.key in keys and not unknown(record)]


def _others(session: Session, held_out: Sequence[HeldOut]) -> dict[str, list[Finding]]:
    """What came with the held-out images and what the annotators found that support a box, by key."""
    findings = {image.row.key: list(image.row.given) for image in held_out}
    names = {*session.witnesses()}
    witnesses = [column for column in session.columns(0) if column.name in names]
    for shard in sorted({image.shard for image in held_out}):
        for column in witnesses:
            for row in read_raw(session.store, column.name, column.fingerprint, shard):
                if row.key in findings:
                    findings[row.key] += row.findings
    return findings


def _judged(measured: _Measured, model: Column) -> ModelRecords | Failure:
    """A model's records with its scores calibrated. A Failure if it cannot be loaded, or fails on all images."""
    session, held_out, others, references, reference = measured
    answers = _answers(session, model, held_out)
    if isinstance(answers, Failure):
        return answers
    hashes = {image.row.key: image.row.sha256 for image in held_out}
    findings = {key: row.findings for key, row in answers.items()}
    scored = pairs(findings, others, references, hashes, session.config.fuse.normal_synonyms)
    calibration = calibrate_model(scored, reference, len(references))
    lines = calibration.lines
    calibrated = {
        key: msgspec.structs.replace(row, findings=mapped(row.findings, lines)) for key, row in answers.items()
    }
    plan = filtered_alone(session.plan(0), Voter(model.name, GENERALIST, model.fingerprint))
    rows = [image.row for image in held_out]
    return ModelRecords(filtered_records(rows, calibrated, plan, loaded_parser(plan.filters.parser)), calibration)


def _answers(session: Session, model: Column, held_out: Sequence[HeldOut]) -> dict[str, RawRow] | Failure:
    """What a model by itself says of the images, by key. A Failure if it cannot be loaded, or fails on all.

    It is one more column, `raw/gate-<fingerprint>`, with rows of these images alone: with the deadlines, the isolation
    and the GPU shares of any annotator, and not run again for the next candidate's comparison."""
    column = replace(model, name=COLUMN, needs=())
    keys, shards = {image.row.key for image in held_out}, sorted({image.shard for image in held_out})
    rows = (row for shard in shards for row in read_image_rows(session.store, shard))
    skip = {row.key: "not held out" for row in rows if row.status == "ok" and row.key not in keys}
    # How many images a candidate may fail on is the verdict's business: what it says nothing about, it loses.
    engine = session.config.engine.model_copy(update={"failure_budget": 1.0})
    try:
        annotate(session.store, [column], skip, engine, open_reporter(session.store), shards=shards)
    except (StartError, FailureBudgetError) as error:
        return Failure("error", str(error))
    answers = {
        row.key: row
        for shard in shards
        for row in read_raw(session.store, column.name, column.fingerprint, shard)
        if row.key in keys
    }
    if answers and all(row.status == "failed" for row in answers.values()):
        return Failure("error", next(iter(answers.values())).error)
    return answers


def _conditions(
    session: Session, candidate: Column, previous: Column | None, gold: str | None, held_out: Sequence[HeldOut]
) -> str:
    """A hash of all that the verdict depends on."""
    config = session.config
    if gold is None:
        done = commit.committed(session.store, round_folder(0))
        reference = {shard: manifest.fingerprint for shard, manifest in done.items()}
    else:
        reference = {"gold": hashlib.sha256(Path(gold).read_bytes()).hexdigest()} if Path(gold).is_file() else {}
    facts = {
        "candidate": candidate.fingerprint,
        "previous": None if previous is None else previous.fingerprint,
        "reference": reference,
        "others": {column.name: column.fingerprint for column in session.columns(0)},
        "images": [image.row.sha256 for image in held_out],
        "gate": config.loop.gate.model_dump(mode="json"),
        "fuse": config.fuse.facts(),
        "filters": config.filters.facts(),
        "calibration": VERSION,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
