"""Records to lessons and back: nothing lost, within a bin, and as transformers' own parser reads them."""

import re
from collections import Counter
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shards.finding import (
    Box,
    Caption,
    Detection,
    Finding,
    Mask,
    OcrLine,
    PhraseGrounding,
    Polygons,
    about_of,
    box_of,
    text_of,
)
from shards.record import GroundedBox, Record, Region
from specialists.florence2_format import CAPTION_TASKS, PROMPTS, Task, clean_label, clean_text, parse_regions
from stages.codec.decode import Inquiry, findings
from stages.codec.encode import lessons
from stages.codec.lesson import Encoded, Lesson
from stages.codec.settings import CodecSettings
from stages.scenes.gold import draw_scene
from tests.specialists.tiny_florence2 import tiny_processor
from tests.stages.codec.records import SOURCE, object_region, random_record, record, records, text_region
from tests.typed import typed

TASKS: tuple[Task, ...] = get_args(Task)
BINS = (1000, 1000)
"""With this size both sides give the bins themselves: transformers cuts pixels to integers."""


def count(text: str) -> int:
    """Tokens: a location each, a letter each."""
    plain = re.sub(r"<\w+>", "", text)
    return text.count("<loc_") + sum(letter.isalpha() for letter in plain)


def encoded(of: Record, **options: Any) -> Encoded:
    return lessons(of, CodecSettings(**options), count)


def read(of: Record, lesson: Lesson) -> list[Finding]:
    """The findings of a lesson's own answer."""
    region = next((r for r in of.regions if r.id == lesson.refs[0]), None)
    about_region = lesson.task.startswith("<REGION_TO_")
    text = "" if about_region else lesson.prompt.removeprefix("Locate the phrases in the caption: ")
    if lesson.task in ("<OPEN_VOCABULARY_DETECTION>", "<REFERRING_EXPRESSION_SEGMENTATION>"):
        text = lesson.prompt.removeprefix("Locate ").split(" in the image")[0]
    elif lesson.task != "<CAPTION_TO_PHRASE_GROUNDING>":
        text = ""
    box = region.box if about_region and region else None
    asked = Inquiry(lesson.task, of.width, of.height, text=text, region=box, about="a/0")
    assert asked.prompt == lesson.prompt
    return findings(asked, lesson.target)


def near(first: Box, second: Box, of: Record) -> bool:
    """At most one bin apart (half a bin, and single precision)."""
    bins = (of.width / 1000, of.height / 1000) * 2
    return all(abs(a - b) <= 0.51 * bin_ for a, b, bin_ in zip(first, second, bins, strict=True))


def expected(of: Record, lesson: Lesson) -> list[tuple[str, Box]]:
    """Label and box of every region of a lesson about boxes."""
    regions = {region.id: region for region in of.regions}
    return [(_label(regions[ref], lesson.task), regions[ref].box) for ref in lesson.refs]


def _label(region: Region, task: Task) -> str:
    if task == "<REGION_PROPOSAL>":
        return ""
    kind = "brief" if task == "<DENSE_REGION_CAPTION>" else "phrase"
    return clean_label(next((c.text for c in region.candidates if c.kind == kind), region.text))


@pytest.mark.thorough
@given(records())
def test_boxes_and_labels_come_back_within_a_bin(of: Record) -> None:
    for lesson in encoded(of).lessons:
        if lesson.task in ("<OD>", "<DENSE_REGION_CAPTION>", "<REGION_PROPOSAL>", "<OPEN_VOCABULARY_DETECTION>"):
            found = sorted(((text_of(one), box_of(one)) for one in read(of, lesson)), key=str)
            wanted = expected(of, lesson)
            assert Counter(text for text, _ in found) == Counter(text for text, _ in wanted)
            for text, box in found:
                assert any(text == label and box and near(box, other, of) for label, other in wanted)


