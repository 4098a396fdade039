import numpy as np
import pytest
from pydantic import ValidationError

from shards.finding import Caption, Detection, Finding, Granularity, about_of, kind_of, text_of
from specialists import roles
from specialists.roles import Fingerprint, Image
from stages.annotate.boxes import BoxInputs
from stages.annotate.captioner import CaptionsSettings, CaptionsStage
from stages.stage import Item


class SizeCaptioner:
    """Says how large each picture is."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def load(self) -> None: ...

    def caption(self, images: list[Image], granularity: Granularity) -> list[roles.ScoredCaption]:
        self.calls.append(len(images))
        return [roles.ScoredCaption(f"{granularity} {image.shape[1]}x{image.shape[0]}", 0.5) for image in images]

    def fingerprint(self) -> Fingerprint:
        return {"backend": "size"}

    def close(self) -> None: ...


def item(key: str, width: int, height: int, **findings: list[Finding]) -> Item:
    return Item(key, np.zeros((height, width, 3), dtype=np.uint8), findings)


def detected(box: tuple[float, float, float, float], score: float) -> Finding:
    return Detection("dog", score, box=box)


def test_an_image_has_one_text_per_granularity() -> None:
    captioner = SizeCaptioner()
    stage = CaptionsStage(CaptionsSettings(granularities=["detailed", "brief"]), captioner)
    first, second = stage.run([item("a", 30, 20), item("b", 8, 9)])
    assert first == [
        Caption("detailed 30x20", 0.5, granularity="detailed"),
        Caption("brief 30x20", 0.5, granularity="brief"),
    ]
    assert [text_of(f) for f in second] == ["detailed 8x9", "brief 8x9"]
    assert captioner.calls == [2, 2]


def test_boxes_are_captioned_as_crops_in_one_call_and_name_their_finding() -> None:
    captioner = SizeCaptioner()
    settings = CaptionsSettings(of="boxes", boxes=BoxInputs(padding=0.5))
    boxes = [detected((0, 0, 10, 10), 0.5), detected((40, 40, 60, 50), 0.9), detected((0, 0, 5, 5), 0.01)]
    first, none, last = CaptionsStage(settings, captioner).run(
        [item("a", 100, 80, det=boxes), item("b", 9, 9), item("c", 50, 50, det=[detected((0, 0, 50, 50), 0.3)])]
    )
    assert [(text_of(f), about_of(f)) for f in first] == [("brief 40x20", "det/1"), ("brief 15x15", "det/0")]
    assert none == []
    assert [(kind_of(f), text_of(f), about_of(f)) for f in last] == [("text", "brief 50x50", "det/0")]
    assert captioner.calls == [3]


def test_the_fingerprint_follows_what_is_asked() -> None:
    def facts(**settings: object) -> Fingerprint:
        return CaptionsStage(CaptionsSettings.model_validate(settings), SizeCaptioner()).fingerprint()

    assert facts()["backend"] == "size"
    assert facts() == facts(boxes={"max_boxes": 3})  # boxes do not matter for whole images
    assert facts(of="boxes") != facts(of="boxes", boxes={"max_boxes": 3})
    assert facts() != facts(granularities=["detailed"])


def test_what_cannot_be_asked_is_refused_in_the_config() -> None:
    with pytest.raises(ValidationError, match="granularities must differ"):
        CaptionsSettings(granularities=["brief", "brief"])
    with pytest.raises(ValidationError, match="blip writes brief texts only"):
        CaptionsSettings.model_validate(
            {"specialist": {"backend": "blip", "weights": "x"}, "granularities": ["detailed"]}
        )
    with pytest.raises(ValidationError, match="backend"):
        CaptionsSettings.model_validate({"specialist": {"backend": "unknown"}})
