"""The matcher's stage: which boxes and texts are compared, and what is kept of it."""

import numpy as np
import pytest

from filters.parser import ParserSettings
from shards.finding import Caption, Detection, Finding, Match
from specialists.roles import Fingerprint, Image, Scores
from stages.annotate.boxes import BoxInputs
from stages.annotate.matcher import MatchesSettings, MatchesStage
from stages.stage import Item
from tests.typed import typed


class LengthMatcher:
    """Likes long texts: the similarity is the share of 100 characters."""

    def __init__(self) -> None:
        self.crops: list[tuple[int, ...]] = []

    def load(self) -> None: ...

    def similarity(self, crops: list[Image], texts: list[list[str]]) -> list[Scores]:
        self.crops += [crop.shape for crop in crops]
        return [np.array([len(text) / 100 for text in own], np.float32) for own in texts]

    def fingerprint(self) -> Fingerprint:
        return {"backend": "length"}

    def close(self) -> None: ...


def item(**findings: list[Finding]) -> Item:
    return Item("image", np.zeros((100, 200, 3), np.uint8), findings)


def box(label: str, score: float, x: float = 0.0) -> Finding:
    return Detection(label, score, box=(x, 0.0, x + 20.0, 30.0))


def caption(text: str, about: str) -> Finding:
    return Caption(text, about=about, granularity="brief")


def said(findings: list[Finding]) -> list[tuple[str, str | None, str]]:
    return [(each.about, each.slot, each.text) for each in typed(findings, Match)]


@pytest.fixture(scope="module")
def stage() -> MatchesStage:
    out = MatchesStage(MatchesSettings(), LengthMatcher())
    out.load()
    return out


def test_a_box_is_compared_with_label_crop_text_and_its_noun_chunks(stage: MatchesStage) -> None:
    [found] = stage.run([item(detector=[box("dog", 0.9)], crops=[caption("a brown dog with a ball", "detector/0")])])
    assert said(found) == [
        ("detector/0", "phrase", "dog"),
        ("detector/0", "brief", "a brown dog with a ball"),
        ("detector/0", "chunk", "a brown dog"),
        ("detector/0", "chunk", "a ball"),
    ]
    assert [round(each.score or 0, 2) for each in found] == [0.03, 0.23, 0.11, 0.06]


def test_items_keep_their_own_boxes_and_texts_in_one_call(stage: MatchesStage) -> None:
    first, empty, last = stage.run(
        [
            item(detector=[box("dog", 0.4), box("cat", 0.9, x=50)], crops=[caption("a cat", "detector/1")]),
            item(),
            item(detector=[box("", 0.5), box("", 0.6, x=60)], crops=[caption("", "detector/0")]),
        ]
    )
    assert said(first)[:2] == [("detector/1", "phrase", "cat"), ("detector/1", "brief", "a cat")]
    assert said(first)[-1] == ("detector/0", "phrase", "dog")
    assert empty == []
    assert last == []  # boxes that nothing names have no candidates


def test_a_chunk_that_repeats_is_asked_once_and_the_number_is_limited() -> None:
    stage = MatchesStage(MatchesSettings(max_chunks=1), LengthMatcher())
    stage.load()
    texts = [caption("a dog near a ball", "detector/0"), caption("a dog on the grass", "detector/0")]
    [found] = stage.run([item(detector=[box("dog", 0.9)], crops=texts)])
    assert [each.text for each in typed(found, Match) if each.slot == "chunk"] == ["a dog"]


def test_without_chunks_no_parser_is_loaded() -> None:
    settings = MatchesSettings(max_chunks=0, parser=ParserSettings(pipeline="not_installed"))
    stage = MatchesStage(settings, LengthMatcher())
    stage.load()
    [found] = stage.run([item(detector=[box("dog", 0.9)], crops=[caption("a dog", "detector/0")])])
    assert [each.slot for each in typed(found, Match)] == ["phrase", "brief"]
    assert "parser" not in stage.fingerprint()


def test_crops_are_cut_as_the_settings_say() -> None:
    matcher = LengthMatcher()
    settings = MatchesSettings(max_chunks=0, boxes=BoxInputs(padding=0.5, min_score=0.5))
    MatchesStage(settings, matcher).run([item(detector=[box("dog", 0.9, x=50), box("cat", 0.4)])])
    assert matcher.crops == [(45, 40, 3)]


def test_the_fingerprint_covers_boxes_chunks_and_parser() -> None:
    facts = MatchesStage(MatchesSettings(), LengthMatcher()).fingerprint()
    assert facts["backend"] == "length"
    assert facts["parser"]
    others = [MatchesSettings(max_chunks=3), MatchesSettings(boxes=BoxInputs(max_boxes=2))]
    assert all(MatchesStage(other, LengthMatcher()).fingerprint() != facts for other in others)