@pytest.mark.thorough
@given(records())
def test_texts_words_and_phrases_come_back(of: Record) -> None:
    texts, regions = {text.id: text for text in of.texts}, {region.id: region for region in of.regions}
    for lesson in encoded(of).lessons:
        found = read(of, lesson)
        if lesson.task in CAPTION_TASKS.values():
            [said] = typed(found, Caption)
            text = texts[lesson.refs[0]]
            assert (said.text, said.granularity) == (clean_text(text.text), text.granularity)
        elif lesson.task == "<OCR_WITH_REGION>":
            lines = typed(found, OcrLine)
            assert [line.text for line in lines] == [clean_text(regions[ref].text) for ref in lesson.refs]
            assert all(near(line.box, regions[ref].box, of) for line, ref in zip(lines, lesson.refs, strict=True))
        elif lesson.task == "<CAPTION_TO_PHRASE_GROUNDING>":
            groundings = [of.groundings[int(ref[1:])] for ref in lesson.refs[1:]]
            places = parse_regions(lesson.target)
            assert [clean_label(g.phrase) for g in groundings for _ in g.boxes] == [place.label for place in places]
            assert all(text_of(one) and about_of(one) == "a/0" for one in found)


@pytest.mark.thorough
@given(records())
def test_outlines_lie_in_their_region_and_keep_to_the_budget(of: Record) -> None:
    for lesson in encoded(of, max_polygon_points=12).lessons:
        if lesson.task == "<REGION_TO_SEGMENTATION>":
            [mask] = typed(read(of, lesson), Mask)
            region = next(r for r in of.regions if r.id == lesson.refs[0])
            assert mask.polygons
            assert sum(map(len, mask.polygons)) <= 24
            x = [value for ring in mask.polygons for value in ring[0::2]]
            assert min(x) >= region.box[0] - of.width * 0.0011
            assert max(x) <= region.box[2] + of.width * 0.0011
        elif lesson.task == "<REFERRING_EXPRESSION_SEGMENTATION>":
            assert all(one.polygons and one.text for one in typed(read(of, lesson), Detection))


def annotations(of: Record, task: Task) -> set[str]:
    """What a task is about."""
    kind = "text" if "OCR" in task else "object"
    found = {region.id for region in of.regions if region.kind == kind}
    grounded = {f"g{index}" for index in range(len(of.groundings))}
    match task:
        case "<CAPTION>" | "<DETAILED_CAPTION>" | "<MORE_DETAILED_CAPTION>":
            return {text.id for text in of.texts if CAPTION_TASKS[text.granularity] == task}
        case "<CAPTION_TO_PHRASE_GROUNDING>":
            return grounded
        case "<REFERRING_EXPRESSION_SEGMENTATION>":
            return found | grounded
        case _:
            return found


@pytest.mark.thorough
@given(records(), st.integers(1, 40), st.integers(1, 3))
def test_every_annotation_is_taught_or_refused_by_every_task(of: Record, tokens: int, most: int) -> None:
    found = encoded(of, max_target_tokens=tokens, max_per_task=most)
    for task in TASKS:
        taught = {ref for lesson in found.lessons if lesson.task == task for ref in lesson.refs}
        refused = [one.ref for one in found.refused if one.task == task]
        taught -= {text.id for text in of.texts} if task == "<CAPTION_TO_PHRASE_GROUNDING>" else set()
        assert len(refused) == len(set(refused))
        assert taught | set(refused) == annotations(of, task)
        assert not taught & set(refused)
    assert all(count(lesson.target) <= tokens for lesson in found.lessons)
    assert all(one.reason for one in found.refused)


@pytest.fixture(scope="module")
def processor() -> Any:
    return tiny_processor()


def outline(finding: Finding) -> Polygons:
    return finding.polygons or [] if isinstance(finding, Detection | Mask) else []


