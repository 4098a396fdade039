"""The generalist's stage with a scripted model, and with a tiny Florence-2 of random weights."""

import math
import pickle
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from shards.finding import Caption, Finding, Match, PhraseGrounding, about_of, box_of, kind_of, text_of
from specialists.florence2_format import Question
from specialists.florence2_generalist import Florence2Generalist, Florence2GeneralistSettings
from specialists.florence2_model import Answer
from specialists.roles import Fingerprint, Image
from stages.annotate.build import build_stage, gives, wants
from stages.annotate.generalist import GeneralistSettings, GeneralistStage, GeneralistTask
from stages.annotate.tiles import TileSettings
from stages.stage import Item
from tests.specialists.tiny_florence2 import save_tiny_florence2
from tests.typed import typed

PICTURE = np.zeros((1000, 1000, 3), np.uint8)
BOX = "<loc_0><loc_0><loc_99><loc_99>"
FAR = "<loc_500><loc_500><loc_600><loc_600>"


def answer_of(text: str) -> Answer:
    """Every token has probability 0.5."""
    spans = [piece.span() for piece in re.finditer(r"<loc_\d+>|[^<]+", text)]
    return Answer(text, spans, [math.log(0.5)] * len(spans))


class Scripted:
    """Answers by the task; finds somebody's answer the likelier the fewer letters it has."""

    def __init__(self, **answers: str) -> None:
        self.asked: list[list[Question]] = []
        self._answers = answers

    def load(self) -> None: ...

    def answer(self, images: list[Image], questions: list[list[Question]]) -> list[list[Answer]]:
        self.asked += questions
        assert len(images) == len(questions)
        return [[self._answer(question) for question in some] for some in questions]

    def fingerprint(self) -> Fingerprint:
        return {"backend": "scripted"}

    def close(self) -> None: ...

    def _answer(self, question: Question) -> Answer:
        if question.answer is not None:
            return Answer(question.answer, [(0, 1)], [math.log(1 / len(question.answer))])
        return answer_of(self._answers[question.task.strip("<>")])


def run(script: Scripted, *tasks: GeneralistTask, judges: bool = False, **upstream: Sequence[Finding]) -> list[Finding]:
    stage = GeneralistStage(GeneralistSettings(tasks=list(tasks), judges=judges), "self", script)
    [found] = stage.run([Item("a", PICTURE, upstream)])
    return found


def test_a_dense_caption_is_about_the_object_it_overlaps_or_an_object_of_its_own() -> None:
    script = Scripted(
        OD=f"cat{FAR}dog{BOX}", DENSE_REGION_CAPTION=f"a brown dog{BOX}a tree<loc_1><loc_500><loc_9><loc_900>"
    )
    found = run(script, "<OD>", "<DENSE_REGION_CAPTION>")
    assert [(kind_of(one), text_of(one), about_of(one)) for one in found] == [
        ("object", "cat", ""),
        ("object", "dog", ""),
        ("text", "a brown dog", "self/1"),
        ("object", "", ""),
        ("text", "a tree", "self/3"),
    ]
    assert box_of(found[3]) == (1.5, 500.5, 9.5, 900.5)
    assert {one.score for one in found} == {0.5}
    assert {one.granularity for one in found if isinstance(one, Caption)} == {"brief"}


def test_a_dense_box_without_words_is_an_object() -> None:
    [found] = run(Scripted(DENSE_REGION_CAPTION=BOX), "<DENSE_REGION_CAPTION>")
    assert (kind_of(found), text_of(found), about_of(found)) == ("object", "", "")


def test_phrases_of_its_own_texts_come_before_those_of_others() -> None:
    phrases = f"a dog{BOX}"
    script = Scripted(CAPTION="see a dog", DETAILED_CAPTION="nothing", OD="", CAPTION_TO_PHRASE_GROUNDING=phrases)
    upstream = [
        Caption("a dog", granularity="brief"),
        Caption("a dog", about="yolo/0", granularity="brief"),
    ]
    found = run(script, "<CAPTION>", "<DETAILED_CAPTION>", "<OD>", "<CAPTION_TO_PHRASE_GROUNDING>", captioner=upstream)
    assert [(one.about, one.span, one.text) for one in typed(found[2:], PhraseGrounding)] == [
        ("self/0", (4, 9), "a dog"),
        ("captioner/0", (0, 5), "a dog"),
    ]


