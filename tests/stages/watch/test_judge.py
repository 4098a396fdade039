"""When the watch warns, when it stops, and when nothing improves."""

import pytest
from msgspec.structs import replace

from stages.gate.decide import MeasureChange, Promotion
from stages.watch.judge import is_exhausted, judge
from stages.watch.settings import Limit, WatchSettings
from stages.watch.statistics import DriftStatistics

FIRST = DriftStatistics(10, 4.0, 20, 100, 3.0, 8.0, 1.5, 0.0, 0.0, 0.0)
QUIET = replace(FIRST, agreement_boxes=0.9, agreement_texts=0.9, self_agreement=0.8)
UP, SAME = MeasureChange(0.8, 0.7, 0.1, 0.05, 0.15), MeasureChange(0.7, 0.7, 0.0, -0.02, 0.02)


def promotion(change: MeasureChange | None, promoted: bool = True) -> Promotion:
    return Promotion(promoted, "", "c", "p", "gold", 10, {} if change is None else {"boxes": change})


def test_a_round_like_the_first_is_quiet() -> None:
    report = judge(1, FIRST, QUIET, WatchSettings())
    assert (report.warnings, report.stops) == ([], [])
    assert report.signs["disagreement_boxes"] == 0.1


@pytest.mark.parametrize(
    ("now", "warning"),
    [
        (replace(QUIET, label_entropy=3.2), "label_entropy_loss 0.200, warning from 0.15 (loop.watch.label_entropy"),
        (replace(QUIET, vocabulary=60), "vocabulary_loss 0.400"),
        (replace(QUIET, boxes_per_image=6.0), "boxes_change 1.000"),
        (replace(QUIET, boxes_per_image=1.0), "boxes_change 0.667"),
        (replace(QUIET, brief_length=12.0), "length_change 0.500"),
        (replace(QUIET, brief_complexity=0.9), "complexity_loss 0.400"),
        (replace(QUIET, agreement_boxes=0.4), "disagreement_boxes 0.600"),
        (replace(QUIET, agreement_texts=0.3), "disagreement_texts 0.700"),
        (replace(QUIET, unsupported_regions=0.6), "unsupported_regions 0.600"),
        (replace(QUIET, self_agreement=0.99), "self_agreement 0.990"),
    ],
)
def test_every_sign_warns(now: DriftStatistics, warning: str) -> None:
    [found] = judge(1, FIRST, now, WatchSettings()).warnings
    assert found.startswith(warning)


def test_more_labels_than_at_first_are_no_loss() -> None:
    assert judge(1, FIRST, replace(QUIET, label_entropy=5.0), WatchSettings()).signs["label_entropy_loss"] == 0.0


def test_beyond_its_limit_a_sign_stops_the_loop() -> None:
    report = judge(2, FIRST, replace(QUIET, label_entropy=1.0), WatchSettings())
    assert report.stops == ["label_entropy_loss 0.750, the limit is 0.4 (loop.watch.label_entropy_loss.stop)"]
    assert report.warnings == []
    off = WatchSettings(label_entropy_loss=Limit())
    assert judge(2, FIRST, replace(QUIET, label_entropy=1.0), off).stops == []


def test_what_cannot_be_compared_is_no_sign() -> None:
    silent = replace(QUIET, agreement_boxes=None, agreement_texts=None, self_agreement=None)
    signs = judge(1, replace(FIRST, brief_length=0.0), silent, WatchSettings()).signs
    assert not signs.keys() & {"length_change", "disagreement_boxes", "disagreement_texts", "self_agreement"}


@pytest.mark.parametrize(
    ("promotions", "exhausted"),
    [
        ([promotion(SAME), promotion(SAME)], True),
        ([promotion(SAME), promotion(UP)], False),
        ([promotion(UP), promotion(SAME), promotion(SAME, promoted=False)], True),
        ([promotion(SAME)], False),
        ([promotion(None), promotion(MeasureChange(0.5))], False),
    ],
)
def test_the_loop_is_exhausted_when_nothing_changed_for_a_while(promotions: list[Promotion], exhausted: bool) -> None:
    assert is_exhausted(promotions, 2) == exhausted


def test_a_limit_that_stops_before_it_warns_is_refused() -> None:
    with pytest.raises(ValueError, match=r"boxes_change.stop must be at least its warn \(0.5\), got 0.1"):
        WatchSettings(boxes_change=Limit(warn=0.5, stop=0.1))