def assert_as_upstream(processor: Any, lesson: Lesson) -> None:
    """transformers reads the same bins and labels in a target as we do."""
    theirs = processor.post_process_generation(text=lesson.target, task=lesson.task, image_size=BINS)[lesson.task]
    region: Box | None = (0, 0, 1, 1) if lesson.task.startswith("<REGION_TO_") else None
    given_text = "a" if region is None and "{input}" in PROMPTS[lesson.task] else ""
    ours = findings(Inquiry(lesson.task, *BINS, text=given_text, region=region), lesson.target)
    if isinstance(theirs, str):
        assert [text_of(one) for one in ours] == [" ".join(theirs.split())]
    elif lesson.task == "<OCR_WITH_REGION>":
        assert [text_of(one) for one in ours] == theirs["labels"]
        assert [[v - 0.5 for v in line.quad or ()] for line in typed(ours, OcrLine)] == theirs["quad_boxes"]
    elif lesson.task == "<CAPTION_TO_PHRASE_GROUNDING>":
        places = parse_regions(lesson.target)
        assert [(p.label, list(p.bins)) for p in places] == list(zip(theirs["labels"], theirs["bboxes"], strict=True))
    elif "SEGMENTATION" in lesson.task:
        rings = [[[v - 0.5 for v in ring] for ring in polygons] for polygons in map(outline, ours)]
        assert rings == theirs["polygons"]
    else:
        assert [text_of(one) for one in ours] == theirs.get("labels", theirs.get("bboxes_labels"))
        assert [[v - 0.5 for v in box_of(one) or ()] for one in ours] == theirs["bboxes"]


@settings(deadline=None)
@given(of=records())
def test_targets_parse_as_upstream(processor: Any, of: Record) -> None:
    for lesson in encoded(of).lessons:
        assert_as_upstream(processor, lesson)


def test_targets_of_two_thousand_records_parse_as_upstream(processor: Any) -> None:
    rng = np.random.default_rng(0)
    seen = Counter(_checked(processor, random_record(rng)) for _ in range(2000))
    assert sum(lessons * records for lessons, records in seen.items()) > 15_000


def _checked(processor: Any, of: Record) -> int:
    found = encoded(of).lessons
    for lesson in found:
        assert_as_upstream(processor, lesson)
    return len(found)


def test_gold_of_scenes_parses_as_upstream_and_comes_back(processor: Any) -> None:
    seen: Counter[str] = Counter()
    for index in range(60):
        of = draw_scene(3000, index).record
        for lesson in encoded(of).lessons:
            assert_as_upstream(processor, lesson)
            seen[lesson.task] += 1
            if lesson.task == "<CAPTION_TO_PHRASE_GROUNDING>":
                spans = list(dict.fromkeys(one.span for one in typed(read(of, lesson), PhraseGrounding)))
                assert spans == [of.groundings[int(ref[1:])].span for ref in lesson.refs[1:]]
    assert set(seen) == set(TASKS)


BOX: Box = (10, 10, 60, 60)
SQUARE = [[10.0, 10, 60, 10, 60, 60, 10, 60]]


def reasons(of: Record, task: Task, **options: Any) -> dict[str, str]:
    found = lessons(of, CodecSettings(tasks=[task], **options), count)
    return {one.ref: one.reason for one in found.refused}


def test_what_cannot_be_written_is_refused_with_the_reason() -> None:
    regions = [
        object_region("r0", None, None, BOX),
        object_region("r1", "猫", "<s>", BOX),
        text_region("w0", "</s>", BOX),
    ]
    of = record(regions, ["</s>"], [], (100, 100))
    assert reasons(of, "<OD>") == {
        "r0": "no candidate of kind phrase",
        "r1": "nothing left of the label '猫' after cleaning",
    }
    assert reasons(of, "<OCR>") == {"w0": "nothing left of the text after cleaning"}
    assert reasons(of, "<CAPTION>") == {"t0": "nothing left of the text after cleaning"}
    assert reasons(of, "<REGION_TO_SEGMENTATION>")["r0"] == "not all of its places have polygons"


