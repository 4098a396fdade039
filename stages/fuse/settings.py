"""How the findings of several annotators become one record: agreement, trust, consensus."""

from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field, field_validator

from filters.nouns import noun_forms
from shards.folding import normalised
from shards.settings import Off, Settings

GENERALIST = "generalist"
"""The reserved name of the loop's own model as an annotator, and the role that makes it one."""
STUDENT = "student"
"""The reserved name of the loop's own detector as an annotator."""
LEARNED = frozenset({GENERALIST, STUDENT})
"""Annotators that learn from the corpus they write."""

BOX_IOU = 0.55
"""Solovyev et al. 2021."""
CALIBRATED_IOU = 0.45
"""With votes weighed by probability, on photographs: AP 0.266, of 0.261 at 0.5 and 0.261 at 0.55."""

MergePolicy = Literal["keep", "replace", "union", "pick"]
NoPick = Literal["keep", "replace", "union"]
MergeType = Literal["brief", "detailed", "more_detailed", "regions", "words", "phrases", "masks"]


class MergeSettings(Settings):
    """What becomes of the labels of the loop's own model beside those of specialists ("originals") and humans.

    keep: the originals stay and the model's are dropped; replace: where the model said something of that type about
    the image, the originals go; union: both, fused; pick: the better one. Human labels stay."""

    brief: MergePolicy = Field(
        "pick", description="brief texts; pick: the likelier one (fuse.likelihood_ratio), else that with the best score"
    )
    detailed: MergePolicy = Field("pick", description="detailed texts")
    more_detailed: MergePolicy = Field("pick", description="more detailed texts")
    regions: MergePolicy = Field(
        "union", description="objects; union: boxes fuse, the heaviest label wins; pick: that of the best vote wins"
    )
    words: NoPick = Field("union", description="read text; union: the best vote gives text and place")
    phrases: MergePolicy = Field("union", description="grounded phrases; pick: the source with the best box score")
    masks: NoPick = Field("union", description="masks of regions and phrases")

    def policy(self, type_: MergeType) -> MergePolicy:
        """The policy of one type."""
        policies: dict[str, MergePolicy] = self.model_dump()
        return policies[type_]


class ConsensusRule(Settings):
    """What a region must bring along to be believed. Regions with a given box always pass."""

    min_votes: Annotated[int, Off(1)] = Field(
        1, ge=1, description="least number of different annotators that saw the region"
    )
    lone_box_score: Annotated[float, Off(0.0)] = Field(
        0.0, ge=0, le=1, description="least raw score of a region that only one annotator saw"
    )


class ConsensusSettings(ConsensusRule):
    """The rule for all labels, and other rules for some."""

    labels: Annotated[dict[str, ConsensusRule], Off({})] = Field(
        {}, description="rules of single labels, in place of the general one"
    )
    late_votes: bool = Field(True, description="a phrase grounded onto a region is one more vote for it")

    def rule(self, label: str) -> ConsensusRule:
        """The rule for a normalised label."""
        return next((rule for name, rule in self.labels.items() if normalised(name) == label), self)


UNION = MergeSettings.model_validate(dict.fromkeys(MergeSettings.model_fields, "union"))
"""Nobody gives way: for looking at what somebody says, where who displaces whom does not matter."""

MAX_FINDINGS = 100_000
"""About one image: half a minute of fusion at the most."""


