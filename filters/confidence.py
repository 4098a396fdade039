"""The score that one annotator gave one box in, a verdict out; or how probable a box is that several gave.

    judge_score(0.2, "detector", "dog", ConfidenceSettings())   ->  Verdict(False, "region.score", 0.2, 0.3)
    judge_probability(0.005, "dog", ConfidenceSettings())       ->  Verdict(False, "region.score", 0.005, 0.01)

Florence-2, section 4.2. The most specific threshold counts: the annotator's for this label, then the label's, then the
annotator's, then `min_score`. Scores of different models do not compare, so this is judged before boxes are fused.
Where a calibration says how probable a fused box is, that is judged instead, after fusion.
"""

from typing import Annotated, ClassVar, TypeVar

from pydantic import Field

from filters.numbers import comparable_score
from filters.verdict import KEPT, Verdict, dropped
from shards.settings import Off, Settings

Share = Annotated[float, Field(ge=0, le=1)]


class AnnotatorScores(Settings):
    """Thresholds for one annotator."""

    min_score: Share | None = Field(None, description="least score; null: as for all annotators")
    labels: dict[str, Share] = Field({}, description="least score per label, before all others")


_NO_OWN = AnnotatorScores()


class ConfidenceSettings(Settings):
    """How certain an annotator must be of a box. Labels are compared without regard to case and blanks around them.

    `raw_score`, `probable`: what stands for `min_score` where it is left open. Of scores it is that of Florence-2,
    section 4.2; of probabilities so low that a round finds all that its best annotator finds (`fld eval` says which one
    has the best F1)."""

    raw_score: ClassVar[float] = 0.3
    probable: ClassVar[float] = 0.01
    min_score: Annotated[Share | None, Off(0.0)] = Field(
        None,
        description="least confidence, keep one equal to it; where a calibration knows, least probability of being"
        " right; null: 0.3 (Florence-2, section 4.2), of probabilities 0.01",
    )
    labels: Annotated[dict[str, Share], Off({})] = Field(
        {}, description="least confidence per label, before that of the annotator"
    )
    annotators: Annotated[dict[str, AnnotatorScores], Off({})] = Field({}, description="thresholds per annotator")


ConfidenceT = TypeVar("ConfidenceT", bound=ConfidenceSettings)


def judge_score(score: float | None, annotator: str, label: str, settings: ConfidenceSettings) -> Verdict:
    """Whether an annotator's box is certain enough. None (no score given) is kept.

    Raises ValueError on a score that is NaN or outside [0, 1].
    """
    if score is None:
        return KEPT
    value = comparable_score(score, f"annotator {annotator!r}, label {label!r}")
    threshold = _threshold(annotator, folded(label), settings)
    return KEPT if value >= threshold else dropped("region.score", value, threshold)


def judge_probability(probability: float, label: str, settings: ConfidenceSettings) -> Verdict:
    """Whether a fused box is probable enough. Thresholds of annotators are about their scores, and do not count."""
    by_label = {folded(name): limit for name, limit in settings.labels.items()}
    threshold = by_label.get(folded(label), settings.probable if settings.min_score is None else settings.min_score)
    return KEPT if probability >= threshold else dropped("region.score", round(probability, 4), threshold)


def own_thresholds(settings: ConfidenceSettings) -> ConfidenceSettings:
    """Only the thresholds that name an annotator: they are about its scores, calibrated or not."""
    return settings.model_copy(update={"min_score": 0.0, "labels": {}})


def settled(settings: ConfidenceT) -> ConfidenceT:
    """With the threshold of scores where it was left open."""
    return settings.model_copy(update={"min_score": settings.raw_score}) if settings.min_score is None else settings


def folded(label: str) -> str:
    """A label as it is compared: without regard to case and blanks around it."""
    return label.strip().casefold()


def _threshold(annotator: str, label: str, settings: ConfidenceSettings) -> float:
    own = settings.annotators.get(annotator, _NO_OWN)
    if settings.labels or own.labels:
        by_label = {folded(name): limit for name, limit in {**settings.labels, **own.labels}.items()}
        if label in by_label:
            return by_label[label]
    if own.min_score is not None:
        return own.min_score
    return settings.raw_score if settings.min_score is None else settings.min_score
