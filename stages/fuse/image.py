"""All that was said about one image becomes its record and its rows of the index.

Comes in: the image's row and the findings of every annotator. Goes out: a record, and one index row per finding. The
order of the steps, each in a file of its own:

    1. confidence: raw objects and words below their annotator's threshold are dropped       filters/region.py
    2. texts: filters, ids t0, t1, ...                                                       texts.py
    3. phrases: filters; those of a dropped text go with it                                  groundings.py
       (from round 1 on, what passed its filters is merged with the loop's own labels)       merge.py
    4. fusion: boxes and words of several annotators become clusters with votes              boxes.py, words.py
       where the settings name labels, the text about a region's picture corrects its label  labels.py
    5. consensus (phrases vote too), then the region filters                                 regions.py
    6. candidates, the selected text, the mask                                               candidates.py
    7. groundings tied to regions                                                            groundings.py
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from msgspec.structs import replace

from filters.confidence import ConfidenceSettings, judge_score, own_thresholds
from filters.parser import ParsedText
from filters.settings import FilterSettings
from filters.verdict import KEPT, Verdict, dropped
from shards.finding import (
    REVIEWER,
    SCORE_DECIMALS,
    Box,
    Caption,
    Detection,
    Finding,
    Mask,
    Match,
    OcrLine,
    PhraseGrounding,
    Polygons,
    about_of,
    coordinates_of,
    scores_of,
)
from shards.geometry import rounded_box
from shards.images import ImageRow
from shards.record import Grounding, Record, Region, Text, Vote
from shards.reviews import Review
from shards.rounds import IndexRow
from stages.calibrate.consensus import AnnotatorCalibration, Consensus
from stages.fuse.boxes import Cluster, fuse_boxes
from stages.fuse.candidates import Draft, draft
from stages.fuse.corrections import Corrections
from stages.fuse.groundings import build_groundings, keep_phrases
from stages.fuse.heard import heard
from stages.fuse.labels import correct_labels
from stages.fuse.ledger import Boxed, Ledger, Remark, Statement, Voter, of_type, statements
from stages.fuse.merge import Merge
from stages.fuse.phrases import believed_phrases, speaker
from stages.fuse.regions import judge_clusters, judge_words
from stages.fuse.settings import GENERALIST, LEARNED, FuseSettings, MergeType
from stages.fuse.sightings import weigh
from stages.fuse.texts import keep_texts
from stages.fuse.words import fuse_words

B = TypeVar("B", Detection, OcrLine)

OVERRULED = "fuse.overruled"
_OVERRULED_BY = ("region.score", "region.nms", "region.nms_any_label")
_NO_AREA = dropped("fuse.no_area")
_NO_TEXT = dropped("fuse.no_text")
_NOT_A_SCORE = dropped("fuse.not_a_score")
_NOT_FINITE = dropped("fuse.not_finite")
_NO_TARGET = dropped("fuse.no_target")
_TARGET_DROPPED = dropped("fuse.target_dropped")


@dataclass(frozen=True)
class Rules:
    """What decides about an image, besides the image. `annotators` in the order of the config, given first.
    calibration: what their scores are worth, where that is known."""

    fuse: FuseSettings
    filters: FilterSettings
    annotators: tuple[Voter, ...]
    calibration: AnnotatorCalibration | None = None

    def consensus(self, kind: str) -> Consensus | None:
        """What statements of a kind are worth; None while nobody knows."""
        return None if self.calibration is None else self.calibration.kinds.get(kind)

    def without(self, names: Set[str]) -> "Rules":
        """The rules of an image about which these annotators could not speak: nobody counts their silence."""
        if not names:
            return self
        heard = tuple(voter for voter in self.annotators if voter.name not in names)
        if self.calibration is None:
            return dataclasses.replace(self, annotators=heard)
        kinds = {
            kind: replace(
                known, voices={name: voice for name, voice in known.voices.items() if speaker(name) not in names}
            )
            for kind, known in self.calibration.kinds.items()
        }
        return dataclasses.replace(self, annotators=heard, calibration=replace(self.calibration, kinds=kinds))

    def named(self, role: str) -> list[str]:
        """The annotators of one role."""
        return [annotator.name for annotator in self.annotators if annotator.role == role]

    @cached_property
    def generalists(self) -> frozenset[str]:
        """The loop's own models that take part: a generalist or a student that entered the corpus after round 0."""
        return frozenset(
            voter.name
            for voter in self.annotators
            if voter.round > 0 and (voter.role == GENERALIST or voter.name in LEARNED)
        )


