"""The describer's stage: what a describer is told, and what is kept of its answers."""

import numpy as np
import pytest
from pydantic import ValidationError

from shards.finding import Caption, Detection, Finding, Granularity, OcrLine, text_of
from specialists import roles
from specialists.openai_settings import OpenAiSettings
from specialists.roles import Context, Fingerprint, Image, ItemError
from stages.annotate.boxes import BoxInputs
from stages.annotate.describer import DescriptionsSettings, DescriptionsStage
from stages.stage import Item


class Parrot:
    """Repeats what it is told; refuses to speak of parrots."""

    def __init__(self) -> None:
        self.contexts: list[Context] = []

    def load(self) -> None: ...

    def describe(
        self, images: list[Image], contexts: list[Context], granularity: Granularity
    ) -> list[roles.ScoredCaption]:
        self.contexts += contexts
        for index, context in enumerate(contexts):
            if "parrot" in context.brief:
                raise ItemError(index, "refused")
        return [roles.ScoredCaption(f"{granularity}: {context.brief}", 0.5) for context in contexts]

    def fingerprint(self) -> Fingerprint:
        return {"backend": "parrot"}

    def close(self) -> None: ...


def settings(**values: object) -> DescriptionsSettings:
    return DescriptionsSettings.model_validate({"specialist": OpenAiSettings(model="m"), **values})


def item(**findings: list[Finding]) -> Item:
    return Item("image", np.zeros((100, 200, 3), np.uint8), findings)


def text(words: str, about: str = "", granularity: Granularity | None = "brief") -> Finding:
    return Caption(words, about=about, granularity=granularity)


DOG = Detection("dog", 0.9, box=(0.0, 0.0, 50.0, 60.0))
CAT = Detection("cat", 0.8, box=(60.0, 0.0, 90.0, 60.0))
UNNAMED = Detection(score=0.7, box=(100.0, 0.0, 120.0, 60.0))
SIGN = OcrLine("EXIT", 0.95, box=(0.0, 70.0, 40.0, 80.0))


def context(found: Item, **values: object) -> Context:
    parrot = Parrot()
    DescriptionsStage(settings(**values), parrot).run([found])
    [only] = parrot.contexts
    return only


def test_the_describer_hears_of_the_brief_text_and_the_best_boxes() -> None:
    heard = context(
        item(
            detector=[CAT, DOG, UNNAMED],
            crops=[text("a brown dog", "detector/1"), text("another text", "detector/1"), text(" ", "detector/0")],
            captioner=[text("a long text", granularity="detailed"), text("a dog and a cat")],
            reader=[SIGN],
        )
    )
    assert heard.brief == "a dog and a cat"
    assert heard.regions == [('the text "EXIT"', SIGN.box), ("a brown dog", DOG.box), ("cat", CAT.box)]


def test_a_humans_text_comes_first() -> None:
    assert (
        context(item(captioner=[text("by a model")], given=[text("by a human", granularity=None)])).brief
        == "by a human"
    )


def test_nothing_known_is_an_empty_context() -> None:
    heard = context(item())
    assert (heard.brief, heard.regions) == ("", [])


def test_the_choice_of_boxes_is_the_settings() -> None:
    heard = context(item(detector=[CAT, DOG], reader=[SIGN]), boxes=BoxInputs(max_boxes=1))
    assert [name for name, _ in heard.regions] == ["dog"]


def test_each_granularity_is_a_finding_about_the_whole_image() -> None:
    stage = DescriptionsStage(settings(granularities=["more_detailed", "detailed"]), Parrot())
    first, second = stage.run([item(captioner=[text("a dog")]), item()])
    assert first == [
        Caption("more_detailed: a dog", 0.5, granularity="more_detailed"),
        Caption("detailed: a dog", 0.5, granularity="detailed"),
    ]
    assert [text_of(each) for each in second] == ["more_detailed: ", "detailed: "]


def test_a_refusal_names_its_item() -> None:
    with pytest.raises(ItemError, match="refused") as caught:
        DescriptionsStage(settings(), Parrot()).run([item(), item(captioner=[text("a parrot")])])
    assert caught.value.index == 1


def test_an_empty_batch() -> None:
    assert DescriptionsStage(settings(), Parrot()).run([]) == []


def test_the_fingerprint_covers_what_is_asked_and_told() -> None:
    facts = DescriptionsStage(settings(), Parrot()).fingerprint()
    assert facts["backend"] == "parrot"
    assert DescriptionsStage(settings(granularities=["more_detailed"]), Parrot()).fingerprint() != facts
    assert DescriptionsStage(settings(boxes=BoxInputs(max_boxes=3)), Parrot()).fingerprint() != facts


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValidationError, match="granularities must differ"):
        settings(granularities=["detailed", "detailed"])
    with pytest.raises(ValidationError, match="Input should be 'detailed' or 'more_detailed'"):
        settings(granularities=["brief"])


def test_a_call_may_take_as_long_as_its_requests() -> None:
    """Or the engine would cut it off, and pay for its images again."""
    endpoint = {"backend": "openai", "model": "m", "timeout_s": 120, "concurrency": 8}
    two = {"granularities": ["detailed", "more_detailed"], "specialist": endpoint}
    assert DescriptionsSettings.model_validate({"specialist": endpoint}).resources.timeout_s == 300
    assert DescriptionsSettings.model_validate(two).resources.timeout_s == 2 * 2 * 120 + 30
    larger = DescriptionsSettings.model_validate(two | {"resources": {"batch_size": 32}}).resources
    assert (larger.batch_size, larger.timeout_s) == (32, 2 * 4 * 120 + 30)
    with pytest.raises(ValidationError, match=r"must be at least 510 s, got 300: 16 images, 8 at a time, 2 texts each"):
        DescriptionsSettings.model_validate(two | {"resources": {"timeout_s": 300}})
