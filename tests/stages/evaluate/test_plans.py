from dataclasses import replace
from itertools import pairwise

import pytest

from filters.settings import FilterSettings
from shards.finding import Finding
from stages.evaluate.plans import alone, areas_of, filter_steps, unfiltered
from stages.fuse.ledger import Annotator
from stages.fuse.settings import ConsensusSettings, FuseSettings
from stages.round import RoundPlan

PLAN = RoundPlan(
    0,
    (Annotator("yolo", "detector", "f0"), Annotator("ocr", "reader", "f1")),
    FuseSettings(trust={"yolo": 0.5, "ocr": 2.0}, consensus=ConsensusSettings(min_votes=2)),
    FilterSettings(),
)


def test_unfiltered_switches_every_rule_off() -> None:
    plan = unfiltered(PLAN)
    assert (plan.filters.region.min_score, plan.filters.region.nms_iou, plan.filters.phrase.min_score) == (0.0, None, 0)
    assert (plan.filters.text.language, plan.fuse.consensus.min_votes) == (None, 1)


def test_each_step_changes_one_part_and_the_last_lacks_only_the_phrases() -> None:
    steps = list(filter_steps(PLAN).values())
    parts = [(s.filters.region, s.filters.ocr, s.filters.text, s.filters.phrase, s.fuse.consensus) for s in steps]
    changed = [sum(a != b for a, b in zip(x, y, strict=True)) for x, y in pairwise(parts)]
    assert changed == [2, 1, 2, 1]
    last = steps[-1].filters.model_copy(update={"phrase": PLAN.filters.phrase})
    assert (last, steps[-1].fuse) == (PLAN.filters, PLAN.fuse)


def test_label_correction_is_a_step_of_its_own_where_it_is_on() -> None:
    steps = filter_steps(replace(PLAN, fuse=PLAN.fuse.model_copy(update={"labels": ["dog"]})))
    assert list(steps) == ["raw", "+ confidence", "+ labels", "+ consensus", "+ boxes", "+ texts"]
    labels = [step.fuse.labels for step in steps.values()]
    assert labels == [[], [], ["dog"], ["dog"], ["dog"], ["dog"]]
    assert steps["+ labels"].filters == steps["+ confidence"].filters
    assert steps["+ labels"].fuse.consensus == ConsensusSettings()
    assert "+ labels" not in filter_steps(PLAN)


def test_one_annotator_alone_keeps_its_trust() -> None:
    plan = alone(PLAN, ("yolo",))
    assert [each.name for each in plan.annotators] == ["yolo"]
    assert plan.fuse.trust == {"yolo": 0.5}
    assert set(plan.fuse.merge.model_dump().values()) == {"union"}


BOX = (0.0, 0.0, 9.0, 9.0)


@pytest.mark.parametrize(
    ("finding", "areas"),
    [
        (Finding("object", "dog", box=BOX), {"boxes", "regions"}),
        (Finding("object", "", box=BOX, polygons=[[0.0, 0, 9, 0, 9, 9]]), {"boxes", "masks"}),
        (Finding("text", "a dog", granularity="brief"), {"captions/brief"}),
        (Finding("text", "a dog", granularity="brief", about="yolo/0"), {"regions"}),
        (Finding("match", "dog", about="yolo/0"), {"regions"}),
        (Finding("match", "a dog", about="captioner/0", granularity="brief"), set()),
        (Finding("mask", about="yolo/0"), {"masks"}),
        (Finding("phrase", "a dog", about="t/0"), {"phrases"}),
        (Finding("ocr", "STOP", box=BOX), {"words"}),
    ],
)
def test_what_a_finding_can_be_measured_by(finding: Finding, areas: set[str]) -> None:
    assert areas_of([finding]) == areas