def build_image(
    row: ImageRow,
    findings: Mapping[str, Sequence[Finding]],
    rules: Rules,
    parsed: Mapping[str, ParsedText],
    round: int,
    reviews: Sequence[Review] = (),
) -> tuple[Record, list[IndexRow]]:
    """The record of one image, and index rows: one per review, then one per finding in the order of `rules.annotators`.

    `findings`: annotator name -> all it said. `parsed`: text -> its parse, for all texts about the whole image.
    Raises ConservationError if a finding was lost on the way.
    """
    corrections = Corrections(reviews)
    texts = [
        finding for own in findings.values() for finding in own if isinstance(finding, Caption) and not finding.about
    ]
    spoken = {REVIEWER: corrections.findings(texts), **findings} if reviews else findings
    stated = _stated(row, spoken, rules)
    ledger = Ledger(row.key, stated)
    record = _Image(row, stated, ledger, rules, corrections).build(parsed, round)
    return record, [*corrections.rows(row.key, ledger.kept()), *ledger.close()]


def drop_all(
    row: ImageRow,
    findings: Mapping[str, Sequence[Finding]],
    rules: Rules,
    verdict: Verdict,
    reviews: Sequence[Review] = (),
) -> list[IndexRow]:
    """Index rows of an image that has no record: every finding and every review goes with it."""
    stated = _stated(row, findings, rules)
    ledger = Ledger(row.key, stated)
    for statement in stated:
        ledger.drop(statement, verdict)
    return [*Corrections(reviews).rows(row.key, {}, verdict), *ledger.close()]


def _stated(row: ImageRow, findings: Mapping[str, Sequence[Finding]], rules: Rules) -> list[Statement[Finding]]:
    size_wh, said = (row.width, row.height), heard(findings, rules.annotators)
    return [
        statement for voter in rules.annotators for statement in statements(voter, said.get(voter.name, []), size_wh)
    ]