class FuseSettings(Settings):
    """Fusion of one image's findings into a record."""

    calibrate: Literal["auto", "off"] = Field(
        "auto",
        description="auto: scores become probabilities, and a region's score is its probability, where `fld calibrate"
        " --gold` has learned them, or else where two detectors agree on enough; off: scores as they are",
    )
    box_iou: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="object boxes that overlap more than this are one region; null: 0.55 (WBF paper), 0.45 where a"
        " calibration weighs them",
    )
    within_annotator: bool = Field(
        False,
        description="also fuse boxes of one annotator with each other, as ensemble-boxes does; false: its two boxes"
        " stay two, and NMS (filters.region) removes doubles",
    )
    agreement: Literal["label", "geometry"] = Field(
        "label",
        description="label: fused boxes must also agree on the label; geometry: overlap is enough, the other"
        " labels become candidates and the matcher chooses",
    )
    synonyms: dict[str, str] = Field({}, description="label -> the label it counts as, for agreement and `labels`")
    labels: Annotated[list[str], Off([])] = Field(
        [],
        description="the labels that a region may be renamed to, where the text that the matcher likes best names one;"
        " []: rename none",
    )
    label_similarity: float = Field(
        0.0, ge=0, le=1, description="least similarity, in the matcher's eyes, of the text whose label counts"
    )
    trust: dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = Field(
        {}, description="annotator -> weight of its scores, above 0; 1.0 where not named"
    )
    score: Literal["max", "mean", "wbf"] = Field(
        "max",
        description="confidence of a region: the best trusted score, the trust-weighted mean of its votes, or that"
        " mean scaled down for every detector that did not vote (ensemble-boxes' avg)",
    )
    missing_score: float = Field(0.5, gt=0, le=1, description="score of a box whose model gives none")
    consensus: ConsensusSettings = Field(ConsensusSettings(), description="which object regions are believed")
    word_consensus: ConsensusRule = Field(ConsensusRule(), description="which text regions are believed")
    word_iou: float = Field(0.5, gt=0, lt=1, description="least overlap of two readers' quads of one text")
    word_similarity: float = Field(
        0.6, ge=0, le=1, description="least similarity of their texts: 1 - edit distance / length of the longer"
    )
    link_iou: float = Field(0.7, gt=0, lt=1, description="least overlap of a phrase's box with the region that it is")
    merge: MergeSettings = Field(
        MergeSettings(), description="from round 1 on: the labels of the loop's own model beside all others"
    )
    likelihood_ratio: float = Field(
        0.2,
        gt=0,
        le=1,
        description="pick: a text stays if the loop's model finds it at least this times as likely as its own text; 0.2"
        " takes the specialists' word unless it is clearly wrong, 0.9 the model's wherever they differ",
    )
    given_likelihood_ratio: float = Field(
        0.2, gt=0, le=1, description="the same for human texts, where given is filter: above it they win every pick"
    )
    given: Literal["keep", "filter"] = Field(
        "keep",
        description="keep: human boxes pass the region and phrase filters, and human labels every merge; filter: judge"
        " them like others",
    )
    given_label: Literal["selected", "candidate"] = Field(
        "selected",
        description="selected: a human label is its region's text; candidate: the matcher may choose",
    )
    empty_images: Annotated[Literal["keep", "drop"], Off("keep")] = Field(
        "keep", description="keep an image without any annotation as a (negative) record, or drop it"
    )

    failed_annotator: Literal["keep", "drop"] = Field(
        "keep",
        description="an image on which an annotator failed; keep: its record is made of what the others said, and names"
        " who is missing; drop: it has none. One on which all failed has none either way",
    )
    max_findings: int = Field(
        MAX_FINDINGS, ge=1, description="most findings of all annotators about one image; drop an image with more"
    )

    @field_validator("labels")
    @classmethod
    def _no_blank(cls, labels: list[str]) -> list[str]:
        if blank := [label for label in labels if not normalised(label)]:
            raise ValueError(f"labels must not be blank, got {blank}")
        return labels

    def facts(self) -> dict[str, object]:
        """What decides about records, for fingerprints. What becomes of failures is no part, since only images with
        failures feel it; nor is the limit of findings while nobody moved it, since none but an absurd image does."""
        without = {"failed_annotator"} | ({"max_findings"} if self.max_findings == MAX_FINDINGS else set())
        return self.model_dump(mode="json", exclude=without)

    def joins_above(self, is_calibrated: bool) -> float:
        """`box_iou`, or what it stands for where it was left open."""
        if self.box_iou is not None:
            return self.box_iou
        return CALIBRATED_IOU if is_calibrated else BOX_IOU

    @cached_property
    def normal_synonyms(self) -> dict[str, str]:
        """The synonyms, both sides normalised."""
        return {normalised(label): normalised(other) for label, other in self.synonyms.items()}

    @cached_property
    def label_names(self) -> dict[str, str]:
        """Every form in which a text may name one of `labels`, or a synonym of it, normalised -> the label."""
        names = {normalised(label): label for label in reversed(self.labels)}  # of equal ones the first counts
        for label in self.labels:
            counts_as = self.normal_synonyms.get(normalised(label), normalised(label))
            for name in (counts_as, *(name for name, other in self.normal_synonyms.items() if other == counts_as)):
                names.setdefault(name, label)
        for name, label in list(names.items()):  # after all names: "glasses" of the list is no plural of "glass"
            for form in noun_forms(name):
                names.setdefault(form, label)
        return names

    def weight(self, annotator: str) -> float:
        """The trust in an annotator."""
        return self.trust.get(annotator, 1.0)
