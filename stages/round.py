"""One shard of a round: image rows and raw columns in, records and index rows out. No model, no Ray.

    plan = RoundPlan(0, (Voter("ocr", "reader", "3fa9c1"),), FuseSettings(), FilterSettings())
    write_shard(store, "000000", plan, skipped={}, parser=parser)    rounds/00/shards/000000.tar, index/000000.parquet

Every image of the shard has one outcome: kept (a record), dropped (a duplicate, or left empty where the settings say
so) or failed (at ingest, or at every annotator), and one row of type "image" in the index that says so. Every finding
has a row too, in the order of the columns. What one annotator could not say is missing from the record, which names it
(stages/fuse/missing.py). `shard_fingerprint` covers all that goes in, so that a finished shard is left
alone and a changed threshold, annotator or input rewrites exactly what it touches.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import msgspec

from filters.confidence import settled
from filters.parser import ParsedText
from filters.settings import FilterSettings
from filters.verdict import KEPT, Verdict
from shards import commit
from shards.commit import ImageCounts, Manifest
from shards.finding import GIVEN, REVIEWER, Caption, Finding
from shards.images import ImageRow, read_image, read_image_rows
from shards.layout import IMAGES, raw_folder
from shards.originals import OriginalsPolicy
from shards.raw import RawRow, read_raw
from shards.record import Missing, Record
from shards.reviews import Review
from shards.rounds import IndexRow, write_round_shard
from shards.store import Store
from stages.calibrate.consensus import AnnotatorCalibration
from stages.fuse.corrections import FORMAT as REVIEW_FORMAT
from stages.fuse.corrections import REJECT, Corrections
from stages.fuse.custom import JudgedRecord, apply_custom
from stages.fuse.image import Rules, build_image, drop_all
from stages.fuse.ledger import Voter
from stages.fuse.missing import image_failure, may_lack, missing_of, with_missing
from stages.fuse.settings import LEARNED, FuseSettings

FORMAT = 3
"""Part of every fingerprint: raised when this code builds other records from the same input."""
CONSENSUS_FORMAT = 2
"""The same for records that a calibration decides about."""


class Skip(NamedTuple):
    """Why an image is not to be in the corpus (`stages.ingest` finds duplicates): a verdict before any annotator."""

    rule: str
    value: float | None = None
    threshold: float | None = None


Skipped = Mapping[str, Skip]
"""Key of an image that is left out -> why."""


class TextParser(Protocol):
    """What is needed of `filters.parser.Parser`: loaded, and read texts."""

    def parse(self, texts: list[str]) -> list[ParsedText]: ...
    def fingerprint(self) -> dict[str, str]: ...


@dataclass(frozen=True)
class RoundPlan:
    """What a round is made of. `annotators`: those whose raw columns are fused, in the order of the config; what came
    with the images joins them by itself. calibration: what their scores are worth, where that is known. originals:
    whether the pictures are written, too."""

    number: int
    annotators: tuple[Voter, ...]
    fuse: FuseSettings
    filters: FilterSettings
    calibration: AnnotatorCalibration | None = None
    originals: OriginalsPolicy = "copy"

    def __post_init__(self) -> None:
        names = [annotator.name for annotator in self.annotators]
        if {GIVEN, REVIEWER} & {*names} or len(set(names)) != len(names):
            raise ValueError(
                f"annotators must have different names, none of them {GIVEN!r} or {REVIEWER!r}, got {names}"
            )
        if unknown := sorted(set(self.fuse.trust) - {*names, GIVEN, *LEARNED}):
            raise ValueError(f"fuse.trust names {unknown}, which are no annotators: use {', '.join(names) or 'none'}")

    def rules(self) -> Rules:
        """The rules of each image; people are first, as their boxes win."""
        people = (Voter(REVIEWER, "reviewer", REVIEWER), Voter(GIVEN, "given", GIVEN))
        return Rules(self.fuse, self.filters, (*people, *self.annotators), self.calibration)


class ImageOutcome(NamedTuple):
    """What became of one image. `rows`: its row of type "image", then one row per finding."""

    key: str
    status: Literal["kept", "dropped", "failed"]
    reason: str
    record: Record | None
    rows: list[IndexRow]


def build_shard(
    rows: Sequence[ImageRow],
    columns: Mapping[str, Mapping[str, RawRow]],
    plan: RoundPlan,
    skipped: Skipped,
    parser: TextParser,
    reviews: Sequence[Review] = (),
) -> list[ImageOutcome]:
    """One outcome per image row, same order. `columns`: annotator name -> key -> what it said. reviews: what people
    corrected about any of them.

    An annotated image must be in every column; a column without it raises ConservationError."""
    rules = plan.rules()
    findings = {row.key: _findings(row, columns, plan) for row in rows}
    parsed = _parsed(list(findings.values()), parser)
    outcomes = []
    missing: dict[str, list[Missing]] = {}
    corrected: dict[str, list[Review]] = {}
    for review in reviews:
        corrected.setdefault(review.key, []).append(review)
    for row in rows:
        raws = {voter.name: columns[voter.name].get(row.key) for voter in plan.annotators}
        skip, own = skipped.get(row.key), corrected.get(row.key, [])
        failure = image_failure(row, raws, plan.annotators, plan.fuse, is_skipped=skip is not None)
        if not failure and skip is None:
            missing[row.key] = missing_of(raws, plan.annotators)
        heard = rules.without({gap.annotator for gap in missing.get(row.key, ())})
        outcomes.append(_outcome(row, findings[row.key], heard, parsed, plan, skip, failure, own))
    outcomes = _custom(rows, outcomes, plan) if plan.filters.custom else outcomes
    return [_named(outcome, missing.get(outcome.key, [])) for outcome in outcomes]


def read_shard(store: Store, shard: str, plan: RoundPlan) -> tuple[list[ImageRow], dict[str, dict[str, RawRow]]]:
    """The rows and columns of a shard. Raises FileNotFoundError if a column is not finished, DamageError if a table is
    not the one that was written."""
    for folder in (IMAGES, *(raw_folder(voter.name, voter.fingerprint) for voter in plan.annotators)):
        commit.check_file(store, folder, shard, f"{shard}.parquet")
    columns = {
        voter.name: {row.key: row for row in read_raw(store, voter.name, voter.fingerprint, shard)}
        for voter in plan.annotators
    }
    return read_image_rows(store, shard), columns


def write_shard(
    store: Store,
    shard: str,
    plan: RoundPlan,
    skipped: Skipped,
    parser: TextParser,
    reviews: Sequence[Review] = (),
) -> Manifest:
    """Build one shard of the round and commit it, with what it was made of as its fingerprint. reviews: of
    the shard."""
    rows, columns = read_shard(store, shard, plan)
    outcomes = build_shard(rows, columns, plan, skipped, parser, reviews)
    places = {row.key: row for row in rows}

    def samples() -> Iterator[tuple[Record, str, bytes]]:
        for outcome in outcomes:
            if outcome.record is not None:
                row = places[outcome.key]
                yield outcome.record, row.ext, read_image(store, shard, row) if plan.originals == "copy" else b""

    index = [row for outcome in outcomes for row in outcome.rows]
    fingerprint = shard_fingerprint(store, shard, plan, skipped, parser, reviews)
    return write_round_shard(store, plan.number, shard, samples(), index, counts(outcomes), fingerprint, plan.originals)


def counts(outcomes: Sequence[ImageOutcome]) -> ImageCounts:
    """How many images were kept, dropped and failed."""
    statuses = [outcome.status for outcome in outcomes]
    return ImageCounts(len(statuses), statuses.count("kept"), statuses.count("dropped"), statuses.count("failed"))


def round_fingerprint(plan: RoundPlan, parser: TextParser) -> str:
    """A hash of everything that decides about every shard: columns, settings, parser, this code's format."""
    facts = {
        "format": FORMAT,
        "round": plan.number,
        "annotators": [[voter.name, voter.role, voter.fingerprint, voter.round] for voter in plan.annotators],
        "fuse": _fuse_facts(plan),
        "filters": {name: fact for name, fact in _filters(plan).facts().items() if name != "parser"},
        "parser": parser.fingerprint(),
        **_calibration_facts(plan),
        **_worth_facts(plan),
        **({} if plan.originals == "copy" else {"originals": plan.originals}),
    }
    return _hash(facts)