def test_phrases_without_boxes_or_letters_are_refused() -> None:
    of = record([], ["a dog and 猫"], [(0, "a dog", []), (0, "猫", [GroundedBox(BOX, 1.0, SOURCE)])], (100, 100))
    assert reasons(of, "<CAPTION_TO_PHRASE_GROUNDING>") == {
        "g0": "the phrase has no box",
        "g1": "nothing left of the phrase or its text after cleaning",
    }


def test_an_expression_is_refused_where_one_place_has_no_polygons() -> None:
    places = [GroundedBox(BOX, 1.0, SOURCE, polygons=SQUARE), GroundedBox((0, 0, 5, 5), 1.0, SOURCE)]
    of = record([], ["two dogs"], [(0, "two dogs", places)], (100, 100))
    assert reasons(of, "<REFERRING_EXPRESSION_SEGMENTATION>") == {"g0": "not all of its places have polygons"}


def test_an_expression_of_a_phrase_and_of_a_region_is_asked_for_once() -> None:
    of = record(
        [object_region("r0", "dog", "A dog", BOX, polygons=SQUARE)],
        ["a dog"],
        [(0, "a dog", [GroundedBox(BOX, 1.0, SOURCE, "r0")])],
        (100, 100),
    )
    [lesson] = encoded(of, tasks=["<REFERRING_EXPRESSION_SEGMENTATION>"]).lessons
    assert lesson.prompt == "Locate a dog in the image with mask"
    assert lesson.target == "<loc_100><loc_100><loc_600><loc_100><loc_600><loc_600><loc_100><loc_600>"
    assert lesson.refs == ("g0", "r0")


def test_a_long_answer_loses_its_lowest_scores_and_keeps_its_order() -> None:
    regions = [object_region(f"r{i}", "dog", None, (10.0 * i, 0, 10.0 * i + 5, 9), score) for i, score in
               enumerate([0.9, 0.1, 0.8, 0.7])]  # fmt: skip
    of = record(regions, [], [], (100, 100))
    found = encoded(of, tasks=["<OD>"], max_target_tokens=15)
    assert [lesson.refs for lesson in found.lessons] == [("r0", "r2", "r3")]
    assert [(one.ref, one.reason) for one in found.refused] == [
        ("r1", "answer is longer than max_target_tokens = 15: the lowest scores go first")
    ]
    assert encoded(of, tasks=["<OD>"], max_target_tokens=6).lessons == []


def test_a_long_question_is_refused() -> None:
    of = record([], ["a dog"], [(0, "a dog", [GroundedBox(BOX, 1.0, SOURCE)])], (100, 100))
    assert reasons(of, "<CAPTION_TO_PHRASE_GROUNDING>", max_prompt_tokens=5) == {
        "g0": "question of 32 tokens is longer than max_prompt_tokens = 5"
    }


def test_only_the_best_regions_are_asked_about() -> None:
    regions = [object_region(f"r{i}", "dog", None, BOX, i / 10) for i in range(4)]
    of = record(regions, [], [], (100, 100))
    found = encoded(of, tasks=["<REGION_TO_CATEGORY>"], max_per_task=2)
    assert [lesson.refs for lesson in found.lessons] == [("r3",), ("r2",)]
    assert [one.reason for one in found.refused] == ["more than max_per_task = 2 questions"] * 2


def test_text_in_the_picture_is_read_from_top_to_bottom() -> None:
    of = record([text_region("w0", "low", (0, 50, 9, 59)), text_region("w1", "high", (0, 5, 9, 9))], [], [], (100, 100))
    assert [lesson.target for lesson in encoded(of, tasks=["<OCR>"]).lessons] == ["highlow"]
    [lesson] = encoded(of, tasks=["<OCR_WITH_REGION>"]).lessons
    assert lesson.target.startswith("high<loc_0><loc_50><loc_90><loc_50>")


def test_a_task_named_twice_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"tasks must differ, got .*: name each once"):
        CodecSettings(tasks=["<OD>", "<OD>"])
