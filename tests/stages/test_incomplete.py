from typing import Any, get_args

import pytest

from shards.record import Missing, Record
from specialists.florence2_format import Task
from stages.codec.encode import lessons
from stages.codec.settings import CodecSettings
from stages.incomplete import unknown
from tests.stages.codec.records import object_region, record, text_region

EMPTY = record([], [], [], (100, 100))
DOG, CAT = ((10.0, 10.0, 60.0, 60.0), (10.0, 10.0, 50.0, 50.0))


def lacking(of: Record, role: str, round_: int = 0) -> Record:
    return Record(
        of.key, of.uri, of.sha256, of.width, of.height, of.round, of.texts, of.regions, of.groundings,
        missing=[Missing("yolo", "f", round_, role, "oom")],
    )  # fmt: skip


def tasks_of(of: Record) -> tuple[set[Task], dict[str, Any]]:
    found = lessons(of, CodecSettings(tasks=list(get_args(Task))), len)
    return {lesson.task for lesson in found.lessons}, {each.task: each.reason for each in found.refused}


@pytest.mark.parametrize(
    ("role", "round_", "parts"),
    [("detector", 0, {"objects"}), ("reader", 0, {"words"}), ("grounder", 0, {"phrases"}), ("segmenter", 0, set()),
     ("generalist", 0, {"objects", "words", "phrases"}), ("generalist", 1, set()), ("detector", 1, set())],
)  # fmt: skip
def test_what_is_not_known_follows_from_the_role_of_who_is_missing(role: str, round_: int, parts: set[str]) -> None:
    assert unknown(lacking(EMPTY, role, round_)).keys() == parts


def test_nothing_is_unknown_of_a_whole_record() -> None:
    assert unknown(EMPTY) == {}


def test_that_there_is_nothing_else_is_not_taught() -> None:
    whole = record(
        [object_region("r0", "dog", None, DOG), text_region("r1", "STOP", (0.0, 80.0, 40.0, 90.0))], [], [], (100, 100)
    )
    every, _ = tasks_of(whole)
    assert {"<OD>", "<REGION_PROPOSAL>", "<REGION_TO_CATEGORY>", "<OCR>"} <= every
    left, refused = tasks_of(lacking(whole, "detector"))
    assert every - left == {"<OD>", "<DENSE_REGION_CAPTION>", "<REGION_PROPOSAL>", "<OPEN_VOCABULARY_DETECTION>"}
    assert refused["<OD>"] == "yolo failed on the image: there may be more"
    left, _ = tasks_of(lacking(whole, "reader"))
    assert every - left == {"<OCR>", "<OCR_WITH_REGION>"}


def test_every_annotation_of_a_task_that_is_left_out_is_refused() -> None:
    whole = record([object_region("r0", "dog", None, DOG), object_region("r2", "cat", None, CAT)], [], [], (100, 100))
    found = lessons(lacking(whole, "detector"), CodecSettings(tasks=["<OD>"]), len)
    assert (found.lessons, [each.ref for each in found.refused]) == ([], ["r0", "r2"])