def _fuse_facts(plan: RoundPlan) -> dict[str, object]:
    """The settings with what they stand for where they were left open. That scores may be calibrated is no fact, that
    they are is one; so is what becomes of failures only where there are some (`unit_fingerprint`)."""
    joins_above = plan.fuse.joins_above(plan.calibration is not None)
    facts = plan.fuse.facts() | {"box_iou": joins_above}
    return {name: fact for name, fact in facts.items() if name != "calibrate"}


def _filters(plan: RoundPlan) -> FilterSettings:
    """With the threshold of scores where it was left open; of probabilities `CONSENSUS_FORMAT` holds what it is."""
    knows = {} if plan.calibration is None else plan.calibration.kinds
    update = {} if plan.calibration is not None else {"region": settled(plan.filters.region)}
    words = {} if "ocr" in knows else {"ocr": settled(plan.filters.ocr)}
    return plan.filters.model_copy(update={**update, **words})


def _calibration_facts(plan: RoundPlan) -> dict[str, object]:
    """None without one: such a round is what it was before there were any."""
    if plan.calibration is None:
        return {}
    return {"calibration": msgspec.to_builtins(plan.calibration), "consensus_format": CONSENSUS_FORMAT}


def _worth_facts(plan: RoundPlan) -> dict[str, object]:
    """Of the loop's models; a round without any is what it was before there were."""
    worths = {voter.name: voter.worth.facts() for voter in plan.annotators if voter.worth is not None}
    return {"worths": worths} if worths else {}


