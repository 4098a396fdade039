"""What annotators' scores are worth, found and kept: `calibration/` of a corpus (engine/corpus/calibrations.py).

    calibrate("corpus", gold="gold.json")     learned from the images that have gold
    calibrate("corpus")                       by agreement, as every round does it by itself where two detectors are

Comes in: a corpus whose columns are finished. Goes out: an `AnnotatorCalibration`, kept, and rounds that exist are
written again with it. No model runs.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from engine.api.reports import Changes, Location
from engine.config.config import Config
from engine.config.config_text import ConfigError
from engine.corpus.calibrations import (
    GOLD,
    VERSION,
    agreement_name,
    gold_name,
    gold_names,
    remove_calibration,
    remove_unusable,
    save_calibration,
    stored,
)
from engine.corpus.session import Session, opened
from engine.runtime.refilter import inputs
from filters.region import ShapeSettings
from shards import commit
from shards.errors import DamageError
from shards.finding import GIVEN, Detection, Finding
from shards.images import ImageRow, read_image_rows
from shards.layout import IMAGES
from shards.raw import RawRow, read_raw
from shards.reader import Corpus
from shards.record import Record
from stages.calibrate.consensus import AnnotatorCalibration, Consensus
from stages.calibrate.platt import LEAST_SLOPE
from stages.evaluate.calibrating import (
    ANY_OVERLAP,
    KINDS,
    Overlaps,
    calibrated_by_agreement,
    calibrated_by_gold,
)
from stages.evaluate.calibrating_remarks import Spoken
from stages.evaluate.gold import gold_of, labels_looked_for
from stages.fuse.boxes import compared
from stages.fuse.heard import heard
from stages.fuse.ledger import Statement, Voter, statements
from stages.fuse.phrases import speaker
from stages.fuse.settings import LEARNED, FuseSettings
from stages.round import RoundPlan

MOST_IMAGES = 5000
"""Agreement is read from at most about this many images, in whole shards spread over the corpus."""
_GIVEN = Voter(GIVEN, "given", GIVEN)
_NAMED = 5


@dataclass(frozen=True)
class CalibrateReport:
    """What was found. name: under which it is kept, "" if there is nothing to keep, for the reasons. unjudged: labels
    that gold's categories lack, and how many boxes were called so."""

    name: str
    calibration: AnnotatorCalibration
    unjudged: Mapping[str, int] = field(default_factory=dict)

    @property
    def lines(self) -> list[str]:
        """For people: an annotator each, and what could not be found."""
        worths = [
            f"{kind} {name}: {_worth(consensus, name)}"
            for kind, consensus in self.calibration.kinds.items()
            for name in consensus.voices
        ]
        whys = [f"{kind}: as they are; {why}" for kind, why in self.calibration.reasons.items()]
        if self.unjudged:
            most = sorted(self.unjudged.items(), key=lambda each: -each[1])
            named = [f"{label} ({count:,})" for label, count in most[:_NAMED]] + ["..."] * (len(most) > _NAMED)
            whys.append(f"not judged, since gold's categories lack the label: {', '.join(named)}")
        return [*worths, *whys]


def calibrate(
    corpus: Location,
    gold: Location | None = None,
    config: Config | Location | None = None,
    settings: Changes = (),
    *,
    round: int = 0,
) -> CalibrateReport:
    """Learn from gold what the annotators of a round are worth, or by their agreement, and keep it.

    A calibration from gold counts in every round, before any by agreement; without `gold` it is forgotten. Rounds are
    not written: `filter` does that. Raises ConfigError where gold is too little or there is nobody to agree."""
    with opened(str(corpus), config, settings) as session:
        if session.config.fuse.calibrate == "off":
            raise ConfigError("fuse.calibrate is off: a calibration would not count; set it to auto")
        for name in (*gold_names(session.store), agreement_name(round)):
            remove_unusable(session.store, name)
        if gold is not None:
            report = _from_gold(session, round, str(gold))
        else:
            for name in gold_names(session.store):
                remove_calibration(session.store, name)
            report = CalibrateReport(
                agreement_name(round), by_agreement(session, round, _participants(session, round, is_asked_for=True))
            )
        if not report.calibration.kinds:
            raise ConfigError("; ".join(f"{kind}: {why}" for kind, why in report.calibration.reasons.items()))
        for name in gold_names(session.store):
            if name != GOLD:
                remove_calibration(session.store, name)  # of an earlier GOLD, and made again with the round
        save_calibration(session.store, report.name, report.calibration)
        return report


