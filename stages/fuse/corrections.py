"""What people corrected about one image, folded into what is to be true in the end, and applied while it is fused.

Comes in: the reviews of an image in the order in which they were made. Goes out: `Correction`s, one per thing:

    relabel region "dog" (10, 10, 90, 90) to "cat"     Correction("region", "dog" there; "cat" there instead)
    move region "cat" (10, 10, 90, 90) to (12, ...)    the same correction, with a new place
    reject region "cat" (12, ...)                      the same: rejected; the two before are superseded

A thing is found again by its place and its label, as it was when it was reviewed or as the correction left it: ids
change with every round. Then it is applied:

    kept      a detection, a word or a text of the annotator `reviewer`: a region of its own that nothing moves, renames
              or drops. What a model said of the same thing becomes a vote for it; after a move it goes (review.move).
    rejected  the cluster there goes with all its statements (review.reject), and so does what NMS had dropped for it.

Every review has a row of type "review" in the index: kept where it is in force, else dropped by `review.superseded` (a
later one decides) or `review.no_target` (nothing there to reject or accept: another rule dropped it, nobody says it any
more, or its box lies outside the image).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from filters.verdict import KEPT, Verdict, dropped
from shards.finding import REVIEWER, Box, Caption, Detection, Finding, OcrLine, PhraseGrounding, Quad, reference
from shards.folding import normalised
from shards.geometry import iou
from shards.record import AnnotationType
from shards.reviews import Review
from shards.rounds import IndexRow
from stages.fuse.boxes import Cluster, compared
from stages.fuse.ledger import Ledger, Statement
from stages.fuse.settings import FuseSettings

FORMAT = 1
"""Part of the fingerprint of a shard with reviews: raised when this code builds other records from the same ones."""
REJECT = dropped("review.reject")
SAME_IOU = 0.7
"""From here on two reviews with one label speak of the same thing."""
FOUND_IOU = 0.5
"""Least overlap of a cluster with the place that was reviewed."""
_SUPERSEDED = dropped("review.superseded")
_NO_TARGET = dropped("review.no_target")
_ASPECTS = {"relabel": "text", "text": "text", "move": "place"}


@dataclass(eq=False)
class Correction:
    """What people want of one thing. text, box: as it was first seen, "" and None if a person added it; `new_...`: as
    it is to be. ref: of its statement, "" without one. votes: aspect -> number of the review that decides it."""

    on: AnnotationType
    text: str
    box: Box | None
    granularity: str
    new_text: str
    new_box: Box | None
    new_quad: Quad | None = None
    is_added: bool = False
    is_rejected: bool = False
    ref: str = ""
    id: str = ""
    is_missed: bool = False
    votes: dict[str, int] = field(default_factory=dict)

    def is_about(self, review: Review) -> bool:
        """Whether a review refers to this thing, as it was or as it is."""
        if self.on != review.on or (self.on == "text" and self.granularity != review.granularity):
            return False
        as_it_was = not self.is_added and _same(self.text, self.box, review.text, review.box)
        return as_it_was or _same(self.new_text, self.new_box, review.text, review.box)

    @property
    def is_moved(self) -> bool:
        """Whether it is to be elsewhere."""
        return not self.is_added and self.new_box != self.box

    @property
    def is_rewritten(self) -> bool:
        """Whether it is to say something else."""
        return self.is_added or self.new_text != self.text


class Corrections:
    """The reviews of one image. `all`: what they come to."""

    def __init__(self, reviews: Sequence[Review]) -> None:
        self._reviews = reviews
        self._superseded: set[int] = set()
        self.all: list[Correction] = []
        for number, review in enumerate(reviews):
            self._fold(number, review)

    @property
    def outcome(self) -> list[tuple[object, ...]]:
        """What the reviews come to: two lists of reviews with equal outcomes do the same."""
        return [
            (
                correction.on, correction.granularity, correction.text, correction.box,
                correction.new_text, correction.new_box, correction.new_quad,
                correction.is_added, correction.is_rejected,
            )
            for correction in self.all
        ]  # fmt: skip

    @property
    def is_image_rejected(self) -> bool:
        """Whether the whole image is to go."""
        return any(correction.on == "image" and correction.is_rejected for correction in self.all)

    def findings(self, texts: Sequence[Caption]) -> list[Finding]:
        """The statements of the annotator `reviewer`; `ref` of their corrections is set. texts: about the image, of
        everybody else: one that is accepted as it is needs no other."""
        findings: list[Finding] = []
        for correction in self.all:
            finding = None if correction.is_rejected else _finding(correction, texts)
            if finding is not None:
                correction.ref = reference(REVIEWER, len(findings))
                findings.append(finding)
        return findings

    def sure(self, stated: Sequence[Statement[Finding]]) -> frozenset[str]:
        """References of the texts and phrases that are accepted as they are."""
        accepted: set[str] = set()
        for correction in self.all:
            if correction.on in ("text", "phrase") and not (correction.is_rejected or correction.is_rewritten):
                refs = {statement.source.ref for statement in stated if _says(correction, statement)}
                correction.is_missed = not (refs or correction.ref)
                accepted |= refs
        return frozenset(accepted)

    def without(self, stated: list[Statement[Finding]], ledger: Ledger) -> list[Statement[Finding]]:
        """The statements but the texts and phrases that people rejected or wrote anew."""
        gone: dict[str, Verdict] = {}
        for correction in self.all:
            if (
                correction.on in ("text", "phrase")
                and (correction.is_rejected or correction.is_rewritten)
                and not correction.is_added
            ):
                verdict = REJECT if correction.is_rejected else dropped("review.text")
                refs = [statement.source.ref for statement in stated if _says(correction, statement)]
                correction.is_missed = correction.is_rejected and not refs
                gone |= dict.fromkeys(refs, verdict)
        for statement in stated:
            if statement.source.ref in gone:
                ledger.drop(statement, gone[statement.source.ref])
        return [statement for statement in stated if statement.source.ref not in gone]

    def applied(
        self, clusters: list[Cluster], on: AnnotationType, settings: FuseSettings, nms_iou: float | None, ledger: Ledger
    ) -> list[Cluster]:
        """The clusters of objects or of words with the corrections of them: rejected ones gone, renamed ones merged."""
        left = list(clusters)
        own = {cluster.members[0].source.ref: cluster for cluster in clusters if cluster.is_reviewed}
        for correction in self.all:
            if correction.on != on or correction.is_added:
                continue
            target, shadows = _targets(correction, left, settings, nms_iou)
            reviewed = own.get(correction.ref)
            if correction.is_rejected:
                correction.is_missed = target is None and not any(
                    _is_there(correction, other) for other in own.values()
                )
                verdict = REJECT
            else:
                verdict = dropped("review.move" if correction.is_moved else "review.relabel")
            gone = shadows if target is None else [target, *shadows]
            if reviewed is not None and target is not None and not correction.is_moved:
                reviewed.members += target.members
                reviewed.masses += target.masses
                left.remove(target)
                gone = shadows
            for cluster in gone:
                left.remove(cluster)
                for member in cluster.members:
                    ledger.drop(member, verdict)
        return left

    def rows(self, key: str, kept: Mapping[str, str], verdict: Verdict | None = None) -> list[IndexRow]:
        """A row per review. kept: reference of a statement -> the annotation that it is part of. verdict: on the image,
        where it has no record."""
        decided = {number: correction for correction in self.all for number in correction.votes.values()}
        rows = []
        for number, review in enumerate(self._reviews):
            correction = decided.get(number)
            if number in self._superseded or correction is None:
                outcome = _SUPERSEDED
            elif verdict is not None:
                outcome = verdict
            else:
                lost = bool(correction.ref) and correction.ref not in kept
                outcome = _NO_TARGET if correction.is_missed or lost else KEPT
            id = kept.get(correction.ref, "") if correction is not None and outcome.kept else ""
            rows.append(_row(key, number, review, id, outcome))
        return rows

    def _fold(self, number: int, review: Review) -> None:
        correction = next((earlier for earlier in reversed(self.all) if _is_meant(earlier, review)), None)
        if correction is None:
            correction = _new(review)
            self.all.append(correction)
        aspect = _ASPECTS.get(review.action, "vote")
        over = set(correction.votes) if review.action == "reject" or correction.is_rejected else {aspect}
        self._superseded |= {correction.votes.pop(name) for name in over if name in correction.votes}
        correction.votes[aspect] = number
        correction.is_rejected = review.action == "reject"
        if review.action in ("relabel", "text", "add"):
            correction.new_text = review.new_text
        if review.action in ("move", "add"):
            correction.new_box, correction.new_quad = review.new_box, review.new_quad


def fresh(reviews: list[Review], known: list[Review]) -> list[Review]:
    """Those that change what the corrections of their image come to."""
    by_key: dict[str, list[Review]] = {}
    for review in known:
        by_key.setdefault(review.key, []).append(review)
    new = []
    for review in reviews:
        before = by_key.setdefault(review.key, [])
        if Corrections([*before, review]).outcome != Corrections(before).outcome:
            before.append(review)
            new.append(review)
    return new


def _is_meant(correction: Correction, review: Review) -> bool:
    """Whether a review belongs to a correction; what is added twice is one thing."""
    if review.action != "add":
        return correction.is_about(review)
    same = correction.on == review.on and correction.granularity == review.granularity
    return same and _same(correction.new_text, correction.new_box, review.new_text, review.new_box)


def _new(review: Review) -> Correction:
    added = review.action == "add"
    return Correction(
        review.on, review.text, review.box, review.granularity, review.new_text if added else review.text,
        review.new_box if added else review.box, review.new_quad, added,
    )  # fmt: skip


def _same(text: str, box: Box | None, other_text: str, other_box: Box | None) -> bool:
    if normalised(text) != normalised(other_text) or (box is None) != (other_box is None):
        return False
    return box is None or other_box is None or iou(box, other_box) >= SAME_IOU


def _finding(correction: Correction, texts: Sequence[Caption]) -> Finding | None:
    match correction.on:
        case "region" if correction.new_box is not None:
            return Detection(correction.new_text, box=correction.new_box)
        case "ocr" if correction.new_box is not None:
            return OcrLine(correction.new_text, box=correction.new_box, quad=correction.new_quad)
        case "text":
            level = correction.granularity
            is_said = any((text.granularity or "brief") == level and text.text == correction.new_text for text in texts)
            if is_said and not correction.is_rewritten:
                return None
            granularity = level if level in ("brief", "detailed", "more_detailed") else None
            return Caption(correction.new_text, granularity=granularity)  # type: ignore[arg-type]
        case _:
            return None


def _says(correction: Correction, statement: Statement[Finding]) -> bool:
    """Whether a statement, none of a person's corrections, is the text or the phrase that was reviewed."""
    finding = statement.finding
    if statement.is_reviewed:
        return False
    if correction.on == "text":
        level = isinstance(finding, Caption) and not finding.about and (finding.granularity or "brief")
        return isinstance(finding, Caption) and level == correction.granularity and finding.text == correction.text
    if not isinstance(finding, PhraseGrounding) or finding.text != correction.text:
        return False
    return correction.box is None or (statement.box is not None and iou(statement.box, correction.box) >= FOUND_IOU)


