import numpy as np
import pytest
from pydantic import ValidationError

from filters.parser import Parser, ParserSettings
from shards.finding import Caption, Detection, Finding, PhraseGrounding, about_of
from specialists.roles import Fingerprint, Image, Phrase
from stages.annotate.grounder import NounChunks, PhrasesSettings, PhrasesStage, build_grounder
from stages.stage import Item


class FirstWord:
    """Finds the first word of every text: at (1, 2, 3, 4), or nowhere if it is `ghost`."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, str]] = []

    def load(self) -> None: ...

    def ground(self, images: list[Image], texts: list[str]) -> list[list[Phrase]]:
        self.asked += [(id(image), text) for image, text in zip(images, texts, strict=True)]
        return [[self._phrase(text.split()[0])] for text in texts]

    def _phrase(self, word: str) -> Phrase:
        places = 0 if word == "ghost" else 2
        boxes = np.tile(np.array([1, 2, 3, 4], np.float32), (places, 1))
        return Phrase(0, len(word), 0.5, boxes, np.full(places, 0.25, np.float32))

    def fingerprint(self) -> Fingerprint:
        return {"backend": "first word"}

    def close(self) -> None: ...


def a_text(text: str, **fields: str) -> Finding:
    return Caption(text, about=fields.get("about", ""), granularity="brief")


def an_item(**findings: list[Finding]) -> Item:
    return Item("a", np.zeros((10, 10, 3), np.uint8), findings)


def test_a_phrase_in_two_places_is_two_findings_about_its_text() -> None:
    [found] = PhrasesStage(PhrasesSettings(), FirstWord()).run([an_item(captions=[a_text("dogs run")])])
    place = PhraseGrounding("dogs", 0.25, about="captions/0", box=(1, 2, 3, 4), span=(0, 4), phrase_score=0.5)
    assert found == [place, place]


def test_a_phrase_found_nowhere_is_a_finding_without_box() -> None:
    [found] = PhrasesStage(PhrasesSettings(), FirstWord()).run([an_item(captions=[a_text("ghost here")])])
    assert found == [PhraseGrounding("ghost", about="captions/0", span=(0, 5), phrase_score=0.5)]


def test_texts_of_whole_images_are_asked_about_with_the_same_image_object() -> None:
    grounder = FirstWord()
    item = an_item(
        zebra=[a_text("late")],
        captions=[a_text("early"), a_text("of a crop", about="detector/0"), Detection("dog", 0.5, box=(0, 0, 1, 1))],
    )
    [found, nothing] = PhrasesStage(PhrasesSettings(), grounder).run([item, an_item()])
    assert grounder.asked == [(id(item.image), "early"), (id(item.image), "late")]
    assert [about_of(one) for one in found] == ["captions/0", "captions/0", "zebra/0", "zebra/0"]
    assert nothing == []


def test_other_granularities_are_left_alone() -> None:
    stage = PhrasesStage(PhrasesSettings(granularities=["detailed"]), FirstWord())
    assert stage.run([an_item(captions=[a_text("dogs run")])]) == [[]]


def test_noun_chunks_come_from_the_bundled_parser() -> None:
    parser = Parser(ParserSettings())
    parser.load()
    text = "A brown dog chases two balls."
    [spans] = NounChunks(parser)([text])
    assert [text[start:end] for start, end in spans] == ["A brown dog", "two balls"]


def test_the_parser_is_in_the_fingerprint_only_where_it_is_used() -> None:
    files = {"weights": "x.pth", "text_encoder": "bert"}
    chunks = PhrasesSettings.model_validate({"specialist": {"backend": "groundingdino", "phrases": "chunks", **files}})
    with_parser = PhrasesStage(chunks, FirstWord()).fingerprint()
    assert any(name.startswith("parser_") for name in with_parser)
    assert not any(name.startswith("parser_") for name in PhrasesStage(PhrasesSettings(), FirstWord()).fingerprint())
    assert build_grounder(chunks.specialist, NounChunks(Parser(ParserSettings()))) is not None


def test_grounding_dino_cannot_be_set_up_without_its_text_encoder() -> None:
    with pytest.raises(ValidationError, match="text_encoder"):
        PhrasesSettings.model_validate({"specialist": {"backend": "groundingdino", "weights": "x.pth"}})