def test_regions_are_asked_about_by_their_place() -> None:
    ring = "<loc_0><loc_0><loc_9><loc_0><loc_9><loc_9>"
    script = Scripted(OD=f"dog{BOX}cat{FAR}", REGION_TO_SEGMENTATION=ring, REGION_TO_DESCRIPTION="a thing")
    found = run(script, "<OD>", "<REGION_TO_SEGMENTATION>", "<REGION_TO_DESCRIPTION>")
    assert [(kind_of(one), about_of(one)) for one in found[2:]] == [
        ("mask", "self/0"),
        ("mask", "self/1"),
        ("text", "self/0"),
        ("text", "self/1"),
    ]
    assert script.asked[1][0] == Question("<REGION_TO_SEGMENTATION>", BOX)


def test_texts_of_all_are_judged_by_the_task_of_their_granularity() -> None:
    script = Scripted(CAPTION="a dog", DETAILED_CAPTION="a brown dog", OD="")
    upstream = [
        Caption("dogs</s>", granularity="brief"),
        Caption("ab"),
        Caption(" <loc_5> ", granularity="brief"),
        Caption("a dog in the grass and a ball", granularity="more_detailed"),
        Caption("a dog", about="yolo/0", granularity="brief"),
        Caption("a big dog", granularity="detailed"),
    ]
    found = run(script, "<CAPTION>", "<DETAILED_CAPTION>", "<OD>", judges=True, given=upstream)
    assert found[2:] == [
        Match("a dog", 1 / 5, about="self/0", granularity="brief"),
        Match("dogs</s>", 1 / 4, about="given/0", granularity="brief"),
        Match("ab", 1 / 2, about="given/1", granularity="brief"),
        Match("a brown dog", pytest.approx(1 / 11), about="self/1", granularity="detailed"),  # type: ignore[arg-type]
        Match("a big dog", pytest.approx(1 / 9), about="given/5", granularity="detailed"),  # type: ignore[arg-type]
    ]
    assert script.asked[1][1] == Question("<CAPTION>", answer="dogs")


def test_words_have_quads() -> None:
    quad = "<loc_0><loc_0><loc_9><loc_0><loc_9><loc_9><loc_0><loc_9>"
    [found] = run(Scripted(OCR_WITH_REGION=f"STOP{quad}"), "<OCR_WITH_REGION>")
    assert (kind_of(found), text_of(found), box_of(found)) == ("ocr", "STOP", (0.5, 0.5, 9.5, 9.5))


def test_a_task_named_twice_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"tasks must differ, got .*: name each once"):
        GeneralistSettings(tasks=["<OD>", "<OD>"])


def test_it_waits_for_texts_only_where_it_grounds_or_judges_and_nobody_waits_for_it() -> None:
    assert wants(GeneralistSettings()) == {"text"}
    assert wants(GeneralistSettings(tasks=["<CAPTION>"])) == {"text"}
    assert wants(GeneralistSettings(tasks=["<CAPTION>"], judges=False)) == set()
    assert wants(GeneralistSettings(tasks=["<OD>"])) == set()
    assert gives(GeneralistSettings()) == set()


@pytest.mark.parametrize(
    "settings", [GeneralistSettings(tasks=["<CAPTION>"]), GeneralistSettings(judges=False)], ids=["tasks", "judges"]
)
def test_the_fingerprint_knows_what_it_is_asked(settings: GeneralistSettings) -> None:
    facts = GeneralistStage(GeneralistSettings(), "self", Scripted()).fingerprint()
    assert facts != GeneralistStage(settings, "self", Scripted()).fingerprint()
    assert facts["backend"] == "scripted"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_florence2(tmp_path_factory.mktemp("florence2"))


