from dataclasses import replace
from itertools import pairwise

import pytest

from filters.custom import CustomFilter
from filters.settings import FilterSettings
from shards.finding import Caption, Detection, Finding, Mask, Match, OcrLine, PhraseGrounding
from shards.images import ImageRow
from shards.raw import RawRow
from shards.settings import leaves, off_of, switched_off
from stages.evaluate.plans import areas_of, filter_steps, raw_alone, unfiltered
from stages.fuse.ledger import Voter
from stages.fuse.settings import ConsensusSettings, FuseSettings
from stages.round import RoundPlan, build_shard
from tests.stages.fuse.builders import WordCounter

PLAN = RoundPlan(
    0,
    (Voter("yolo", "detector", "f0"), Voter("ocr", "reader", "f1")),
    FuseSettings(trust={"yolo": 0.5, "ocr": 2.0}, consensus=ConsensusSettings(min_votes=2)),
    FilterSettings(),
)


NO_RULES = {
    "parser.pipeline", "parser.batch_size",
    "calibrate", "box_iou", "within_annotator", "agreement", "synonyms", "label_similarity", "trust",
    "score", "missing_score",
    "consensus.late_votes", "word_iou", "word_similarity", "link_iou",
    "merge.brief", "merge.detailed", "merge.more_detailed", "merge.regions", "merge.words", "merge.phrases",
    "merge.masks", "likelihood_ratio", "given_likelihood_ratio", "given", "given_label", "failed_annotator",
    "max_findings",
}  # fmt: skip
"""Settings that say how findings are read and fused, and drop none of a single annotator."""


def test_every_setting_is_a_rule_that_can_be_off_or_known_to_be_none() -> None:
    fields = [*leaves(FilterSettings), *leaves(FuseSettings)]
    assert {path for path, field in fields if off_of(field) is None} == NO_RULES
    assert len(fields) > 60


def test_the_off_of_every_rule_is_a_valid_value_of_it() -> None:
    for settings in (FilterSettings(), FuseSettings()):
        off = switched_off(settings)
        assert type(settings).model_validate(off.model_dump()) == off


STRICT = FilterSettings.model_validate(
    {
        "text": {
            "brief": {"min_tokens": 30, "max_tokens": 31}, "min_ascii_share": 1.0, "min_function_words": 1.0,
            "max_repeats": 1, "max_objects": {"brief": 1}, "min_object_complexity": 99, "min_action_complexity": 99,
        },
        **{
            kind: {
                "min_score": 1.0, "labels": {"dog": 1.0}, "annotators": {"yolo": {"min_score": 1.0}},
                "allow_labels": ["nothing"], "deny_labels": ["dog", "cat"], "min_side": 900, "min_area": 10**6,
                "min_area_share": 1.0, "max_area_share": 0.0, "max_aspect_ratio": 1.0, "nms_iou": 0.0,
                "nms_iou_any_label": 0.0,
            }
            for kind in ("region", "ocr")
        },
        "phrase": {
            "min_score": 1.0, "min_box_score": 1.0, "deny": ["dog"], "max_box_area_share": 0.0, "min_box_side": 900,
            "nms_iou": 0.0,
        },
    }
)  # fmt: skip
SUSPICIOUS = FuseSettings.model_validate(
    {
        **{kind: {"min_votes": 9, "lone_box_score": 1.0} for kind in ("consensus", "word_consensus")},
        "labels": ["cat"], "empty_images": "drop",
    }
)  # fmt: skip


def test_the_baseline_drops_nothing_whatever_the_settings() -> None:
    text = "dog dog dog \u00fc\u00fc dog"
    box = (10.0, 10.0, 12.0, 90.0)
    said: dict[str, list[Finding]] = {
        "yolo": [Detection("dog", 0.01, box=box), Detection("cat", 0.01, box=box)],
        "ocr": [OcrLine("dog", 0.01, box=box, quad=(10, 10, 12, 10, 12, 90, 10, 90))],
        "cap": [Caption(text, 0.01, granularity="brief")],
        "phr": [
            PhraseGrounding("dog", 0.01, about="cap/0", box=(0, 0, 640, 480), span=(0, 3), phrase_score=0.01),
            PhraseGrounding("dog", 0.01, about="cap/0", box=box, span=(0, 3), phrase_score=0.01),
        ],
    }  # fmt: skip
    roles = {"yolo": "detector", "ocr": "reader", "cap": "captioner", "phr": "grounder"}
    voters = tuple(Voter(name, role, "f") for name, role in roles.items())
    plan = RoundPlan(0, voters, SUSPICIOUS, STRICT)
    row = ImageRow("a", "a.jpg", sha256="00", width=640, height=480, ext="jpg")
    columns = {name: {"a": RawRow("a", findings=findings)} for name, findings in said.items()}
    [strict] = build_shard([row], columns, plan, {}, WordCounter())
    [raw] = build_shard([row], columns, unfiltered(plan), {}, WordCounter())
    assert (strict.record, raw.status) == (None, "kept")
    assert not any(each.kept for each in strict.rows)
    assert [each.rule for each in raw.rows] == [""] * 7


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


def test_own_filters_are_the_last_step() -> None:
    own = CustomFilter(factory="filters.examples.small_things:SmallThings", on="region")
    plan = replace(PLAN, filters=PLAN.filters.model_copy(update={"custom": [own]}))
    steps = filter_steps(plan)
    assert list(steps)[-2:] == ["+ texts", "+ phrases"]
    assert [step.filters.custom for step in steps.values()] == [[]] * len(steps)
    assert replace(steps["+ phrases"], filters=plan.filters) == plan


def test_one_annotator_alone_keeps_its_trust() -> None:
    plan = raw_alone(PLAN, ("yolo",))
    assert [each.name for each in plan.annotators] == ["yolo"]
    assert plan.fuse.trust == {"yolo": 0.5}
    assert set(plan.fuse.merge.model_dump().values()) == {"union"}


BOX = (0.0, 0.0, 9.0, 9.0)


@pytest.mark.parametrize(
    ("finding", "areas"),
    [
        (Detection("dog", box=BOX), {"boxes", "regions"}),
        (Detection("", box=BOX, polygons=[[0.0, 0, 9, 0, 9, 9]]), {"boxes", "masks"}),
        (Caption("a dog", granularity="brief"), {"captions/brief"}),
        (Caption("a dog", about="yolo/0", granularity="brief"), {"regions"}),
        (Match("dog", about="yolo/0"), {"regions"}),
        (Match("a dog", about="captioner/0", granularity="brief"), set()),
        (Mask(about="yolo/0", polygons=[]), {"masks"}),
        (PhraseGrounding("a dog", about="t/0", span=(0, 5)), {"phrases"}),
        (OcrLine("STOP", box=BOX), {"words"}),
    ],
)
def test_what_a_finding_can_be_measured_by(finding: Finding, areas: set[str]) -> None:
    assert areas_of([finding]) == areas
