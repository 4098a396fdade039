"""The score that one annotator gave one box in, a verdict out.

    judge_score(0.2, "detector", "dog", ConfidenceSettings())   ->  Verdict(False, "region.score", 0.2, 0.3)

Florence-2, section 4.2. The most specific threshold counts: the annotator's for this label, then the label's, then the
annotator's, then `min_score`. Scores of different models do not compare, so this is judged before boxes are fused.
"""

from typing import Annotated

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
    """How certain an annotator must be of a box. Labels are compared without regard to case and blanks around them."""

    min_score: Annotated[Share, Off(0.0)] = Field(
        0.3, description="least confidence (Florence-2, section 4.2); keep one equal to it"
    )
    labels: Annotated[dict[str, Share], Off({})] = Field(
        {}, description="least confidence per label, before that of the annotator"
    )
    annotators: Annotated[dict[str, AnnotatorScores], Off({})] = Field({}, description="thresholds per annotator")


def judge_score(score: float | None, annotator: str, label: str, settings: ConfidenceSettings) -> Verdict:
    """Whether an annotator's box is certain enough. None (no score given) is kept.

    Raises ValueError on a score that is NaN or outside [0, 1].
    """
    if score is None:
        return KEPT
    value = comparable_score(score, f"annotator {annotator!r}, label {label!r}")
    threshold = _threshold(annotator, folded(label), settings)
    return KEPT if value >= threshold else dropped("region.score", value, threshold)


def folded(label: str) -> str:
    """A label as it is compared: without regard to case and blanks around it."""
    return label.strip().casefold()


def _threshold(annotator: str, label: str, settings: ConfidenceSettings) -> float:
    own = settings.annotators.get(annotator, _NO_OWN)
    by_label = {folded(name): limit for name, limit in {**settings.labels, **own.labels}.items()}
    return by_label.get(label, settings.min_score if own.min_score is None else own.min_score)