def settle_gold(session: Session, number: int) -> CalibrateReport | None:
    """Before a round is written: where a calibration from gold is wanted, and those there are of other columns,
    learn this round's from `loop.gold`. The loop's model is a new one in every round, and what the gold said of the
    last one would be lost.

    Returns it; None where nothing was to be made."""
    path = session.config.loop.gold
    if session.config.fuse.calibrate == "off" or path is None or not Path(path).is_file():
        return None
    remove_unusable(session.store, gold_name(number), DamageError)
    plan, names = session.plan(number), gold_names(session.store)
    if not names or (plan.calibration is not None and plan.calibration.reference == "gold"):
        return None
    report = replace(_from_gold(session, number, path), name=gold_name(number))
    if report.calibration.kinds:
        save_calibration(session.store, report.name, report.calibration)
    return report


def settle_agreement(session: Session, number: int) -> AnnotatorCalibration | None:
    """Before a round is written: make its calibration by agreement where two annotators can agree and nothing better is
    there. One that is there stays until the corpus is twice as large: all shards would be written again for it.

    Returns what was looked for; None where nothing was to be made."""
    if session.config.fuse.calibrate == "off":
        return None
    remove_unusable(session.store, agreement_name(number), DamageError)
    plan = session.plan(number)
    participants = _participants(session, number)
    if len(participants) < 2 or (plan.calibration is not None and plan.calibration.reference == "gold"):
        return None
    calibration, name = stored(session.store, agreement_name(number)), agreement_name(number)
    present = sum(manifest.counts.kept for manifest in commit.committed(session.store, IMAGES).values())
    is_same = calibration is not None and calibration.fingerprint == _conditions(plan, participants)
    if calibration is not None and is_same and 2 * calibration.images >= min(present, MOST_IMAGES):
        return calibration
    made = by_agreement(session, number, participants)
    if made.kinds:
        save_calibration(session.store, name, made)
    else:
        remove_calibration(session.store, name)
    return made


def by_agreement(session: Session, number: int, participants: Sequence[Voter]) -> AnnotatorCalibration:
    """What the annotators of a round are worth, by what they bear out of each other; without kinds where nothing can be
    said, for the reason."""
    plan = session.plan(number)
    names = [voter.name for voter in participants]
    if len(names) < 2:
        consensus: Consensus | str = (
            f"{' and '.join(names) or 'nobody'} cannot agree with anybody: two annotators must find boxes;"
            " with labels that you trust: fld calibrate CORPUS --gold GOLD"
        )
        images: list[Spoken] = []
    else:
        images = [spoken for _, spoken in _spoken(session, plan, participants, {}, MOST_IMAGES)]
        consensus = calibrated_by_agreement(images, plan.fuse, names)
    columns = {voter.name: voter.content for voter in participants if voter.name != GIVEN}
    return _calibration("agreement", len(images), {"object": consensus}, columns, _conditions(plan, participants))


def _from_gold(session: Session, number: int, path: str) -> CalibrateReport:
    plan = session.plan(number)
    rows = (row for _, row in Corpus(session.store).image_rows() if row.status == "ok")
    gold = gold_of(path, rows, session.config.ingest, None)
    voices = (_GIVEN, *plan.annotators)
    by_key = {record.key: record for record in gold.records}
    labels, unjudged = labels_looked_for(path), Counter[str]()
    images = [
        spoken._replace(stated=_judged(spoken.stated, labels, plan.fuse, unjudged))
        for _, spoken in _spoken(session, plan, voices, by_key, None)
    ]
    boxes: dict[str, ShapeSettings] = {"object": plan.filters.region, "ocr": plan.filters.ocr}
    overlaps = {kind: Overlaps(rules.nms_iou, rules.nms_iou_any_label) for kind, rules in boxes.items()}
    by_kind: dict[str, Consensus | str] = {
        kind: calibrated_by_gold(images, plan.fuse, kind, overlaps.get(kind, ANY_OVERLAP)) for kind in KINDS
    }
    known = {
        speaker(name) for consensus in by_kind.values() if not isinstance(consensus, str) for name in consensus.voices
    }
    columns = {voter.name: voter.content for voter in plan.annotators if voter.name in known}
    conditions = _hash([path, VERSION, sorted(columns.items()), _fuse_facts(plan), sorted(overlaps.items())])
    return CalibrateReport(GOLD, _calibration("gold", len(images), by_kind, columns, conditions), unjudged)


def _judged(
    stated: Sequence[Statement[Finding]], labels: Sequence[str] | None, fuse: FuseSettings, unjudged: Counter[str]
) -> list[Statement[Finding]]:
    """Without boxes of a label that nobody looked for when the gold was made: they may be right."""
    if labels is None:
        return list(stated)
    known = {compared(label, fuse) for label in labels}
    judged = []
    for statement in stated:
        finding = statement.finding
        if isinstance(finding, Detection) and finding.text and compared(finding.text, fuse) not in known:
            unjudged[finding.text] += 1
        else:
            judged.append(statement)
    return judged


