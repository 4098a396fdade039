"""The generalist's stage with a scripted model, and with a tiny Florence-2 of random weights."""

import math
import pickle
import re
from pathlib import Path

import numpy as np
import pytest

from shards.finding import Finding
from specialists.florence2_answers import read_phrases
from specialists.florence2_format import PROMPTS
from specialists.florence2_generalist import Florence2Generalist, Florence2GeneralistSettings
from specialists.florence2_model import Answer
from specialists.roles import Fingerprint, Image, Phrase
from stages.annotate.generalist import GeneralistSettings, GeneralistStage, GeneralistTask
from stages.build import build_stage, gives, wants
from stages.stage import Item
from tests.specialists.tiny_florence2 import save_tiny_florence2

PICTURE = np.zeros((1000, 1000, 3), np.uint8)
BOX = "<loc_0><loc_0><loc_99><loc_99>"
FAR = "<loc_500><loc_500><loc_600><loc_600>"


def answer_of(text: str) -> Answer:
    """Every token has probability 0.5."""
    spans = [piece.span() for piece in re.finditer(r"<loc_\d+>|[^<]+", text)]
    return Answer(text, spans, [math.log(0.5)] * len(spans))


class Scripted:
    """Answers by the question; finds every phrase that the script has in the text."""

    def __init__(self, **answers: str) -> None:
        self.asked: list[list[str]] = []
        self._answers = {PROMPTS[f"<{task}>"]: text for task, text in answers.items()}  # type: ignore[index]

    def load(self) -> None: ...

    def answer(self, images: list[Image], questions: list[list[str]]) -> list[list[Answer]]:
        self.asked += questions
        assert len(images) == len(questions)
        return [[answer_of(self._answer(question)) for question in some] for some in questions]

    def ground(self, images: list[Image], texts: list[str]) -> list[list[Phrase]]:
        assert len(images) == len(texts)
        return [read_phrases(answer_of(f"a dog{BOX}"), 1000, 1000, text) for text in texts]

    def fingerprint(self) -> Fingerprint:
        return {"backend": "scripted"}

    def close(self) -> None: ...

    def _answer(self, question: str) -> str:
        template = next(t for t in self._answers if re.fullmatch(re.escape(t).replace(r"\{input\}", ".*"), question))
        return self._answers[template]


def run(script: Scripted, *tasks: GeneralistTask, **upstream: list[Finding]) -> list[Finding]:
    stage = GeneralistStage(GeneralistSettings(tasks=list(tasks)), "self", script)
    [found] = stage.run([Item("a", PICTURE, upstream)])
    return found


def test_a_dense_caption_is_about_the_object_it_overlaps_or_an_object_of_its_own() -> None:
    script = Scripted(
        OD=f"cat{FAR}dog{BOX}", DENSE_REGION_CAPTION=f"a brown dog{BOX}a tree<loc_1><loc_500><loc_9><loc_900>"
    )
    found = run(script, "<OD>", "<DENSE_REGION_CAPTION>")
    assert [(one.kind, one.text, one.about) for one in found] == [
        ("object", "cat", ""),
        ("object", "dog", ""),
        ("text", "a brown dog", "self/1"),
        ("object", "", ""),
        ("text", "a tree", "self/3"),
    ]
    assert found[3].box == (1.5, 500.5, 9.5, 900.5)
    assert {one.score for one in found} == {0.5}
    assert {one.granularity for one in found if one.kind == "text"} == {"brief"}


def test_a_dense_box_without_words_is_an_object() -> None:
    [found] = run(Scripted(DENSE_REGION_CAPTION=BOX), "<DENSE_REGION_CAPTION>")
    assert (found.kind, found.text, found.about) == ("object", "", "")


def test_phrases_of_its_own_texts_come_before_those_of_others() -> None:
    script = Scripted(CAPTION="see a dog", DETAILED_CAPTION="nothing", OD="")
    upstream = [
        Finding("text", "a dog", granularity="brief"),
        Finding("text", "a dog", about="yolo/0", granularity="brief"),
    ]
    found = run(script, "<CAPTION>", "<DETAILED_CAPTION>", "<OD>", "<CAPTION_TO_PHRASE_GROUNDING>", captioner=upstream)
    assert [(one.about, one.span) for one in found[2:]] == [("self/0", (4, 9)), ("captioner/0", (0, 5))]
    assert all(one.kind == "phrase" and one.text == "a dog" for one in found[2:])


def test_regions_are_asked_about_by_their_place() -> None:
    ring = "<loc_0><loc_0><loc_9><loc_0><loc_9><loc_9>"
    script = Scripted(OD=f"dog{BOX}cat{FAR}", REGION_TO_SEGMENTATION=ring, REGION_TO_DESCRIPTION="a thing")
    found = run(script, "<OD>", "<REGION_TO_SEGMENTATION>", "<REGION_TO_DESCRIPTION>")
    assert [(one.kind, one.about) for one in found[2:]] == [
        ("mask", "self/0"),
        ("mask", "self/1"),
        ("text", "self/0"),
        ("text", "self/1"),
    ]
    assert script.asked[1][0] == f"What is the polygon mask of region {BOX}"


def test_words_have_quads() -> None:
    quad = "<loc_0><loc_0><loc_9><loc_0><loc_9><loc_9><loc_0><loc_9>"
    [found] = run(Scripted(OCR_WITH_REGION=f"STOP{quad}"), "<OCR_WITH_REGION>")
    assert (found.kind, found.text, found.box) == ("ocr", "STOP", (0.5, 0.5, 9.5, 9.5))


def test_a_task_named_twice_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"tasks must differ, got .*: name each once"):
        GeneralistSettings(tasks=["<OD>", "<OD>"])


def test_it_waits_for_texts_only_where_it_grounds_and_nobody_waits_for_it() -> None:
    assert wants(GeneralistSettings()) == {"text"}
    assert wants(GeneralistSettings(tasks=["<OD>"])) == set()
    assert gives(GeneralistSettings()) == set()


def test_the_fingerprint_knows_tasks_and_boxes() -> None:
    facts = [
        GeneralistStage(settings, "self", Scripted()).fingerprint()
        for settings in (GeneralistSettings(), GeneralistSettings(tasks=["<OD>"]))
    ]
    assert facts[0] != facts[1]
    assert facts[0]["backend"] == "scripted"


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
    assert [[(f.kind, f.text, f.box, f.about) for f in one] for one in found] == [
        [(f.kind, f.text, f.box, f.about) for f in one] for one in alone
    ]
    stage.close()
