"""What a model writes, as findings."""

import math

import pytest

from shards.finding import Caption, Detection, Mask, OcrLine, PhraseGrounding, text_of
from specialists.florence2_model import Answer
from stages.codec.decode import Inquiry, findings


def test_an_answer_with_probabilities_gives_scores_and_a_text_none() -> None:
    answer = Answer("a dog", [(0, 5)], [math.log(0.25)])
    asked = Inquiry("<DETAILED_CAPTION>", 100, 100)
    [found] = findings(asked, answer)
    assert found.score == pytest.approx(0.25)
    assert findings(asked, "a dog") == [Caption("a dog", granularity="detailed")]


def test_answers_about_a_region_name_the_finding_they_are_about() -> None:
    box = (10.0, 10.0, 60.0, 60.0)
    described = Inquiry("<REGION_TO_DESCRIPTION>", 100, 100, region=box, about="yolo/3")
    assert described.prompt == "What does the region <loc_100><loc_100><loc_600><loc_600> describe?"
    assert findings(described, "a dog") == [Caption("a dog", about="yolo/3", granularity="brief")]
    masked = Inquiry("<REGION_TO_SEGMENTATION>", 1000, 1000, region=box, about="yolo/3")
    ring = "<loc_0><loc_0><loc_9><loc_0><loc_9><loc_9>"
    assert findings(masked, ring) == [Mask(about="yolo/3", polygons=[[0.5, 0.5, 9.5, 0.5, 9.5, 9.5]])]
    assert findings(masked, "no mask") == [Mask(about="yolo/3", polygons=[])]
    read = Inquiry("<REGION_TO_OCR>", 100, 100, region=box)
    assert findings(read, "STOP") == [OcrLine("STOP", box=box, quad=(10, 10, 60, 10, 60, 60, 10, 60))]


def test_phrases_are_about_the_text_that_was_asked_for() -> None:
    asked = Inquiry("<CAPTION_TO_PHRASE_GROUNDING>", 1000, 1000, text="a dog runs", about="t/0")
    [found] = findings(asked, "a dog<loc_0><loc_0><loc_9><loc_9>")
    assert found == PhraseGrounding("a dog", about="t/0", box=(0.5, 0.5, 9.5, 9.5), span=(0, 5))


def test_open_vocabulary_answers_are_boxes_or_outlines() -> None:
    asked = Inquiry("<OPEN_VOCABULARY_DETECTION>", 1000, 1000, text="dog")
    assert findings(asked, "dog<loc_0><loc_0><loc_9><loc_9>") == [Detection("dog", box=(0.5, 0.5, 9.5, 9.5))]
    [found] = findings(asked, "dog<poly><loc_0><loc_0><loc_9><loc_0><loc_9><loc_9></poly>")
    assert found == Detection("dog", box=(0.5, 0.5, 9.5, 9.5), polygons=[[0.5, 0.5, 9.5, 0.5, 9.5, 9.5]])


def test_an_expression_names_all_its_outlines() -> None:
    asked = Inquiry("<REFERRING_EXPRESSION_SEGMENTATION>", 1000, 1000, text="two dogs")
    ring = "<poly><loc_0><loc_0><loc_9><loc_0><loc_9><loc_9></poly>"
    assert [text_of(one) for one in findings(asked, ring + ring)] == ["two dogs", "two dogs"]


def test_a_region_task_without_region_is_an_error() -> None:
    with pytest.raises(ValueError, match="<REGION_TO_OCR> is about a region, got none: give its box"):
        Inquiry("<REGION_TO_OCR>", 100, 100)


def test_a_text_for_a_task_that_takes_none_is_an_error() -> None:
    with pytest.raises(ValueError, match="<OD> takes no text besides the image, got 'dog'"):
        _ = Inquiry("<OD>", 100, 100, text="dog").prompt