class _Image:
    """The working state of one image."""

    def __init__(
        self,
        row: ImageRow,
        stated: list[Statement[Finding]],
        ledger: Ledger,
        rules: Rules,
        corrections: Corrections,
    ) -> None:
        self.row = row
        self.rules = rules
        self.ledger = ledger
        self.size_wh = (row.width, row.height)
        self.corrections = corrections
        self.stated = corrections.without([statement for statement in stated if self._is_sound(statement)], ledger)
        sure = corrections.sure(self.stated)
        self.merge = Merge(rules.fuse, rules.generalists, self._likelihoods(), ledger, sure)
        self.about: dict[str, list[Remark]] = {}
        masks = self.merge.merged(of_type(self.stated, Mask), "masks")
        remarks: list[Remark] = [*of_type(self.stated, Caption), *of_type(self.stated, Match), *masks]
        for remark in remarks:
            if remark.finding.about:
                self.about.setdefault(remark.finding.about, []).append(remark)

    def build(self, parsed: Mapping[str, ParsedText], round: int) -> Record:
        fuse, filters = self.rules.fuse, self.rules.filters
        whole = [caption for caption in of_type(self.stated, Caption) if not caption.finding.about]
        texts = keep_texts(whole, parsed, filters.text, self.merge, self.ledger)
        self._keep_judgements(texts)
        grounded = believed_phrases(
            of_type(self.stated, PhraseGrounding), of_type(self.stated, Detection), fuse, self.rules.consensus("phrase")
        )
        phrases = keep_phrases(grounded, texts, self.size_wh, fuse, filters.phrase, self.merge, self.ledger)
        drafts = [*self._objects(phrases), *self._words()]
        regions = [self._region(drafted, f"r{index}") for index, drafted in enumerate(drafts)]
        groundings, votes = build_groundings(phrases, texts, regions, self.about, fuse, self.merge, self.ledger)
        late = votes if fuse.consensus.late_votes else {}
        masks = _masks_on(groundings)
        regions = [_completed(region, late.get(region.id, []), masks.get(region.id)) for region in regions]
        self._drop_the_rest()
        return Record(
            key=self.row.key,
            uri=self.row.uri,
            sha256=self.row.sha256,
            width=self.row.width,
            height=self.row.height,
            round=round,
            texts=list(texts.values()),
            regions=regions,
            groundings=groundings,
        )

    def _likelihoods(self) -> dict[str, float]:
        """Reference of a text -> how likely the loop's model finds it."""
        if not self.rules.generalists:
            return {}
        return {
            statement.finding.about: statement.finding.score
            for statement in of_type(self.stated, Match)
            if statement.source.annotator in self.rules.generalists and statement.finding.score is not None
        }

    def _keep_judgements(self, texts: Mapping[str, Text]) -> None:
        """What a generalist said of a kept text goes with it."""
        for statement in of_type(self.stated, Match):
            if statement.finding.about in texts:
                self.ledger.keep(statement, texts[statement.finding.about].id)

    def _objects(self, phrases: list[Statement[PhraseGrounding]]) -> list[Draft]:
        fuse, filters, consensus = self.rules.fuse, self.rules.filters, self.rules.consensus("object")
        certain = self._confident(of_type(self.stated, Detection), filters.region, "regions", consensus)
        clusters = fuse_boxes(certain, fuse, self.rules.named("detector"), consensus)
        weigh(clusters, fuse, consensus)
        for cluster in clusters:
            cluster.best_label = self.merge.picks_labels()
        correct_labels(clusters, self.about, fuse)
        clusters = self.corrections.applied(clusters, "region", fuse, filters.region.nms_iou, self.ledger)
        verdicts = judge_clusters(clusters, phrases, fuse, filters.region, self.size_wh)
        return sorted(
            self._drafts(clusters, verdicts), key=lambda drafted: (-drafted.cluster.score, drafted.cluster.box)
        )

    def _words(self) -> list[Draft]:
        fuse, filters, consensus = self.rules.fuse, self.rules.filters, self.rules.consensus("ocr")
        certain = self._confident(of_type(self.stated, OcrLine), filters.ocr, "words", consensus)
        clusters = fuse_words(certain, fuse, self.rules.named("reader"), consensus)
        weigh(clusters, fuse, consensus)
        clusters = self.corrections.applied(clusters, "ocr", fuse, filters.ocr.nms_iou, self.ledger)
        return self._drafts(clusters, judge_words(clusters, fuse, filters.ocr, self.size_wh))

    def _confident(
        self,
        stated: list[Statement[B]],
        filters: ConfidenceSettings,
        type_: MergeType,
        consensus: Consensus | None,
    ) -> list[Statement[B]]:
        """Those that have an area and reach their annotator's confidence, merged."""
        kept = []
        for statement in stated:
            verdict = _NO_AREA if statement.box is None else self._confidence(statement, filters, consensus)
            if verdict.kept:
                kept.append(statement)
            else:
                self.ledger.drop(statement, verdict)
        return self.merge.merged(kept, type_)

    def _confidence(self, statement: Statement[B], filters: ConfidenceSettings, consensus: Consensus | None) -> Verdict:
        if statement.is_reviewed or (statement.given and self.rules.fuse.given == "keep"):
            return KEPT
        if consensus is not None and statement.source.annotator in consensus.voices:
            filters = own_thresholds(filters)  # what it is worth is judged after fusion
        return judge_score(statement.finding.score, statement.source.annotator, statement.finding.text, filters)

    def _drafts(self, clusters: list[Cluster], verdicts: list[Verdict]) -> list[Draft]:
        drafts, masks = [], self.rules.consensus("mask")
        for cluster, verdict in zip(clusters, verdicts, strict=True):
            drafted = draft(cluster, self.about, self.rules.fuse, masks) if verdict.kept else None
            if drafted is not None and drafted.candidates:
                drafts.append(drafted)
                continue
            for member in cluster.members:
                self.ledger.drop(member, _NO_TEXT if verdict.kept else _overruled(member, cluster, verdict))
        return drafts

    def _region(self, drafted: Draft, id: str) -> Region:
        cluster = drafted.cluster
        for statement in (*cluster.members, *drafted.used):
            self.ledger.keep(statement, id)
        for statement, verdict in drafted.unused:
            self.ledger.drop(statement, verdict)
        return Region(
            id=id,
            kind="object" if cluster.quad is None else "text",
            box=rounded_box(cluster.box),
            score=round(cluster.score, SCORE_DECIMALS),
            candidates=drafted.candidates,
            selected=drafted.selected,
            votes=[
                _vote(statement, statement.finding.box, share)
                for statement, share in zip(cluster.members, cluster.shares(), strict=True)
            ],
            quad=cluster.quad,
            polygons=drafted.polygons,
            merge=self.merge.recorded("regions" if cluster.quad is None else "words"),
        )

    def _drop_the_rest(self) -> None:
        """What was said about something that is not in the record."""
        for statement in self.stated:
            if self.ledger.open(statement):
                known = self.ledger.knows(about_of(statement.finding))
                self.ledger.drop(statement, _TARGET_DROPPED if known else _NO_TARGET)

    def _is_sound(self, statement: Statement[Finding]) -> bool:
        """Scores are in [0, 1] and coordinates are numbers: a column that says otherwise cannot be corrected here."""
        for score in scores_of(statement.finding):
            if not 0.0 <= score <= 1.0:  # NaN is in no range
                self.ledger.drop(statement, _NOT_A_SCORE)
                return False
        if not all(map(math.isfinite, coordinates_of(statement.finding))):
            self.ledger.drop(statement, _NOT_FINITE)
            return False
        return True