def _targets(
    correction: Correction, clusters: Sequence[Cluster], settings: FuseSettings, nms_iou: float | None
) -> tuple[Cluster | None, list[Cluster]]:
    """The cluster that was reviewed, None if it is not there; and those that NMS would drop for it."""
    if correction.box is None:
        return None, []
    box, label = correction.box, compared(correction.text, settings)
    same = [cluster for cluster in clusters if not cluster.is_reviewed and _has_label(cluster, label, settings)]
    target = max(same, key=lambda cluster: iou(cluster.box, box), default=None)
    if target is None or iou(target.box, box) < FOUND_IOU:
        return None, []
    if nms_iou is None:
        return target, []
    return target, [other for other in same if other is not target and iou(other.box, target.box) > nms_iou]


def _has_label(cluster: Cluster, label: str, settings: FuseSettings) -> bool:
    """A proposal without a label has what the text about its picture says."""
    labels = {
        compared(cluster.label, settings),
        *(compared(member.finding.text, settings) for member in cluster.members),
    }
    return label in labels or labels == {""}


def _is_there(correction: Correction, cluster: Cluster) -> bool:
    """Whether a person's own region stands where something was rejected: then its statements are votes for that."""
    return correction.box is not None and len(cluster.members) > 1 and iou(cluster.box, correction.box) >= FOUND_IOU


def _row(key: str, number: int, review: Review, id: str, verdict: Verdict) -> IndexRow:
    return IndexRow(
        key=key,
        id=id,
        type="review",
        source=REVIEWER,
        fingerprint=REVIEWER,
        ref=f"review/{number}",
        granularity=review.granularity,
        text=f"{review.action} {review.text}".strip() + (f" -> {review.new_text}" if review.new_text else ""),
        box=review.new_box or review.box,
        kept=verdict.kept,
        rule=verdict.rule,
        value=verdict.value,
        threshold=verdict.threshold,
    )