def shard_fingerprint(
    store: Store, shard: str, plan: RoundPlan, skipped: Skipped, parser: TextParser, reviews: Sequence[Review] = ()
) -> str:
    """`round_fingerprint`, its reviews, and the content of the shard's image and raw units: a column whose
    quarantined images were rerun keeps its name but not its content. Raises FileNotFoundError if a unit is not
    finished."""
    units = [IMAGES, *(raw_folder(voter.name, voter.fingerprint) for voter in plan.annotators)]
    manifests = {folder: commit.find(store, folder, shard) for folder in units}
    if missing := [folder for folder, manifest in manifests.items() if manifest is None]:
        raise FileNotFoundError(f"shard {shard} is not finished in {', '.join(missing)}: run `fld annotate`")
    own = {row.key for row in read_image_rows(store, shard)} if skipped else set()
    mine = {key: rule for key, rule in skipped.items() if key in own}
    units_done = [manifest for manifest in manifests.values() if manifest]
    return unit_fingerprint(plan, round_fingerprint(plan, parser), units_done, mine, reviews)


def unit_fingerprint(
    plan: RoundPlan, round_hash: str, inputs: Sequence[Manifest], skipped: Skipped, reviews: Sequence[Review] = ()
) -> str:
    """The fingerprint of one shard from that of its round and the manifests of what goes in, images first, then one
    per annotator (for callers that list all manifests of a folder at once). `skipped`, reviews: of this shard only;
    a shard without reviews is what it was before there were any, and so is one on which no annotator failed."""
    contents = [
        [[path, entry.bytes, entry.crc32] for path, entry in sorted(manifest.files.items())] for manifest in inputs
    ]
    facts: dict[str, object] = {"round": round_hash, "inputs": contents, "skipped": sorted(skipped.items())}
    if reviews:
        facts["reviews"] = [REVIEW_FORMAT, *([review.key, *review.effect] for review in reviews)]
    if may_lack(plan.annotators, inputs[1:], plan.fuse):
        facts["failed_annotator"] = "keep"
    return _hash(facts)


def _findings(row: ImageRow, columns: Mapping[str, Mapping[str, RawRow]], plan: RoundPlan) -> dict[str, list[Finding]]:
    findings = {GIVEN: row.given}
    for annotator in plan.annotators:
        if (raw := columns[annotator.name].get(row.key)) is not None:
            findings[annotator.name] = raw.findings
    return findings