def pictures(count: int) -> list[Image]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (40 + 11 * i, 90 - 7 * i, 3), dtype=np.uint8) for i in range(count)]


def test_an_image_is_encoded_once_for_all_tasks_and_passes(folder: Path) -> None:
    tasks: list[GeneralistTask] = ["<CAPTION>", "<OD>", "<DENSE_REGION_CAPTION>", "<OCR_WITH_REGION>"]
    tasks += ["<CAPTION_TO_PHRASE_GROUNDING>", "<REGION_TO_SEGMENTATION>"]
    specialist = Florence2GeneralistSettings(weights=str(folder), max_new_tokens=24, batch_size=2)
    settings = GeneralistSettings(specialist=specialist, tasks=tasks)
    stage = pickle.loads(pickle.dumps(build_stage(settings, "self")))
    assert isinstance(stage, GeneralistStage)
    stage.load()
    generalist = stage._generalist
    assert isinstance(generalist, Florence2Generalist)
    seen: list[int] = []
    generalist._model._model.model.vision_tower.register_forward_hook(lambda _m, args, _o: seen.append(len(args[0])))
    items = [Item(str(i), image) for i, image in enumerate(pictures(3))]
    found = stage.run(items)
    assert sum(seen) == 3
    assert [len(one) > 1 for one in found] == [True] * 3
    alone = [stage.run([Item(item.key, item.image.copy())])[0] for item in items]
    assert [[(kind_of(f), text_of(f), box_of(f), about_of(f)) for f in one] for one in found] == [
        [(kind_of(f), text_of(f), box_of(f), about_of(f)) for f in one] for one in alone
    ]
    stage.close()


def test_its_own_text_is_as_likely_as_when_it_was_written_and_others_are_grounded_whatever_their_length(
    folder: Path,
) -> None:
    specialist = Florence2GeneralistSettings(weights=str(folder), max_new_tokens=24, batch_size=2)
    generalist = Florence2Generalist(specialist)
    generalist.load()
    images = pictures(2)
    long = "a red car and two dogs on the grass. " * 60
    forced = Question("<CAPTION>", answer="a red car")
    asked = [[forced, Question("<CAPTION_TO_PHRASE_GROUNDING>", long), Question("<CAPTION>")], [forced]]
    [[car, grounded, own], [other]] = generalist.answer(images, asked)
    assert (car.text, other.text) == ("a red car", "a red car")
    assert car.logprobs != pytest.approx(other.logprobs)
    assert own.text != ""
    assert len(grounded.logprobs) > specialist.max_new_tokens  # of several answers
    assert grounded.spans[-1][1] == len(grounded.text)
    nothing = Question("<CAPTION_TO_PHRASE_GROUNDING>", " ... ")
    assert generalist.answer(images[:1], [[nothing]])[0][0].text == ""


def test_objects_come_from_parts_too_and_dense_captions_are_about_them() -> None:
    script = Scripted(OD=f"dog{BOX}", DENSE_REGION_CAPTION=f"a brown dog{BOX}", CAPTION="a dog")
    settings = GeneralistSettings(
        tasks=["<CAPTION>", "<OD>", "<DENSE_REGION_CAPTION>"], judges=False, tiles=TileSettings(overlap=0)
    )
    [found] = GeneralistStage(settings, "self", script).run([Item("a", PICTURE)])
    objects = [box_of(finding) for finding in found if kind_of(finding) == "object"]
    assert [tuple(round(value) for value in box or ()) for box in objects] == [
        (0, 0, 100, 100),  # of the whole; each part writes the same bins: a box at its left upper corner
        (0, 0, 50, 50),
    ]  # those of the other parts end at an inner edge
    assert [(text_of(finding), about_of(finding)) for finding in found if isinstance(finding, Caption)] == [
        ("a dog", ""),
        ("a brown dog", "self/1"),
    ]