def _vote(statement: Boxed | Statement[PhraseGrounding], box: Box, share: float) -> Vote:
    return Vote(box, statement.finding.text, statement.source.score, round(share, SCORE_DECIMALS), statement.source)


def _masks_on(groundings: list[Grounding]) -> dict[str, Polygons]:
    """Id of a region -> the first mask of a phrase's box on it."""
    masks: dict[str, Polygons] = {}
    for grounding in groundings:
        for box in grounding.boxes:
            if box.region_id is not None and box.polygons:
                masks.setdefault(box.region_id, box.polygons)
    return masks


def _overruled(member: Boxed, cluster: Cluster, verdict: Verdict) -> Verdict:
    """A human's statement that is not probable enough goes by a rule of its own: it is worth a second look."""
    if member.given and cluster.is_probable and verdict.rule in _OVERRULED_BY:
        return Verdict(False, OVERRULED, verdict.value, verdict.threshold)
    return verdict


def _completed(region: Region, phrases: list[Statement[PhraseGrounding]], mask: Polygons | None) -> Region:
    """The region with its late votes; and with the mask of a phrase's box on it if it has none of its own, because
    the segmenter draws only one of two boxes that are nearly equal."""
    late = [_vote(phrase, phrase.finding.box, 0.0) for phrase in phrases if phrase.finding.box]
    return replace(region, votes=[*region.votes, *late], polygons=region.polygons or mask)