def _calibration(
    reference: str, images: int, by_kind: Mapping[str, Consensus | str], columns: dict[str, str], conditions: str
) -> AnnotatorCalibration:
    kinds = {kind: consensus for kind, consensus in by_kind.items() if not isinstance(consensus, str)}
    reasons = {kind: consensus for kind, consensus in by_kind.items() if isinstance(consensus, str)}
    return AnnotatorCalibration(VERSION, reference, images, kinds, columns, conditions, reasons)


def _participants(session: Session, number: int, *, is_asked_for: bool = False) -> list[Voter]:
    """Who can agree on boxes: the detectors, and beside two of them the loop's own models, and people where the
    settings let them be judged. A model of the loop is no second witness to a single detector: it learned from it.

    wanted: somebody asked for it; then people and one other are enough."""
    plan = session.plan(number)
    learned = [voter for voter in plan.annotators if voter.name in LEARNED]
    detectors = [voter for voter in plan.annotators if voter.role == "detector" and voter.name not in LEARNED]
    people = [_GIVEN] if plan.fuse.given == "filter" else []
    if len(detectors) >= 2 or (is_asked_for and people):
        return [*people, *detectors, *learned]
    return detectors


def _spoken(
    session: Session,
    plan: RoundPlan,
    voices: Sequence[Voter],
    gold: Mapping[str, Record],
    most: int | None,
) -> Iterator[tuple[str, Spoken]]:
    """Key and what was said, of every image that was annotated; with gold only of those that have it."""
    images = commit.committed(session.store, IMAGES)
    asked = plan.annotators if any(voter.worth for voter in voices) else voices  # a worth depends on all the others
    needed = replace(plan, annotators=tuple(voter for voter in asked if voter.name != GIVEN), calibration=None)
    inputs(session.store, needed, images)  # says at once what is missing
    for shard in _spread({shard: manifest.counts.kept for shard, manifest in images.items()}, most):
        rows = [row for row in read_image_rows(session.store, shard) if row.status == "ok"]
        rows = [row for row in rows if not gold or row.key in gold]
        if not rows:
            continue
        columns = {
            voter.name: {row.key: row for row in read_raw(session.store, voter.name, voter.fingerprint, shard)}
            for voter in needed.annotators
        }
        for row in rows:
            if any(_is_missing(row, voice, columns) for voice in voices if voice.name != GIVEN):
                continue  # its silence says nothing
            said = heard(_findings(row, columns), needed.annotators)
            stated = [
                statement
                for voice in voices
                for statement in statements(voice, said.get(voice.name, ()), (row.width, row.height))
            ]
            yield row.key, Spoken(stated, gold.get(row.key), int(row.sha256[-1:] or "0", 16) % 2)


def _is_missing(row: ImageRow, voice: Voter, columns: Mapping[str, Mapping[str, RawRow]]) -> bool:
    raw = columns[voice.name].get(row.key)
    return raw is not None and raw.status != "ok"


def _findings(row: ImageRow, columns: Mapping[str, Mapping[str, RawRow]]) -> dict[str, Sequence[Finding]]:
    raws = {name: rows.get(row.key) for name, rows in columns.items()}
    return {GIVEN: row.given, **{name: raw.findings for name, raw in raws.items() if raw is not None}}


def _spread(counts: Mapping[str, int], most: int | None) -> list[str]:
    """Shards, all of them or every n-th, so that they hold about `most` images."""
    whole, shards = sum(counts.values()), sorted(counts)
    if most is None or whole <= most:
        return shards
    step = max(len(shards) * most // whole, 1)
    return [shards[place * len(shards) // step] for place in range(step)]


def _conditions(plan: RoundPlan, participants: Sequence[Voter]) -> str:
    """Of a calibration by agreement, the images aside."""
    fuse = plan.fuse
    decides = [fuse.agreement, sorted(fuse.normal_synonyms.items()), fuse.within_annotator, fuse.box_iou, fuse.given]
    return _hash(
        [VERSION, [[voter.name, voter.content] for voter in participants], decides, sorted(fuse.trust.items())]
    )


def _fuse_facts(plan: RoundPlan) -> dict[str, object]:
    return plan.fuse.facts()


def _hash(facts: object) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def _worth(consensus: Consensus, name: str) -> str:
    voice = consensus.voices[name]
    share = voice.right / voice.count if voice.count else 0.0
    counted = f"{voice.count:,} statements, {share:.2f} of them"
    interval = f"(95% interval {voice.low:.2f} to {voice.high:.2f})"
    if consensus.method == "agreed":
        return f"{counted} borne out {interval}, reliability {voice.weight**0.5:.2f}"
    errors = (
        "" if voice.ece_after is None else f"; calibration error {voice.ece_before:.2f}, then {voice.ece_after:.2f}"
    )
    alike = f"; {voice.reason}" if voice.reason and voice.slope == LEAST_SLOPE else ""
    return f"{counted} right {interval}{errors}{alike}"
