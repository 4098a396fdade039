"""Describer -> `Caption`s: long texts of whole images, from the picture and what others found in it.

Comes in: items with upstream texts, boxes and words. Goes out, per granularity:

    Caption("A brown dog runs after a red ball on the grass. ...", granularity="detailed")

What the describer is told: the first brief text (a human's before a model's), and for each of the best boxes what is
known of it: the text of its crop, else its label; for words in the picture `the text "EXIT"`.
"""

import math
from typing import Annotated, Literal, cast

from pydantic import Field, ValidationInfo, field_validator

from shards.finding import GIVEN, Caption, Finding, Kind, kind_of
from shards.settings import Settings, named_once
from specialists.custom import CustomSettings, build_custom
from specialists.lmm_describer import LmmDescriber, LmmSettings
from specialists.openai_describer import OpenAiDescriber
from specialists.openai_settings import OpenAiSettings
from specialists.roles import Context, Describer, Fingerprint
from stages.annotate.boxes import BoxInput, BoxInputs, choose_boxes
from stages.annotate.resources import Resources
from stages.annotate.subset import SubsetSettings
from stages.stage import Item

SPARE_S = 30.0
LEAST_S = 300.0
"""For pictures to be read and encoded, beside the requests."""
LongText = Literal["detailed", "more_detailed"]
DescriberSettings = Annotated[OpenAiSettings | LmmSettings | CustomSettings, Field(discriminator="backend")]


class DescriptionsSettings(Settings):
    """An annotator that writes long texts about images."""

    role: Literal["describer"] = Field("describer", description="writes detailed texts from what others found")
    specialist: DescriberSettings = Field(description="the model or endpoint")
    granularities: list[LongText] = Field(["detailed"], min_length=1, description="detailed, more_detailed")
    boxes: BoxInputs = Field(
        BoxInputs(kinds=["object", "ocr"], min_score=0.3, max_boxes=30),
        description="which boxes it hears of",
    )
    subset: SubsetSettings | None = Field(None, description="the only images that it sees; null: all")
    needs: list[str] | None = Field(
        None, description="annotators whose findings it hears of; null: captioners, detectors and readers"
    )
    resources: Resources = Field(
        Resources(), description="what one actor needs; timeout_s of an endpoint: at least what its requests may take"
    )

    @field_validator("resources")
    @classmethod
    def _in_time(cls, value: Resources, others: ValidationInfo) -> Resources:
        """A call that is cut off by the engine, while its requests are still on their way, would pay for them again."""
        of, levels = others.data.get("specialist"), others.data.get("granularities", ())
        if not isinstance(of, OpenAiSettings):
            return value
        rounds = math.ceil(value.batch_size / of.concurrency) * len(levels)
        longest = rounds * of.timeout_s + SPARE_S
        if value.timeout_s is None:
            return value.model_copy(update={"timeout_s": max(longest, LEAST_S)})
        if value.timeout_s >= longest:
            return value
        raise ValueError(
            f"resources.timeout_s must be at least {longest:g} s, got {value.timeout_s:g}: {value.batch_size} images,"
            f" {of.concurrency} at a time, {len(levels)} texts each, {of.timeout_s:g} s per text (specialist.timeout_s)"
        )

    _different = field_validator("granularities")(named_once)


def build_describer(settings: DescriberSettings) -> Describer:
    """The specialist of these settings; cheap, nothing is loaded."""
    match settings:
        case OpenAiSettings():
            return OpenAiDescriber(settings)
        case LmmSettings():
            return LmmDescriber(settings)
        case CustomSettings():
            return cast(Describer, build_custom(settings, "describe"))


class DescriptionsStage:
    """See `stages.stage.Stage`."""

    def __init__(self, settings: DescriptionsSettings, describer: Describer | None = None) -> None:
        self._settings = settings
        self._describer = describer or build_describer(settings.specialist)

    def load(self) -> None:
        """Load the describer."""
        self._describer.load()

    def run(self, items: list[Item]) -> list[list[Finding]]:
        """One text per granularity and item. An ItemError of the describer names the item."""
        images = [item.image for item in items]
        contexts = [self._context(item) for item in items]
        texts = [self._describer.describe(images, contexts, level) for level in self._settings.granularities]
        return [
            [
                Caption(caption.text, caption.score, granularity=level)
                for level, caption in zip(self._settings.granularities, captions, strict=True)
            ]
            for captions in zip(*texts, strict=True)
        ]

    def fingerprint(self) -> Fingerprint:
        """The describer's facts and what it hears of."""
        facts: Fingerprint = {
            "granularities": [*self._settings.granularities],
            "boxes": self._settings.boxes.model_dump_json(),
        }
        return facts | self._describer.fingerprint()

    def close(self) -> None:
        """Close the describer."""
        self._describer.close()

    def _context(self, item: Item) -> Context:
        names = sorted(item.findings, key=lambda name: (name != GIVEN, name))
        captions = [finding for name in names for finding in item.findings[name] if isinstance(finding, Caption)]
        briefs = [caption.text for caption in captions if not caption.about and caption.granularity in ("brief", None)]
        crops = {
            caption.about: caption.text for caption in reversed(captions) if caption.about and caption.text.strip()
        }
        height, width = item.image.shape[:2]
        chosen = choose_boxes(item.findings, width, height, self._settings.boxes)
        kinds = {box.ref: _kind(item, box) for box in chosen}
        regions = [(_name(box, kinds[box.ref], crops), box.box) for box in chosen]
        return Context(next(iter(briefs), ""), [(text, box) for text, box in regions if text])


def _kind(item: Item, box: BoxInput) -> Kind:
    name, _, index = box.ref.rpartition("/")
    return kind_of(item.findings[name][int(index)])


def _name(box: BoxInput, kind: Kind, crops: dict[str, str]) -> str:
    """What is known of a box, "" if nothing is."""
    if kind == "ocr":
        return f'the text "{box.label}"' if box.label.strip() else ""
    return crops.get(box.ref, box.label).strip()
