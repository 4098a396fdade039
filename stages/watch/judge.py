"""Is this still learning? The statistics of a round against those of round 0 and the limits of the settings.

Comes in: `DriftStatistics` of round 0 and of a later round. Goes out: a `WatchReport`, written as
`rounds/NN/report/watch.json`:

    {"round": 3, "signs": {"label_entropy_loss": 0.22, "unsupported_regions": 0.55, ...},
     "warnings": ["label_entropy_loss 0.220, warning from 0.15"], "stops": [], "statistics": {...}}
"""

from collections.abc import Sequence

import msgspec

from stages.gate.decide import Promotion
from stages.watch.settings import Limit, WatchSettings
from stages.watch.statistics import DriftStatistics


class WatchReport(msgspec.Struct, frozen=True):
    """signs: name of the limit -> value; a sign without a value (no texts, no earlier model) is left out."""

    round: int
    signs: dict[str, float]
    warnings: list[str]
    stops: list[str]
    statistics: DriftStatistics


def judge(number: int, first: DriftStatistics, now: DriftStatistics, settings: WatchSettings) -> WatchReport:
    """The report on round `number`."""
    signs = {name: round(value, 6) for name, value in _signs(first, now).items() if value is not None}
    warnings, stops = [], []
    for name, value in signs.items():
        limit: Limit = getattr(settings, name)
        if limit.stop is not None and value >= limit.stop:
            stops.append(f"{name} {value:.3f}, the limit is {limit.stop} (loop.watch.{name}.stop)")
        elif limit.warn is not None and value >= limit.warn:
            warnings.append(f"{name} {value:.3f}, warning from {limit.warn} (loop.watch.{name}.warn)")
    return WatchReport(number, signs, warnings, stops, now)


def is_exhausted(promotions: Sequence[Promotion], patience: int) -> bool:
    """Whether the last `patience` models were all refused, or changed no measure beyond its interval. A model that was
    compared with none was a change."""
    last = promotions[-patience:]
    return len(last) == patience and all(_is_no_change(each) for each in last)


def _is_no_change(promotion: Promotion) -> bool:
    if not promotion.promoted:
        return True
    return bool(promotion.measures) and all(change.unchanged for change in promotion.measures.values())


def _signs(first: DriftStatistics, now: DriftStatistics) -> dict[str, float | None]:
    return {
        "label_entropy_loss": _loss(first.label_entropy, now.label_entropy),
        "vocabulary_loss": _loss(first.vocabulary, now.vocabulary),
        "boxes_change": _change(first.boxes_per_image, now.boxes_per_image),
        "length_change": _change(first.brief_length, now.brief_length),
        "complexity_loss": _loss(first.brief_complexity, now.brief_complexity),
        "disagreement_boxes": _opposite(now.agreement_boxes),
        "disagreement_texts": _opposite(now.agreement_texts),
        "unsupported_regions": now.unsupported_regions,
        "self_agreement": now.self_agreement,
    }


def _loss(before: float, now: float) -> float | None:
    return max(0.0, 1 - now / before) if before > 0 else None


def _change(before: float, now: float) -> float | None:
    return abs(now / before - 1) if before > 0 else None


def _opposite(agreement: float | None) -> float | None:
    return None if agreement is None else 1 - agreement