def _parsed(images: list[dict[str, list[Finding]]], parser: TextParser) -> dict[str, ParsedText]:
    """Every text about a whole image, read once: spaCy is fastest with many at a time."""
    texts = {
        finding.text: None
        for by_annotator in images
        for findings in by_annotator.values()
        for finding in findings
        if isinstance(finding, Caption) and not finding.about
    }
    return dict(zip(texts, parser.parse(list(texts)), strict=True)) if texts else {}


def _outcome(
    row: ImageRow,
    findings: dict[str, list[Finding]],
    rules: Rules,
    parsed: Mapping[str, ParsedText],
    plan: RoundPlan,
    skip: Skip | None,
    failure: str,
    reviews: Sequence[Review],
) -> ImageOutcome:
    if failure:
        return _without_record(row, findings, rules, "failed", Verdict(False, "image.failed"), failure, reviews)
    if skip is None and Corrections(reviews).is_image_rejected:
        skip = Skip(REJECT.rule)
    if skip is None and (count := sum(map(len, findings.values()))) > plan.fuse.max_findings:
        skip = Skip("fuse.max_findings", count, plan.fuse.max_findings)
    if skip is not None:
        return _without_record(row, findings, rules, "dropped", Verdict(False, *skip), skip.rule, reviews)
    return _finished(row, *build_image(row, findings, rules, parsed, plan.number, reviews), plan)


def _custom(rows: Sequence[ImageRow], outcomes: Sequence[ImageOutcome], plan: RoundPlan) -> list[ImageOutcome]:
    """The outcomes without what the user's own filters drop."""
    records = {
        outcome.key: JudgedRecord(outcome.record, outcome.rows[1:])
        for outcome in outcomes
        if outcome.record is not None
    }
    judged = dict(zip(records, apply_custom(list(records.values()), plan.filters.custom), strict=True))
    left = []
    for row, outcome in zip(rows, outcomes, strict=True):
        now = judged.get(outcome.key)
        if now is None:
            left.append(outcome)
        elif now.verdict.kept:
            left.append(_finished(row, now.record, now.rows, plan))
        else:
            reason = now.verdict.rule
            left.append(
                ImageOutcome(row.key, "dropped", reason, None, [_image_row(row, now.verdict, reason), *now.rows])
            )
    return left


def _finished(row: ImageRow, record: Record, index: list[IndexRow], plan: RoundPlan) -> ImageOutcome:
    """Kept, unless nothing is left and the settings want no empty images."""
    empty = not (record.texts or record.regions or record.groundings)
    if empty and plan.fuse.empty_images == "drop":
        verdict = Verdict(False, "fuse.empty_image")
        return ImageOutcome(row.key, "dropped", verdict.rule, None, [_image_row(row, verdict, verdict.rule), *index])
    return ImageOutcome(row.key, "kept", "", record, [_image_row(row, KEPT, ""), *index])


def _named(outcome: ImageOutcome, missing: list[Missing]) -> ImageOutcome:
    """The outcome with those who could not speak in its record and its rows."""
    if outcome.record is None or not missing:
        return outcome
    record, row = with_missing(outcome.record, missing)
    return outcome._replace(record=record, rows=[outcome.rows[0], row, *outcome.rows[1:]])


def _without_record(
    row: ImageRow,
    findings: dict[str, list[Finding]],
    rules: Rules,
    status: Literal["dropped", "failed"],
    verdict: Verdict,
    reason: str,
    reviews: Sequence[Review],
) -> ImageOutcome:
    index = drop_all(row, findings, rules, verdict, reviews)
    return ImageOutcome(row.key, status, reason, None, [_image_row(row, verdict, reason), *index])


def _image_row(row: ImageRow, verdict: Verdict, reason: str) -> IndexRow:
    return IndexRow(
        key=row.key,
        id="",
        type="image",
        text=reason,
        kept=verdict.kept,
        rule=verdict.rule,
        value=verdict.value,
        threshold=verdict.threshold,
    )


def _hash(facts: object) -> str:
    return hashlib.sha256(msgspec.json.encode(facts, order="deterministic")).hexdigest()[:16]
