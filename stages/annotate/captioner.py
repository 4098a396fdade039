"""The captioner's stage: texts of whole images, or of the boxes that others found.

Comes in: images, with upstream boxes where `of: boxes`. Goes out: `ScoredCaption`s, for an image in the order of the
granularities, for boxes in the order of `choose_boxes` (best first), all granularities of a box together:

    captioner/0  Caption("a dog with a ball", 0.71, granularity="brief")
    crops/0      Caption("a brown dog", 0.80, "detector/0", "brief")
"""

from typing import Annotated, Literal, Self, cast

from pydantic import Field, field_validator, model_validator

from shards.finding import Caption, Finding, Granularity
from shards.settings import Settings, named_once
from specialists import roles
from specialists.blip import BlipCaptioner, BlipSettings
from specialists.custom import CustomSettings, build_custom
from specialists.florence2 import Florence2Captioner, Florence2CaptionerSettings
from specialists.roles import Captioner, Fingerprint, Image
from stages.annotate.boxes import BoxInputs, choose_boxes, crop
from stages.annotate.resources import Resources
from stages.annotate.subset import SubsetSettings
from stages.stage import Item

CaptionerSettings = Annotated[
    Florence2CaptionerSettings | BlipSettings | CustomSettings, Field(discriminator="backend")
]


class CaptionsSettings(Settings):
    """An annotator that writes texts."""

    role: Literal["captioner"] = Field("captioner", description="writes texts about images or boxes")
    specialist: CaptionerSettings = Field(Florence2CaptionerSettings(), description="the model")
    of: Literal["image", "boxes"] = Field("image", description="image: the whole image, boxes: crops of upstream boxes")
    granularities: list[Granularity] = Field(["brief"], min_length=1, description="brief, detailed, more_detailed")
    boxes: BoxInputs = Field(BoxInputs(), description="which boxes are captioned, where of: boxes")
    subset: SubsetSettings | None = Field(None, description="the only images that it sees; null: all")
    needs: list[str] | None = Field(None, description="annotators whose boxes are used; null: all that find boxes")
    resources: Resources = Field(Resources(), description="what one actor needs")

    _different = field_validator("granularities")(named_once)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if isinstance(self.specialist, BlipSettings) and self.granularities != ["brief"]:
            raise ValueError(f"blip writes brief texts only, got granularities {self.granularities}: use florence2")
        return self


def build_captioner(settings: CaptionerSettings) -> Captioner:
    """The specialist of these settings; cheap, nothing is loaded."""
    match settings:
        case Florence2CaptionerSettings():
            return Florence2Captioner(settings)
        case BlipSettings():
            return BlipCaptioner(settings)
        case CustomSettings():
            return cast(Captioner, build_custom(settings, "caption"))


class CaptionsStage:
    """Captions images, or crops of upstream boxes. An empty text is a finding, too: filters say why it goes."""

    def __init__(self, settings: CaptionsSettings, captioner: Captioner | None = None) -> None:
        self._settings = settings
        self._captioner = captioner or build_captioner(settings.specialist)

    def load(self) -> None:
        """Load the captioner."""
        self._captioner.load()

    def close(self) -> None:
        """Close the captioner."""
        self._captioner.close()

    def fingerprint(self) -> Fingerprint:
        """The captioner's facts and what this stage asks for."""
        facts = self._captioner.fingerprint() | {
            "of": self._settings.of,
            "granularities": [*self._settings.granularities],
        }
        if self._settings.of == "boxes":
            facts["boxes"] = self._settings.boxes.model_dump_json()
        return facts

    def run(self, items: list[Item]) -> list[list[Finding]]:
        """Captions per item. All pictures of the batch go to the captioner together."""
        pictures, abouts = [], []
        for item in items:
            chosen = self._pictures(item)
            pictures += [picture for picture, _ in chosen]
            abouts.append([about for _, about in chosen])
        by_granularity = [
            self._captioner.caption(pictures, granularity) for granularity in self._settings.granularities
        ]
        captions = iter(list(zip(*by_granularity, strict=True)))
        return [[finding for about in some for finding in self._findings(about, next(captions))] for some in abouts]

    def _pictures(self, item: Item) -> list[tuple[Image, str]]:
        """What is captioned of an item, and the reference of the box that it shows ("" = the whole image)."""
        if self._settings.of == "image":
            return [(item.image, "")]
        height, width = item.image.shape[:2]
        of = self._settings.boxes
        chosen = choose_boxes(item.findings, width, height, of)
        return [(crop(item.image, one.box, of.padding), one.ref) for one in chosen]

    def _findings(self, about: str, captions: tuple[roles.ScoredCaption, ...]) -> list[Finding]:
        return [
            Caption(caption.text, caption.score, about=about, granularity=granularity)
            for granularity, caption in zip(self._settings.granularities, captions, strict=True)
        ]
