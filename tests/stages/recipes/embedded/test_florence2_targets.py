from typing import cast

import pytest

from shards.finding import Box
from shards.geometry import iou_matrix
from shards.record import Record, Region
from specialists.florence2_format import dequantize, parse_regions
from stages.codec.lesson import Lesson
from stages.recipes.embedded.florence2_targets import scene_lessons
from stages.scenes.gold import draw_scene
from stages.scenes.settings import SceneSettings

RECORDS = [draw_scene(23, index).record for index in range(12)]


def answers(record: Record, task: str) -> list[Lesson]:
    return [lesson for lesson in scene_lessons(record) if lesson.task == task]


def objects(record: Record) -> list[Region]:
    return [region for region in record.regions if region.kind == "object"]


@pytest.mark.parametrize(("task", "candidate"), [("<OD>", 0), ("<DENSE_REGION_CAPTION>", 1)])
def test_regions_are_all_there_with_their_boxes(task: str, candidate: int) -> None:
    asked = 0
    for record in RECORDS:
        for lesson in answers(record, task):
            said = parse_regions(lesson.target)
            truth = [(region.candidates[candidate].text, region.box) for region in objects(record)]
            assert sorted(place.label for place in said) == sorted(label for label, _ in truth)
            boxes = [cast(Box, tuple(dequantize(place.bins, record.width, record.height))) for place in said]
            assert (iou_matrix(boxes, [box for _, box in truth]).max(axis=0) > 0.9).all()
            asked += 1
    assert asked >= 10


def test_grounding_repeats_the_phrases_of_the_caption_in_order() -> None:
    for record in RECORDS:
        for lesson, text in zip(answers(record, "<CAPTION_TO_PHRASE_GROUNDING>"), record.texts, strict=False):
            assert lesson.prompt.endswith(text.text)
            phrases = list(dict.fromkeys(place.label_span for place in parse_regions(lesson.target)))
            wanted = [g.phrase for g in record.groundings if g.text_id == text.id]
            assert [lesson.target[slice(*span)] for span in phrases] == wanted


def test_an_empty_scene_teaches_captions_only() -> None:
    empty = draw_scene(1, 0, SceneSettings(empty_share=1.0)).record

    assert [lesson.task for lesson in scene_lessons(empty)] == [
        "<CAPTION>",
        "<DETAILED_CAPTION>",
        "<MORE_DETAILED_CAPTION>",
    ]
